"""Commands that report on the catalog itself: coverage, unknowns, time-to-catalog."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from cli.client import Client
from cli.exits import Exit, Stop
from cli.kinds import plain
from cli.output import Json, print_document, print_json, print_rows
from cli.read import Filters, Form, Output, parse_filters, write_file

app = typer.Typer(no_args_is_help=True, help="Report on the catalog itself.")
COVERAGE: Final = (
    "source", "scope", "state", "last_complete_at", "seen", "refused_open", "held_back_open",
    "skipped", "error",
)  # fmt: skip
UNKNOWNS: Final = ("what", "name", "source", "scope", "owner", "why", "todo")
TIMING: Final = ("source", "kind", "week", "count", "p50", "p95", "max", "backfilled", "ahead")
Totals = Annotated[bool, typer.Option("--totals", help="Only count them, by what they are.")]


@app.command()
def coverage(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """Say how fresh each part of each source is, and what it lacks."""
    _report("coverage", COVERAGE, asked=parse_filters(filters), file=(form, output, as_json))


@app.command()
def unknowns(
    *,
    filters: Filters = None,
    totals: Totals = False,
    form: Form = None,
    output: Output = None,
    as_json: Json = False,
) -> None:
    """List what no source could tell, and what would tell it."""
    asked = parse_filters(filters)
    if not totals:
        _report("unknowns", UNKNOWNS, asked=asked, file=(form, output, as_json))
        return
    counting = {"count": "exact", "page_size": "1"}
    found = Client.from_environment().get("/api/v1/unknowns", **asked, **counting)
    print_document(found["totals"], as_json=as_json)


@app.command("time-to-catalog")
def time_to_catalog(
    *, filters: Filters = None, form: Form = None, output: Output = None, as_json: Json = False
) -> None:
    """Say how long events took to reach the catalog, in seconds."""
    file = (form, output, as_json)
    _report("time-to-catalog", TIMING, asked=parse_filters(filters), file=file)


def _report(
    name: str,
    columns: tuple[str, ...],
    *,
    asked: Mapping[str, Any],
    file: tuple[str | None, Path | None, bool],
) -> None:
    """A file, if one is asked for, else rows."""
    form, output, as_json = file
    if form or output:
        if as_json:
            raise Stop("--json is for rows: a file has its own form, jsonl.", Exit.WRONG_USE)
        write_file(name, output, form=form, asked=asked)
        return
    items: Iterable[Any] = Client.from_environment().pages(f"/api/v1/{name}", **asked)
    if as_json:
        for item in items:
            print_json(item)
        return
    print_rows(columns, ([_shown(item[column]) for column in columns] for item in items))


def _shown(value: Any) -> Any:
    """Counts by name as `name=3`."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={number}" for name, number in value.items())
    return plain(value)
