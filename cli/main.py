"""The command `model-catalog`: its groups are imported when they are used."""

import os
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

COMMANDS: Final = {  # name → (module, help)
    "demo": ("cli.demo", "Everything on this machine, filled from a sample MLflow server."),
    "serve": ("cli.serve", "The API."),
    "worker": ("cli.worker", "Harvest whatever is due, and tidy up, until stopped."),
    "db": ("cli.db", "Migrations, roles and copies of the database."),
    "source": ("cli.source", "Declare the places that facts come from."),
    "harvest": ("cli.harvest", "Read one source once; what cron calls."),
    "push": ("cli.push", "Post what a build says, manifests, or observations from files."),
    "import": ("cli.importing", "Enter the models of an inventory in CSV or XLSX."),
    "check": ("cli.check", "Check manifests, without a server: code, place, reason and fix."),
    "init": ("cli.init", "Write a first model.yaml from what a repository shows."),
    "manifest": ("cli.manifest", "Upgrade manifests; print the schema that editors use."),
    "list": ("cli.read", "List models, versions, training runs, datasets, owners and the like."),
    "show": ("cli.show", "Show one thing, and where each of its facts comes from."),
    "history": ("cli.history", "Say what happened to one thing, and why."),
    "lineage": ("cli.lineage", "Say what something was made from, and what was made from it."),
    "export": ("cli.read", "Write a list as CSV, JSON Lines or XLSX, or a bundle for reviewers."),
    "exports": ("cli.bundle", "List bundles for reviewers, take them, cancel them."),
    "export-schedule": ("cli.bundle", "Let a bundle be built each month, quarter or year."),
    "verify": ("cli.verify", "Verify a bundle for risk reviews, without a server if need be."),
    "diff": ("cli.verify", "Say what differs between two bundles, and why."),
    "explain-cell": ("cli.cells", "Say what one cell of a file for risk reviews rests on."),
    "succession": ("cli.succession", "Say who might answer for a model next."),
    "pin": ("cli.pins", "Let a value of yours hold, whatever sources say."),
    "unpin": ("cli.pins", "Release a pin: what sources say holds again."),
    "conflicts": ("cli.conflicts", "List the fields that sources disagree about, and decide one."),
    "coverage": ("cli.reports", "Say how fresh each part of each source is, and what it lacks."),
    "unknowns": ("cli.reports", "List what no source could tell, and what would tell it."),
    "deployments": (
        "cli.deployments",
        "Decide about what runs and is not accounted for; list ghosts.",
    ),
    "sample": ("cli.sample", "Say what was drawn by chance, what it proves; compute it again."),
    "kpis": ("cli.kpis", "Print the figures for leadership."),
    "receiver": ("cli.receiver", "Let other systems be told of events; look what arrived."),
    "review": ("cli.review", "Review versions, decide about them, ask what may be deployed."),
    "absence": ("cli.absence", "Say who is away, and who reviews meanwhile."),
    "legal-hold": ("cli.legal_hold", "Keep everything about a model while a hold stands."),
    "time-to-catalog": ("cli.reports", "Say how long events took to reach the catalog."),
    "explain": ("cli.show", "Say why something is, or is not, in the catalog."),
    "quarantine": ("cli.quarantine", "Decide about what was refused or held back."),
    "finding": ("cli.finding", "Record what is wrong with a model, and mend it."),
    "waiver": ("cli.concession", "Waive a control for a model until a day."),
    "exception": ("cli.concession", "Use a version before it is approved."),
    "override": ("cli.concession", "Set a use's tier above or below its facts."),
    "exemption": ("cli.concession", "Let a use count as NEGLIGIBLE."),
    "attest": ("cli.attest", "Confirm what owners have to confirm."),
    "merge": ("cli.identity", "Say that two entries are one thing."),
    "unmerge": ("cli.identity", "Say that two merged entries are two after all."),
    "claims": ("cli.claims", "List contested claims, and decide one."),
    "tier": ("cli.tier", "How risky a model is and why, what to answer next, what that would do."),
    "controls": ("cli.controls", "Say what controls found, and how to mend it."),
    "policy": ("cli.policy", "Versions of the tiering policy: check, preview, put one in force."),
    "pack": ("cli.pack", "Versions of packs of controls: check, preview, put one in force."),
    "reconcile": ("cli.reconcile", "Fold every entry again and repair what differs."),
    "evaluate": ("cli.evaluate", "Do the periodic jobs once; the worker does them too."),
    "ledger": ("cli.ledger", "Verify the change ledger; print its newest checkpoint."),
    "account": ("cli.account", "Make accounts, grant roles, map owners to accounts."),
    "token": ("cli.token", "Make, list and revoke tokens."),
    "doctor": ("cli.doctor", "Look whether everything is as it should be, and say what to do."),
}


ASKING: Final = {  # with a token
    "account", "merge", "unmerge", "claims",
    "pin", "unpin", "conflicts",
    "source", "harvest", "push", "import", "check", "init", "manifest", "list", "show", "history",
    "export", "exports", "export-schedule", "verify", "diff", "explain", "explain-cell", "token",
    "tier", "controls", "policy", "pack",
    "receiver", "sample", "kpis", "lineage", "succession", "quarantine", "coverage", "unknowns",
    "deployments",
    "time-to-catalog",
    "review", "absence", "legal-hold",
}  # fmt: skip
COMPLETION: Final = {"install_completion", "show_completion"}  # the root's business, not theirs


class LazyGroup(TyperGroup):
    """Knows its commands by name and help; imports a module only when one of its commands runs."""

    def __init__(self, **attributes: Any) -> None:
        """Enough of each command to list it, and to name the nearest one."""
        super().__init__(**attributes)
        self.commands = {
            name: TyperCommand(name, help=said) for name, (_, said) in COMMANDS.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is asked for, from its module."""
        name, _, rest = super().resolve_command(ctx, args)
        found = typer.main.get_command(import_module(COMMANDS[name or ""][0]).app)
        command = getattr(found, "commands", {}).get(name, found)
        command.name = name
        command.params = [option for option in command.params if option.name not in COMPLETION]
        if name in ASKING:  # accepted before the command and after it
            for leaf in getattr(command, "commands", {name: command}).values():
                leaf.params += [option for option in self.params if option.name == "_token_file"]
        return name, command, rest


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawn boxes would cost --help more than everything else
)


def use_token_file(path: str | None) -> None:
    """Let it stand for the variable, for whichever part of the command reads the token."""
    if path:
        os.environ["MODEL_CATALOG_TOKEN_FILE"] = path


@app.callback()
def options(
    _token_file: Annotated[
        str | None,
        typer.Option(
            "--token-file",
            metavar="FILE",
            callback=use_token_file,
            expose_value=False,
            help="File that holds the token; else MODEL_CATALOG_TOKEN_FILE or MODEL_CATALOG_TOKEN.",
        ),
    ] = None,
) -> None:
    """The model catalog that fills itself. Settings stand in docs/settings.md."""


def main() -> Any:
    """Run the command; every way out has an exit code of its own."""
    from cli.exits import run  # keeps --help light

    return run(app)


if __name__ == "__main__":
    main()
