"""Writes a workbook of texts: a sheet for each file, and one that says what they are of.

The same content is the same file, byte for byte, whatever the host, time zone or locale.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from service.exports.cells import cell, fitting
from service.health import release

MOST_RECORDS: Final = 1_048_575  # of a sheet, below the header
LONGEST_NAME: Final = 31  # of a sheet
NUMBERED: Final = "{name}-{part:04}"
RESERVED: Final = frozenset({"history"})  # Excel calls a file damaged that names a sheet so
ABOUT: Final = "About this file"
NARROWEST, WIDEST = 10, 60  # characters
MADE: Final = datetime(1980, 1, 1)  # noqa: DTZ001  # the same content is the same file
EVERYWHERE: Final = "A1:XFD1048576"
Record = Sequence[str]


class Sheet(NamedTuple):
    """One file that becomes a sheet; its records are read once, in order."""

    name: str
    columns: Sequence[str]
    records: Iterable[Record]


class WrittenBook(NamedTuple):
    """What a workbook holds: of each file its sheets and its records, and how many cells were cut.

    More than one sheet of a file: one could not hold all of its records.
    """

    sheets: Mapping[str, tuple[str, ...]]
    records: Mapping[str, int]
    cut: int


class Fitting:
    """Records whose cells a spreadsheet can hold; counts them, and the cells that were cut."""

    def __init__(self, records: Iterable[Record]) -> None:
        """Nothing has been read yet."""
        self._records, self.rows, self.cut = records, 0, 0

    def __iter__(self) -> Iterator[list[str]]:
        """One record after the other."""
        for record in self._records:
            self.rows += 1
            whole = [fitting(text) for text in record]
            self.cut += sum(cut for _, cut in whole)
            yield [text for text, _ in whole]


def split_records(
    records: Iterable[Record], *, most: int = MOST_RECORDS
) -> Iterator[Iterator[Record]]:
    """The records in parts that a sheet can hold: at least one part, and nothing is cut.

    A part has to be read to its end before the next one is asked for.
    """
    following = iter(records)
    yield islice(following, most)
    for first in following:
        yield chain((first,), islice(following, most - 1))


def write_workbook(path: Path, sheets: Iterable[Sheet], *, about: Mapping[str, Any]) -> WrittenBook:
    """Write XLSX; what fails, also while records are read, leaves nothing behind.

    A file with more records than a sheet holds has several, `-0001` and so on. `about` is what the
    last sheet says, before numbers of rows and of cells that were cut.
    """
    with _opened(path) as book:
        writing = _Writing(book)
        for sheet in sheets:
            writing.write(sheet)
        writing.write_about(about)
    return writing.written


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    # 12 MB, which most processes never need:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]  # noqa: PLC0415  # no stubs

    with TemporaryDirectory(prefix="workbook-", dir=path.parent) as folder:
        whole = Path(folder) / "whole"
        book = Workbook(str(whole), {"constant_memory": True, "tmpdir": folder})
        book.use_zip64()  # changes nothing but what a million wide rows need
        try:
            yield book
        except BaseException:
            for sheet in book.worksheets():
                sheet.abandon()
            raise
        book.close()
        whole.replace(path)


class _Writing:
    """A workbook on its way, and what is in it so far."""

    def __init__(self, book: Any) -> None:
        from service.exports.worksheet import TextSheet  # noqa: PLC0415  # brings XlsxWriter along

        self.book, self.kind = book, TextSheet
        self.bold = book.add_format({"bold": True})
        self.text = book.add_format({"num_format": "@"})  # also what people type is text
        self.written = WrittenBook({}, {}, 0)

    def write(self, sheet: Sheet) -> None:
        """A file, in as many sheets as it needs."""
        records, name = Fitting(sheet.records), _sheet_name(sheet.name)
        made: list[tuple[Any, int]] = []
        for part, some in enumerate(split_records(records, most=MOST_RECORDS), start=1):
            numbered = NUMBERED.format(name=name[: LONGEST_NAME - 5], part=part)
            page = self.book.add_worksheet(numbered, self.kind)
            made.append((page, self._write_rows(page, sheet.columns, records=some)))
        if len(made) == 1:  # known only now
            made[0][0].name = name
        for page, rows in made:
            page.autofilter(0, 0, rows, len(sheet.columns) - 1)
        before = self.written
        self.written = WrittenBook(
            {**before.sheets, sheet.name: tuple(page.name for page, _ in made)},
            {**before.records, sheet.name: records.rows},
            before.cut + records.cut,
        )

    def _write_rows(self, page: Any, columns: Sequence[str], *, records: Iterable[Record]) -> int:
        widths = [len(name) for name in columns]
        row = 0
        for column, name in enumerate(columns):
            page.write_string(0, column, name, self.bold)
        for row, record in enumerate(records, start=1):  # the last one is answered
            for column, text in enumerate(record):
                page.write_string(row, column, text, self.text)
                widths[column] = max(widths[column], len(text))
        page.freeze_panes(1, 0)
        page.ignore_errors({"number_stored_as_text": EVERYWHERE})
        for column, width in enumerate(widths):
            page.set_column(column, column, min(max(width + 2, NARROWEST), WIDEST), self.text)
        return row

    def write_about(self, about: Mapping[str, Any]) -> None:
        """What the workbook is of, as its last sheet."""
        page, (sheets, records, cut) = self.book.add_worksheet(ABOUT, self.kind), self.written
        one = len(records) == 1
        said = {
            **about,
            **{"rows" if one else f"rows of {name}": count for name, count in records.items()},
            **{f"sheets of {name}": parts for name, parts in sheets.items() if len(parts) > 1},
            "cut cells": cut,
            "catalog version": release(),
        }
        for row, (name, value) in enumerate(said.items()):
            page.write_string(row, 0, name, self.bold)
            page.write_string(row, 1, fitting(cell(value))[0], self.text)
        page.set_column(0, 0, 20)
        page.set_column(1, 1, WIDEST)
        self.book.set_properties({"title": ", ".join(records), "created": MADE})


def _sheet_name(name: str) -> str:
    """A name that a sheet may have."""
    return f"{name} list" if name.casefold() in RESERVED else name[:LONGEST_NAME]
