"""Commands of absences: who is away, and who stands in."""

from typing import Annotated, Final

import typer

from cli.client import Client
from cli.output import Json, print_document, print_list
from cli.read import Filters, parse_filters

app = typer.Typer(no_args_is_help=True, help="Say who is away, and who reviews meanwhile.")
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
PATH: Final = "/api/v1/absences"
SHOWN: Final = ("id", "account", "delegate", "from_at", "until_at", "reason")


@app.command()
def state(
    until: Annotated[str, typer.Argument(help="Until when: 2027-01-31T00:00:00Z.")],
    *,
    begin: Annotated[str, typer.Option("--from", help="From when.")],
    delegate: Annotated[str | None, typer.Option(help="Who stands in.")] = None,
    account: Annotated[str | None, typer.Option(help="Who is away; you if left out.")] = None,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Say that you are away, and who stands in."""
    body = {"from_at": begin, "until_at": until, "reason": reason}
    body |= {"delegate": delegate} if delegate else {}
    body |= {"account": account} if account else {}
    print_document(Client.from_environment().post(PATH, body), as_json=as_json)


@app.command("list")
def list_all(*, filters: Filters = None, as_json: Json = False) -> None:
    """List who is away, and who stands in."""
    found = Client.from_environment().pages(PATH, **parse_filters(filters))
    print_list(found, SHOWN, as_json=as_json)


@app.command()
def end(
    absence: Annotated[int, typer.Argument(help="The absence's number.")],
    *,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Say that somebody is back."""
    done = Client.from_environment().post(f"{PATH}/{absence}:end", {"reason": reason})
    print_document(done, as_json=as_json)
