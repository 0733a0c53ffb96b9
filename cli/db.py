"""Commands of the database: migrations and roles."""

from typing import Annotated

import typer

from cli.exits import Exit, Stop
from cli.output import Json, print_json, say

app = typer.Typer(no_args_is_help=True, help="Migrations and roles of the database.")
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
    """Compare the tables of the database with those of this release."""
    from cli.database import operated
    from service import migrations

    with operated() as database:
        differences = [str(difference) for difference in migrations.differences(database)]
    for difference in differences:
        print_json({"difference": difference}) if as_json else typer.echo(difference)
    if differences:
        raise Stop(
            "The schema is not this release's. Run `model-catalog db upgrade`; what remains was "
            "changed by other means than migrations.",
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
