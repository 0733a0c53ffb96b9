"""The command that folds every entry again."""

from getpass import getuser
from typing import Annotated

import typer

from cli.database import owner_database
from cli.exits import Exit, Stop
from service.db import Database
from service.ingest.rebuild import reconcile_all
from service.ledger.change import Actor

app = typer.Typer(help="Fold every entry again.")


@app.command()
def reconcile(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every entry.")] = False,
    dry_run: Annotated[bool, typer.Option(help="List differences, repair nothing.")] = False,
) -> None:
    """Compare entries with their observations; list and repair what differs."""
    if not everything:
        raise Stop("Say --all: there is nothing smaller to reconcile yet.", Exit.WRONG_USE)
    database = Database(owner_database().url.render_as_string(hide_password=False), pool=2)
    found = 0
    for change in reconcile_all(database, actor=Actor("operator", getuser()), dry_run=dry_run):
        found += 1
        typer.echo(change.model_dump_json())
    typer.echo(f"{found} differences{'' if dry_run else ' repaired'}", err=True)
    if found and dry_run:
        raise Stop("Run it without --dry-run to repair them.", Exit.FINDINGS)
