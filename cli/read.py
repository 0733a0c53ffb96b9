"""Commands that read many things: list, export."""

import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.kinds import ASIDE, COLUMNS, cells, known_kind, titles
from cli.output import Json, print_json, print_rows, progress, say

app = typer.Typer(no_args_is_help=True, help="Read the catalog.")
Kind = Annotated[str, typer.Argument(metavar="[KIND]", help=f"{', '.join(COLUMNS)}.")]
Listed = Annotated[str, typer.Argument(metavar="[KIND]", help=f"{', '.join((*COLUMNS, *ASIDE))}.")]
Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="FIELD=VALUE", help="As in the API; a comma means or."),
]
Words = Annotated[str | None, typer.Option("--query", "-q", help="Words to look for.")]
Sort = Annotated[str | None, typer.Option(help="field,-other; the minus turns it round.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="As it was at this time.")]
Form = Annotated[
    Literal["csv", "jsonl", "xlsx"] | None,
    typer.Option("--format", help="Else as the file's name ends, else csv."),
]
Dialect = Annotated[
    Literal["plain", "excel", "raw"] | None,
    typer.Option(help="Cells of a CSV for people, Excel or machines."),
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="File; else standard output.")]


@app.command("list")
def list_entries(  # options of one command
    kind: Listed = "models",
    *,
    filters: Filters = None,
    query: Words = None,
    sort: Sort = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """List what matches, all of it."""
    listed = {**COLUMNS, **ASIDE}
    columns = listed[known_kind(kind, listed)]
    asked = parse_filters(filters, q=query, sort=sort, as_of=as_of)
    found = Client.from_environment().pages(f"/api/v1/{kind}", **asked)
    if as_json:
        for item in found:
            print_json(item)
    else:
        print_rows(titles(columns), (cells(item, columns) for item in found))


@app.command()
def export(  # noqa: PLR0913  # options of one command
    kind: Kind = "models",
    *,
    filters: Filters = None,
    query: Words = None,
    sort: Sort = None,
    as_of: AsOf = None,
    form: Form = None,
    dialect: Dialect = None,
    output: Output = None,
) -> None:
    """Write what matches as CSV, JSON Lines or XLSX."""
    asked = parse_filters(filters, q=query, sort=sort, as_of=as_of, dialect=dialect)
    write_file(known_kind(kind), output, form=form, asked=asked)


def write_file(
    kind: str, output: Path | None, *, form: str | None, asked: Mapping[str, Any]
) -> None:
    """Copy a list's file, to standard output without a name; interrupted, it leaves none."""
    suffix = form or _suffix(output)
    path = f"/api/v1/{kind}.{suffix}"
    if output is None and suffix == "xlsx" and sys.stdout.isatty():
        raise Stop("A workbook is nothing to look at: name a file with -o.", Exit.WRONG_USE)
    client = Client.from_environment()
    signal.signal(signal.SIGTERM, _interrupted)
    with progress(f"{kind}: {{:,}} bytes") as advance:
        if output is None:
            client.download(path, sys.stdout.buffer, advance=advance, **asked)
            return
        part = output.with_name(output.name + ".part")
        try:
            with part.open("wb") as file:
                client.download(path, file, advance=advance, **asked)
            part.replace(output)
        finally:  # also when interrupted: a file is whole, or is not there
            part.unlink(missing_ok=True)
    say(str(output))


def _suffix(output: Path | None) -> str:
    ending = output.suffix.removeprefix(".").lower() if output else ""
    return ending if ending in {"jsonl", "xlsx"} else "csv"


def parse_filters(filters: list[str] | None, **others: str | None) -> dict[str, Any]:
    """All query parameters: conditions, and what the options say."""
    parsed: dict[str, Any] = {name: text for name, text in others.items() if text is not None}
    for text in filters or ():
        field, separator, value = text.partition("=")
        if not separator or not field:
            raise Stop(f"--filter {text}: write field=value, such as name=churn.", Exit.WRONG_USE)
        if field in parsed:
            message = f"--filter {field} stands twice: write {field}=one,other."
            raise Stop(message, Exit.WRONG_USE)
        parsed[field] = value
    return parsed


def _interrupted(_signal: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt
