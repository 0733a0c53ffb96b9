"""What commands print: data to standard output, talk to standard error, tables for a person."""

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from time import monotonic
from typing import Annotated, Any, Final

import typer

Json = Annotated[bool, typer.Option("--json", help="Answer as JSON (docs/commands.md).")]

QUIET_SECONDS: Final = 2.0


def say(text: str) -> None:
    """Tell a person something that is no data."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """One JSON document on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table with its columns named on a terminal; in a pipe a line a row, tabs between."""
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(_cell(value) for value in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))  # Text: no markup from a source
    Console(color_system=None if os.environ.get("NO_COLOR") else "auto").print(table)


def print_list(items: Iterable[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool) -> int:
    """Many things, as they come: these columns of each, or one JSON document a line.

    Answers how many there were.
    """
    counter = count()
    counted = (item for item, _ in zip(items, counter, strict=False))
    if as_json:
        for item in counted:
            print_json(item)
    else:
        print_rows(columns, ([item[name] for name in columns] for item in counted))
    return next(counter)


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Shows on a terminal what is going on, once it takes longer than two seconds.

    What is called says it. Nothing stays behind.
    """
    begun, bar = monotonic(), None

    def tell(text: str) -> None:
        nonlocal bar
        if bar is None and sys.stderr.isatty() and monotonic() - begun > QUIET_SECONDS:
            from rich.console import Console

            color = None if os.environ.get("NO_COLOR") else "auto"
            bar = Console(stderr=True, color_system=color).status("")  # type: ignore[arg-type]  # literal
            bar.start()
        if bar is not None:
            bar.update(text)

    try:
        yield tell
    finally:
        if bar is not None:
            bar.stop()


@contextmanager
def progress(text: str) -> Iterator[Callable[[int], None]]:
    """Shows on a terminal how far something is, once it takes longer than two seconds.

    The text has a place for a number; what is called adds to it. Nothing stays behind.
    """
    done = 0
    with telling() as tell:

        def advance(more: int) -> None:
            nonlocal done
            done += more
            tell(text.format(done))

        yield advance


def print_document(document: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing: its members as rows, or the whole as JSON."""
    if as_json:
        print_json(document)
    else:
        print_rows(("", ""), document.items())


def _cell(value: Any) -> str:
    """A value on one line: a description may hold line ends and tabs."""
    if value is None or value == "":
        return "-"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.split())
