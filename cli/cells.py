"""The command that says what one cell of a file for risk reviews rests on."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.output import Json, print_json, print_rows, say

app = typer.Typer(help="What one cell of a file for risk reviews rests on.")
SHORT = 60


@app.command(name="explain-cell")
def explain_cell(  # options of one command
    model: Annotated[str, typer.Argument(metavar="MODEL", help="namespace/name, or its id")],
    column: Annotated[str, typer.Argument(help="As the header of the file calls it.")],
    *,
    file: Annotated[str, typer.Option(help="Which file of the bundle.")] = "models",
    key: Annotated[
        str | None,
        typer.Option(help="Which row of the model: its key cells, empty ones too, commas between."),
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="At which moment.")] = None,
    as_json: Json = False,
) -> None:
    """Say what a cell is, and everything that it rests on, closest first."""
    named = {"model": model, "column": column, "file": file, "key": key, "as_of": as_of}
    asked = {name: text for name, text in named.items() if text is not None}
    found = Client.from_environment().get("/api/v1/explain-cell", **asked)
    if as_json:
        print_json(found)
        return
    say(f"{column} of {model} as of {found['as_of']}: {found['meaning']}")
    say(f"  {found['value'] or '(empty)'}")
    rows = (
        (one["rests"], one["about"][:SHORT], said_by(one), _when(one), _shown(one))
        for one in found["grounds"]
    )
    print_rows(("rests on", "about", "said by", "when", "where"), rows)


def said_by(ground: Mapping[str, Any]) -> str:
    """Who or what filled it: a source, a person, the policy, or time."""
    if ground["rests"] in {"clock", "policy"}:
        return str(ground["about"])
    return str(ground["source"] or ground["by"] or "-")


def _when(ground: Mapping[str, Any]) -> str:
    return str(ground["observed_at"] or ground["at"] or "-")


def _shown(ground: Mapping[str, Any]) -> str:
    """Where the source shows it, else the harvest, else the row of the ledger."""
    evidence = ground["evidence"] or {}
    change = f"change {ground['change']}" if ground["change"] else "-"
    return str(evidence.get("url") or ground["harvest_url"] or change)
