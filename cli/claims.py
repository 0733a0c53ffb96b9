"""Commands of contested claims: list them, decide one."""

from typing import Annotated, Final, Literal

import typer

from cli.client import Client
from cli.output import Json, print_json, print_list, say
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Decide who is what several things claim to be.")
PATH: Final = "/api/v1/contested-claims"
COLUMNS: Final = ("id", "entry_name", "claimant", "source", "since", "state", "decisions")


@app.command("list")
def list_claims(
    *,
    kind: Annotated[str | None, typer.Option(help="Of these kinds, with commas.")] = None,
    namespace: Annotated[str | None, typer.Option(help="In these, with commas.")] = None,
    source: Annotated[str | None, typer.Option(help="By these sources, with commas.")] = None,
    state: Annotated[
        Literal["open", "decided", "all"], typer.Option(help="Waiting, decided, or both.")
    ] = "open",
    as_json: Json = False,
) -> None:
    """List contested claims, the newest first."""
    given = {"kind": kind, "namespace": namespace, "source": source}
    asked = {name: value for name, value in given.items() if value is not None}
    asked["state"] = "open,decided" if state == "all" else state
    print_list(Client.from_environment().pages(PATH, **asked), COLUMNS, as_json=as_json)


@app.command()
def decide(
    claim: Annotated[str, typer.Argument(help="As `claims list` shows it.")],
    decision: Annotated[str, typer.Argument(help="One of those that the list shows.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; the ledger keeps it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only try it.")] = False,
    as_json: Json = False,
) -> None:
    """Decide a claim; the claimant's record is tried again where that lets it in."""
    query = {"dry_run": "true"} if dry_run else {}
    asked = {"decision": decision, "reason": reason}
    path = f"{PATH}/{path_segment(claim)}:decide"
    done = Client.from_environment().change("POST", path, body=asked, **query)
    if as_json:
        print_json(done)
        return
    say(f"The claimant's record: {done['retried'].replace('_', ' ')}.")
    typer.echo(done["claim"]["id"])
