"""The command that does the periodic jobs once, where no worker runs."""

from typing import Annotated

import typer

from cli.output import Json, print_json, print_rows

app = typer.Typer(help="Do the periodic jobs once.")


@app.command()
def evaluate(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what is to do.")] = False,
    as_json: Json = False,
) -> None:
    """End expired harvests, throw away what nobody needs any more, let old training runs go."""
    from cli.database import operated, worker_settings
    from service.db import APP_ROLE
    from service.operation.jobs import run_jobs

    days = worker_settings().training_run_days
    with operated(APP_ROLE) as database:
        done = run_jobs(database, training_run_days=days, dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        print_rows(("job", "done"), done.items())
