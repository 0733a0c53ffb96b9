"""The command that folds every entry again."""

from typing import Annotated

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_list, say

app = typer.Typer(help="Fold every entry again.")
COLUMNS = ("entry", "kind", "field", "old", "new")


@app.command()
def reconcile(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Repair nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Compare entries with their observations; list and repair what differs."""
    if not everything:
        raise Stop("Say --all: there is nothing smaller to reconcile yet.", Exit.WRONG_USE)
    from cli.database import operated, operator
    from service.db import APP_ROLE
    from service.ingest.rebuild import reconcile_all

    with operated(APP_ROLE) as database:
        changes = reconcile_all(database, actor=operator(), dry_run=dry_run)
        shown = (change.model_dump(mode="json") for change in changes)
        found = print_list(shown, COLUMNS, as_json=as_json)
    say(f"{found} differences{'' if dry_run else ' repaired'}")
    if found and dry_run:
        raise Stop("Run it without --dry-run to repair them.", Exit.FINDINGS)
