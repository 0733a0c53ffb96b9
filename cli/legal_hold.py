"""Commands of legal holds: while one stands, nothing about its model is thrown away."""

from typing import Annotated, Final

import typer

from cli.client import Client
from cli.output import Json, print_document, print_list
from cli.read import Filters, parse_filters

app = typer.Typer(no_args_is_help=True, help="Keep everything about a model.")
Reason = Annotated[str, typer.Option(help="Why; the ledger keeps it.")]
PATH: Final = "/api/v1/legal-holds"
SHOWN: Final = ("id", "model", "reason", "placed_by", "placed_at")


@app.command("list")
def list_all(*, filters: Filters = None, as_json: Json = False) -> None:
    """List the holds under which nothing is thrown away."""
    found = Client.from_environment().pages(PATH, **parse_filters(filters))
    print_list(found, SHOWN, as_json=as_json)


@app.command()
def place(
    model: Annotated[
        str | None, typer.Argument(help="namespace/model; all models if left out.")
    ] = None,
    *,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Keep everything about a model, or about all models."""
    body = {"reason": reason, **({"model": model} if model else {})}
    print_document(Client.from_environment().post(PATH, body), as_json=as_json)


@app.command()
def lift(
    given: Annotated[int, typer.Argument(metavar="HOLD", help="The hold's number.")],
    *,
    reason: Reason,
    as_json: Json = False,
) -> None:
    """Let go again."""
    done = Client.from_environment().post(f"{PATH}/{given}:lift", {"reason": reason})
    print_document(done, as_json=as_json)
