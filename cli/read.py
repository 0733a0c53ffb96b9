"""Commands that read: list, show, export."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Read the catalog.")
Filters = Annotated[list[str] | None, typer.Option("--filter", help="field=value; repeat it.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")]


@app.command("list")
def list_models(
    *, filters: Filters = None, as_json: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """List the models that match, all pages of them."""
    client, token = Client.from_environment(), None
    while True:
        paging = {"page_size": "1000"} | ({"page_token": token} if token else {})
        page = client.get("/api/v1/models", **_parsed(filters), **paging)
        for model in page["items"]:
            line = f"{model['name'] or model['id']}\t{model['newest_version'] or '-'}"
            typer.echo(json.dumps(model) if as_json else line)
        token = page["next_page_token"]
        if token is None:
            return


@app.command()
def show(model: Annotated[str, typer.Argument(help="namespace/name")]) -> None:
    """Show one model with where each field comes from, as JSON."""
    namespace, _, name = model.partition("/")
    if not name:
        raise Stop("A model's name reads namespace/name.", Exit.WRONG_USE)
    path = f"/api/v1/models/{path_segment(namespace)}/{path_segment(name)}"
    found = Client.from_environment().get(path, provenance="true")
    typer.echo(json.dumps(found, indent=2))


@app.command()
def export(
    *,
    filters: Filters = None,
    versions: Annotated[bool, typer.Option(help="Versions instead of models.")] = False,
    output: Output = None,
) -> None:
    """Write the models that match as CSV."""
    path = "/api/v1/versions.csv" if versions else "/api/v1/models.csv"
    client, params = Client.from_environment(), _parsed(filters)
    if output is None:
        client.download(path, sys.stdout.buffer, **params)
        return
    part = output.with_name(output.name + ".part")
    with part.open("wb") as file:
        client.download(path, file, **params)
    part.replace(output)
    typer.echo(str(output), err=True)


def _parsed(filters: list[str] | None) -> dict[str, Any]:
    parsed = {}
    for text in filters or ():
        field, separator, value = text.partition("=")
        if not separator:
            raise Stop(f"--filter {text}: write field=value", Exit.WRONG_USE)
        parsed[field] = value
    return parsed
