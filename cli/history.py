"""The command `history`: what happened to one thing, and why."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.kinds import plain
from cli.output import Json, print_json, print_rows
from cli.read import write_file
from cli.show import AsOf, Identifier, Thing, address_of

app = typer.Typer(no_args_is_help=True, help="Say what happened to one thing, and why.")
COLUMNS: Final = ("recorded_at", "cause", "who", "op", "field", "old", "new", "reason")
CREATED: Final = "…"  # all first values: `--json` has them


@app.command()
def history(  # noqa: PLR0913  # options of one command
    thing: Thing,
    identifier: Identifier = None,
    *,
    field: Annotated[str | None, typer.Option(help="Only changes of this field.")] = None,
    cause: Annotated[
        str | None,
        typer.Option(help="harvest, observation, person, policy or software; a comma means or."),
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Who did it; a comma means or.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A .csv, .jsonl or .xlsx file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what happened to one thing and why, the newest first."""
    given = {"field": field, "cause": cause, "actor": actor, "since": since, "until": until}
    asked = {name: text for name, text in {**given, "as_of": as_of}.items() if text is not None}
    path = f"{address_of(identifier or thing, thing if identifier else None)}/history"
    if output is not None:
        write_file(path.removeprefix("/api/v1/"), output, form=None, asked=asked)
        return
    found = Client.from_environment().pages(path, **asked)
    if as_json:
        for event in found:
            print_json(event)
    else:
        print_rows(COLUMNS, (_row(event) for event in found))


def _row(event: Mapping[str, Any]) -> list[Any]:
    actor = event.get("actor") or {}
    whole = event["field"] is None and isinstance(event["new"], Mapping)
    new = CREATED if whole else plain(event["new"])
    return [
        event["recorded_at"], event["cause"], actor.get("id"), event["op"], event["field"],
        plain(event["old"]), new, event["reason"],
    ]  # fmt: skip
