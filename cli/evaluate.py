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
    """End expired harvests, tidy up, send events, build the bundles that wait, seal the ledger."""
    from cli.database import operated, signing_keys, worker_settings
    from cli.ledger import seal_once
    from cli.receiver import send_once
    from service.db import APP_ROLE
    from service.exports.jobs.builder import build_once
    from service.operation.jobs import run_jobs

    told = worker_settings()
    keys = signing_keys(told.export_signing_key_file)
    with operated(APP_ROLE) as database:
        done = run_jobs(database, training_run_days=told.training_run_days, dry_run=dry_run)
        done |= send_once(database, told, dry_run=dry_run)
        done["bundles_built"] = build_once(database, keys, days=told.export_days, dry_run=dry_run)
        done["changes_sealed"] = seal_once(database, keys, dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        print_rows(("job", "done"), done.items())
