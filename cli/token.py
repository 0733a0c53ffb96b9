"""Commands of tokens."""

from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_list, say
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Make, list and revoke tokens.")
Role = Annotated[
    str | None,
    typer.Option(
        help="reader, reviewer, approver, auditor, admin or source; narrows an account's."
    ),
]
Account = Annotated[
    str | None, typer.Option(help="Whose it is; else a new machine's, with just this role.")
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="Only these; repeat it.")]
Source = Annotated[str | None, typer.Option(help="The source that a source token speaks for.")]
Namespaces = Annotated[list[str] | None, typer.Option("--namespace", help="Only these; repeat it.")]
Days = Annotated[int | None, typer.Option(min=1, max=365, help="How long it lasts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
PATH = "/api/v1/tokens"
SHOWN = (
    "public_id",
    "account",
    "role",
    "source",
    "namespaces",
    "expires_at",
    "last_used_on",
    "revoked_at",
)


@app.command()
def create(  # noqa: PLR0913  # options of one command
    *,
    account: Account = None,
    role: Role = None,
    source: Source = None,
    namespace: Namespaces = None,
    scope: Scopes = None,
    days: Days = None,
    bootstrap: Annotated[
        bool, typer.Option("--bootstrap", help="The first one, made on the database host.")
    ] = False,
    recover: Annotated[
        bool, typer.Option("--recover", help="A later one, when the admin's is lost.")
    ] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make a token. It is printed once and stored nowhere.

    An account's token may do what the account may, unless it is narrowed. Without an account and a
    role it is a reader's.
    """
    asked: dict[str, Any] = {
        "account": account, "role": role, "source": source, "namespaces": namespace,
        "scopes": scope, "days": days,
    }  # fmt: skip
    asked = {name: value for name, value in asked.items() if value}
    first = bootstrap or recover
    if first and (asked or (bootstrap and recover)):
        raise Stop("--bootstrap and --recover stand alone: such a token makes one other, once, "
                   "which has the role and the account.", Exit.WRONG_USE)  # fmt: skip
    if not first and not account and not role:
        asked["role"] = "reader"
    if dry_run:
        say(f"Would make a token: {'good for one use' if first else asked}")
        return
    made = _first(recover=recover) if first else Client.from_environment().post(PATH, asked)
    if as_json:
        print_json(made)
        return
    say(f"Ends {made['expires_at']}. It is shown this once; use it as MODEL_CATALOG_TOKEN.")
    if first:
        say("It is good for one use: run `model-catalog token create --role admin` with it; "
            "--account NAME says who you are.")  # fmt: skip
    typer.echo(made["token"])


@app.command("list")
def list_all(*, as_json: Json = False) -> None:
    """List tokens by public id, never the secret."""
    print_list(Client.from_environment().get(PATH), SHOWN, as_json=as_json)


@app.command()
def revoke(
    public_id: Annotated[str, typer.Argument(help="The eight characters after mcat…_.")],
    *,
    dry_run: DryRun = False,
) -> None:
    """End a token at once."""
    client = Client.from_environment()
    if not dry_run:
        client.delete(f"{PATH}/{path_segment(public_id)}")
    elif public_id not in {one["public_id"] for one in client.get(PATH)}:
        raise Stop("No token has this public id: `token list` shows them.", Exit.NOT_FOUND)
    else:
        say("Would end it.")
    typer.echo(public_id)


def _first(*, recover: bool) -> dict[str, str]:
    from cli.database import operated, operator
    from service.access import tokens

    with operated() as database:
        actor = operator()
        text, ends = database.transact(
            lambda session: tokens.bootstrap(session, actor=actor, recover=recover)
        )
    return {"token": text, "expires_at": ends.isoformat()}
