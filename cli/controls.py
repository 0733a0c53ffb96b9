"""Commands of controls: what they found, what is missing, and how to mend it."""

from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit
from cli.output import Json, print_list, print_rows, say
from cli.show import address_of

app = typer.Typer(help="What controls found about models.")
COLUMNS: Final = ("model", "control", "result", "severity", "since", "message")
BAD: Final = ("FAIL", "UNKNOWN")


@app.command()
def controls(
    model: Annotated[str | None, typer.Argument(help="namespace/name; without it all.")] = None,
    *,
    result: Annotated[
        list[str] | None, typer.Option(help="FAIL, UNKNOWN, WAIVED, PASS or NOT_APPLICABLE.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List what controls found; of one model also what to do. Exits with 1 where one fails."""
    client = Client.from_environment()
    path = f"{address_of(model, None)}/controls" if model else "/api/v1/controls"
    asked: dict[str, Any] = {"result": ",".join(result)} if result else {}
    found = list(client.pages(path, **asked))
    print_list(found, COLUMNS, as_json=as_json)
    if model and not as_json:
        bad = [one for one in found if one["result"] in BAD]
        say("")
        print_rows(("control", "what to do"), ((one["control"], one["fix"]) for one in bad))
    if any(one["result"] == "FAIL" for one in found):
        raise typer.Exit(Exit.FINDINGS)
