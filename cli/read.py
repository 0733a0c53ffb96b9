"""Commands that read: list, show, export."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.output import Json, print_json, print_list, print_rows, say
from schemas.canonical import path_segment

app = typer.Typer(no_args_is_help=True, help="Read the catalog.")
Filters = Annotated[list[str] | None, typer.Option("--filter", help="field=value; repeat it.")]
Dialect = Annotated[
    Literal["plain", "excel", "raw"], typer.Option(help="Cells for people, Excel or machines.")
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")]


@app.command("list")
def list_models(*, filters: Filters = None, as_json: Json = False) -> None:
    """List the models that match, all pages of them."""
    found = _pages(Client.from_environment(), _parsed(filters))
    print_list(found, ("name", "newest_version", "id"), as_json=as_json)


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="namespace/name")], *, as_json: Json = False
) -> None:
    """Show one model, and where each of its facts comes from."""
    namespace, _, name = model.partition("/")
    if not namespace or not name:
        raise Stop(
            f"{model!r} is no model's name: it reads namespace/name, and `model-catalog list` "
            "shows them.",
            Exit.WRONG_USE,
        )
    path = f"/api/v1/models/{path_segment(namespace)}/{path_segment(name)}"
    found = Client.from_environment().get(path, provenance="true")
    if as_json:
        print_json(found)
        return
    shown = ("value", "source", "observed_at")
    facts = found["provenance"].items()
    rows = ([name, *(fact[part] for part in shown)] for name, fact in facts)
    print_rows(("fact", *shown), rows)


@app.command()
def export(
    *,
    filters: Filters = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="Versions instead of models.")
    ] = False,
    dialect: Dialect = "plain",
    output: Output = None,
) -> None:
    """Write the models that match as CSV."""
    path = "/api/v1/versions.csv" if versions else "/api/v1/models.csv"
    asked = {"dialect": dialect} | _parsed(filters)
    client = Client.from_environment()
    if output is None:
        client.download(path, sys.stdout.buffer, **asked)
        return
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as file:
            client.download(path, file, **asked)
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    say(str(output))


def _pages(client: Client, asked: dict[str, Any]) -> Iterator[Any]:
    token = None
    while True:
        paging = {"page_size": "1000"} | ({"page_token": token} if token else {})
        page = client.get("/api/v1/models", **(paging | asked))
        yield from page["items"]
        token = page["next_page_token"]
        if token is None:
            return


def _parsed(filters: list[str] | None) -> dict[str, Any]:
    parsed: dict[str, Any] = {}
    for text in filters or ():
        field, separator, value = text.partition("=")
        if not separator or not field:
            raise Stop(f"--filter {text}: write field=value, such as name=churn.", Exit.WRONG_USE)
        if field in parsed:
            message = f"--filter {field} stands twice: write {field}=one,other."
            raise Stop(message, Exit.WRONG_USE)
        parsed[field] = value
    return parsed
