"""Commands of the database: migrations and roles."""

import json
from typing import Annotated

import typer

from cli.database import owner_database
from cli.exits import Exit, Stop
from service import migrations
from service.db import translated
from service.roles import make_roles

app = typer.Typer(no_args_is_help=True, help="Migrations and roles of the database.")
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


@app.command()
def upgrade(*, dry_run: Annotated[bool, typer.Option(help="Only print the plan.")] = False) -> None:
    """Bring the database to this release's schema; prints the plan first."""
    database = owner_database()
    status = migrations.status(database)
    for step in status.pending:
        typer.echo(f"to do: {step}", err=True)
    if not dry_run:
        migrations.upgrade(database)
        status = migrations.status(database)
    typer.echo(status.current or "empty")


@app.command()
def status(*, as_json: Json = False) -> None:
    """Say which schema the database has and which one this release needs."""
    found = migrations.status(owner_database())
    if as_json:
        typer.echo(json.dumps(found._asdict()))
    else:
        typer.echo(f"has {found.current or 'nothing'}, needs {found.expected}")
    if not found.ready:
        raise Stop("Run `model-catalog db upgrade`.", Exit.FINDINGS)


@app.command()
def check() -> None:
    """Compare the tables of the database with those of this release."""
    differences = migrations.differences(owner_database())
    for difference in differences:
        typer.echo(str(difference))
    if differences:
        raise Stop("The schema was changed by other means than migrations.", Exit.FINDINGS)


@app.command()
def roles() -> None:
    """Make the database roles that are missing; needs a login that may create roles."""
    database = owner_database()
    with translated(), database.engine.begin() as connection:
        made = make_roles(connection)
    typer.echo("made " + ", ".join(made) if made else "nothing to do")
