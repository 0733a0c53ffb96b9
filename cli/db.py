"""Commands of the database: migrations, roles and copies."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, say

app = typer.Typer(no_args_is_help=True, help="Migrations, roles and copies.")
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")]


@app.command()
def upgrade(*, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Bring the database to this release's schema; prints the plan first."""
    from cli.database import operated
    from service import migrations

    with operated() as database:
        found = migrations.status(database)
        steps = found.pending
        for step in steps:
            say(f"to do: {step}")
        if steps and not dry_run:
            migrations.upgrade(database)
            found = migrations.status(database)
    if as_json:
        print_json({"revision": found.current, "steps": steps, "done": not dry_run})
    else:
        typer.echo(found.current or "empty")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say which schema the database has and which one this release needs."""
    from cli.database import operated
    from service import migrations

    with operated() as database:
        found = migrations.status(database)
    if as_json:
        print_json(found._asdict() | {"ready": found.ready})
    else:
        newer = ", of a newer release" if found.newer else ""
        typer.echo(f"has {found.current or 'nothing'}{newer}, needs {found.expected}")
    if not found.ready:
        raise Stop("Run `model-catalog db upgrade`.", Exit.FINDINGS)


@app.command()
def check(*, as_json: Json = False) -> None:
    """Compare tables, indexes and rights of the database with those of this release."""
    from cli.database import operated
    from service import migrations
    from service.rights import faults

    with operated() as database:
        found = [str(difference) for difference in migrations.differences(database)]
        found += faults(database)
    for difference in found:
        print_json({"difference": difference}) if as_json else typer.echo(difference)
    if found:
        raise Stop(
            "The schema is not this release's. Run `model-catalog db upgrade`, and `db roles` for "
            "rights; what remains was changed by other means than migrations.",
            Exit.FINDINGS,
        )
    say("The tables are those of this release.")


@app.command()
def roles(*, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make the database roles that are missing; needs a login that may create roles."""
    from cli.database import operated
    from service.roles import make_roles

    with operated() as database, database.engine.connect() as connection:
        made = make_roles(connection)
        connection.rollback() if dry_run else connection.commit()
    if as_json:
        print_json({"roles": made, "done": not dry_run})
    elif made:
        typer.echo(", ".join(made))
    say(f"{'would make' if dry_run else 'made'} {len(made)}" if made else "nothing to do")


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="A new file.")],
    *,
    as_json: Json = False,
) -> None:
    """Write everything to one file, as it stands at one moment; the service may go on."""
    from cli.database import operated
    from service.backup import write_backup
    from service.health import release

    if file.exists():
        message = f"{file} is there already: name another, so that no copy is lost."
        raise Stop(message, Exit.CONFLICT)
    with operated() as database:
        rows = write_backup(database, file, release=release(), tell=_progress)
    print_json({"file": str(file), "rows": rows}) if as_json else typer.echo(str(file))
    say(f"{sum(rows.values())} rows of {len(rows)} tables.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="What backup wrote.")],
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only look whether it could be done.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a new database from a copy; one that holds anything is refused."""
    from cli.database import operated
    from service.backup import read_backup

    with operated() as database:
        rows = read_backup(database, file, tell=_progress, dry_run=dry_run)
    print_json({"file": str(file), "rows": rows, "done": not dry_run}) if as_json else None
    done = "could be restored" if dry_run else "restored"
    say(f"{sum(rows.values())} rows of {len(rows)} tables {done}.")


def _progress(table: str, rows: int) -> None:
    if sys.stderr.isatty():
        say(f"{table}: {rows:,}")
