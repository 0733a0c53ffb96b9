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
    identities: Annotated[
        bool, typer.Option("--identities", help="What is one thing; with --dry-run.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Repair nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Compare entries with their observations; list and repair what differs."""
    if identities:
        if everything or not dry_run:
            message = "--identities only lists: say --identities --dry-run, and nothing else."
            raise Stop(message, Exit.WRONG_USE)
        _list_identities(as_json=as_json)
        return
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


def _list_identities(*, as_json: bool) -> None:
    """What would be joined otherwise if it came today."""
    from cli.database import operated
    from service.db import APP_ROLE
    from service.ingest.partition import compare_identities

    with operated(APP_ROLE) as database:
        shown = (change.model_dump(mode="json") for change in compare_identities(database))
        found = print_list(shown, COLUMNS, as_json=as_json)
    say(f"{found} differences")
    if found:
        raise Stop("`model-catalog claims list` shows what to decide.", Exit.FINDINGS)
