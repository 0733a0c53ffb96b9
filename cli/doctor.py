"""The command that looks whether everything is as it should be, and says what to do."""

from typing import Annotated, Any

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_rows, say

app = typer.Typer(help="Look whether everything is as it should be.")
MARKS = {"ok": "ok", "warn": "warn", "fail": "FAIL"}


@app.command()
def doctor(
    *,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not try to reach the service and the sources.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look at settings, database, schema, roles, clock, sources and the service."""
    from cli.examine import examine

    findings = 0
    rows: list[tuple[Any, ...]] = []
    for finding in examine(offline=offline):
        findings += finding.state != "ok"
        if as_json:
            print_json(finding._asdict())
        else:
            rows.append((MARKS[finding.state], finding.what, finding.said, finding.fix))
    if not as_json:
        print_rows(("", "what", "found", "what to do"), rows)
    if findings:
        raise Stop(f"{findings} findings.", Exit.FINDINGS)
    say("Everything is as it should be.")
