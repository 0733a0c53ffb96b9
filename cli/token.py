"""Commands of tokens."""

import json
from typing import Annotated, Any

import typer

from cli.database import owner_database
from cli.exits import Exit, Stop

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke tokens.")
Role = Annotated[str, typer.Option(help="reader, source or admin.")]
Source = Annotated[str | None, typer.Option(help="The source that a source token speaks for.")]
Namespaces = Annotated[list[str] | None, typer.Option("--namespace", help="Only these; repeat it.")]
Days = Annotated[int | None, typer.Option(min=1, max=365, help="How long it lasts.")]


@app.command()
def create(  # noqa: PLR0913  # options of one command
    *,
    role: Role = "reader",
    source: Source = None,
    namespace: Namespaces = None,
    days: Days = None,
    bootstrap: Annotated[bool, typer.Option(help="The first one, on the database host.")] = False,
    recover: Annotated[bool, typer.Option(help="A later one, when the admin's is lost.")] = False,
) -> None:
    """Make a token. It is printed once and stored nowhere."""
    if bootstrap or recover:
        text, ends = _bootstrap(recover=recover)
        typer.echo(f"good for one use until {ends:%Y-%m-%d %H:%M} UTC:", err=True)
        typer.echo(text)
        return
    from cli.client import Client  # noqa: PLC0415

    asked: dict[str, Any] = {"role": role, "source": source, "namespaces": namespace, "days": days}
    made = Client.from_environment().post(
        "/api/v1/tokens", {name: value for name, value in asked.items() if value}
    )
    typer.echo(f"ends {made['expires_at']}", err=True)
    typer.echo(made["token"])


def _bootstrap(*, recover: bool) -> Any:
    from getpass import getuser  # noqa: PLC0415

    from service.access import tokens  # noqa: PLC0415
    from service.errors import CatalogError  # noqa: PLC0415
    from service.ledger.change import Actor  # noqa: PLC0415

    actor = Actor("operator", getuser(), authn="database host")
    try:
        return owner_database().transact(
            lambda session: tokens.bootstrap(session, actor=actor, recover=recover)
        )
    except tokens.AlreadyBootstrapped as error:
        raise Stop(f"{error.title} {error.fix}", Exit.CONFLICT) from None
    except CatalogError as error:
        raise Stop(f"{error.title} {error.fix}", Exit.UNAVAILABLE) from None


@app.command("list")
def list_all() -> None:
    """List tokens by public id, as JSON lines."""
    from cli.client import Client  # noqa: PLC0415

    for found in Client.from_environment().get("/api/v1/tokens"):
        typer.echo(json.dumps(found))


@app.command()
def revoke(public_id: str) -> None:
    """End a token at once."""
    from cli.client import Client  # noqa: PLC0415

    Client.from_environment().delete(f"/api/v1/tokens/{public_id}")
    typer.echo(public_id)
