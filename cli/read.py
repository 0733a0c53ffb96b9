"""Commands that read many things: list, export."""

import signal
import sys
from collections.abc import Callable, Mapping
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
    profile: Annotated[
        str | None,
        typer.Option(help="A bundle for reviewers instead: models, osfi-e23 or omb-2025."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="What changed since this time, too.")] = None,
    known_at: Annotated[
        str | None, typer.Option("--known-at", help="What was learned until this time.")
    ] = None,
) -> None:
    """Write what matches as CSV, JSON Lines or XLSX; or every file of one moment as a bundle."""
    if profile is not None:
        from cli.bundle import fetch_bundle

        beside = {"KIND": kind != "models", "--query": query, "--sort": sort, "--format": form}
        if wrong := [name for name, given in beside.items() if given]:
            message = f"A bundle takes no {wrong[0]}: choose its models with --filter."
            raise Stop(message, Exit.WRONG_USE)
        moments = {"as_of": as_of, "since": since, "known_at": known_at}
        wanted = {"profile": profile, "dialect": dialect, **moments}
        fetch_bundle(wanted, conditions=parse_filters(filters), output=output)
        return
    if since or known_at:
        raise Stop("--since and --known-at are for a bundle: name its --profile.", Exit.WRONG_USE)
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
    if output is not None:
        save(client, path, to=output, told=kind, asked=asked)
        return
    signal.signal(signal.SIGTERM, interrupted)
    with progress(f"{kind}: {{:,}} bytes") as advance:
        client.download(path, sys.stdout.buffer, advance=advance, **asked)


def save(
    client: Client,
    path: str,
    *,
    to: Path,
    told: str,
    asked: Mapping[str, Any],
    check: Callable[[Path], None] = lambda _: None,
) -> None:
    """Copy a file; interrupted, or refused by `check`, it leaves none."""
    signal.signal(signal.SIGTERM, interrupted)
    part = to.with_name(to.name + ".part")
    with progress(f"{told}: {{:,}} bytes") as advance:
        try:
            with part.open("wb") as file:
                client.download(path, file, advance=advance, **asked)
            check(part)
            part.replace(to)
        finally:  # also when interrupted: a file is whole, or is not there
            part.unlink(missing_ok=True)
    say(str(to))


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


def interrupted(_signal: int, _frame: Any) -> NoReturn:
    """End as after Ctrl-C: in order."""
    raise KeyboardInterrupt
