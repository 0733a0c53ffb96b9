"""The command `model-catalog`: its groups are imported when they are used."""

import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Final = {  # name → (module, help)
    "demo": ("cli.demo", "Everything on this machine, filled from a sample MLflow server."),
    "serve": ("cli.serve", "The API."),
    "db": ("cli.db", "Migrations and roles of the database."),
    "source": ("cli.source", "Declare the places that facts come from."),
    "harvest": ("cli.harvest", "Read one source once; what cron calls."),
    "push": ("cli.push", "Post observations from a file, for deploy scripts."),
    "list": ("cli.read", "List models."),
    "show": ("cli.read", "Show one model."),
    "export": ("cli.read", "Write the models as CSV."),
    "reconcile": ("cli.reconcile", "Fold every entry again and repair what differs."),
    "token": ("cli.token", "Make, list and revoke tokens."),
}


class LazyGroup(TyperGroup):
    """Knows its commands by name; imports a module only when one of its commands runs."""

    def list_commands(self, _ctx: Any) -> list[str]:
        """In the order a person meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, name: str) -> Any:
        """The command; while only help is printed, its name and help are enough."""
        if name not in COMMANDS:
            return None
        module, said = COMMANDS[name]
        if ctx.resilient_parsing or ctx.invoked_subcommand is None and _only_helps():
            return TyperCommand(name, help=said)
        found = typer.main.get_command(import_module(module).app)
        command = getattr(found, "commands", {}).get(name, found)
        command.name = name
        return command


def _only_helps() -> bool:
    return len(sys.argv) == 1 or sys.argv[1] in {"--help", "-h"}


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, help=__doc__)


@app.callback()
def options() -> None:
    """The model catalog that fills itself."""


def main() -> Any:
    """Run the command; every way out has an exit code of its own."""
    from cli.exits import run  # noqa: PLC0415  # keeps --help light

    return run(app)


if __name__ == "__main__":
    main()
