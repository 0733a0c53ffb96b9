"""Writes an export for a spreadsheet: as a file first, since what does not fit is refused."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final, NamedTuple

from sqlmodel import Session

from service.errors import CatalogError
from service.exports.cells import cell, fitting, quoted
from service.exports.csv import BOM, head
from service.exports.export import Export, read_records
from service.health import release

MOST_ROWS: Final = 1_048_575  # below the header
NARROWEST, WIDEST = 10, 60  # characters
MADE: Final = datetime(1980, 1, 1)  # noqa: DTZ001  # the same content is the same file
READ: Final = 256 * 1024


class TooManyRows(CatalogError):
    """The list has more rows than a spreadsheet holds, which are 1,048,575.

    Nothing was cut. Ask for less with filters, or take CSV (`dialect=plain`) or JSON Lines.
    """

    status = 422


class Written(NamedTuple):
    """A file that nobody else can see, and how many cells in it had to be cut."""

    file: IO[bytes]
    size: int
    cut: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes."""
        while chunk := self.file.read(READ):
            yield chunk


class _Fitting:
    """Records that a spreadsheet can hold; counts them."""

    def __init__(self, records: Iterator[Sequence[str]]) -> None:
        self._records, self.rows, self.cut = records, 0, 0

    def __iter__(self) -> Iterator[list[str]]:
        for record in self._records:
            self.rows += 1
            if self.rows > MOST_ROWS:
                raise TooManyRows
            whole = [fitting(text) for text in record]
            self.cut += sum(cut for _, cut in whole)
            yield [text for text, _ in whole]


def write_excel_csv(session: Session, export: Export) -> Written:
    """CSV with a byte order mark. Raises `TooManyRows`."""

    def write(path: Path, records: _Fitting) -> None:
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(BOM + head(export))
            file.writelines(quoted(record) for record in records)

    return _written(session, export, write=write)


def write_xlsx(session: Session, export: Export) -> Written:
    """The cells of the plain CSV as texts, and a sheet about them. Raises `TooManyRows`."""
    # 12 MB, which most processes never need:
    from xlsxwriter import Workbook  # type: ignore[import-untyped]  # noqa: PLC0415  # no stubs

    def write(path: Path, records: _Fitting) -> None:
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        with Workbook(str(path), options) as book:
            book.set_properties({"title": export.name, "created": MADE})
            _write_rows(book, export, records=records)
            _write_about(book, export, records=records)

    return _written(session, export, write=write)


def _written(
    session: Session, export: Export, *, write: Callable[[Path, _Fitting], None]
) -> Written:
    """Write in a folder that is gone when the file is open; whatever fails leaves nothing."""
    records = _Fitting(read_records(session, export))
    with TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / "export"
        write(path, records)
        file, size = path.open("rb"), path.stat().st_size
    session.close()  # a slow line should hold no connection
    return Written(file, size, records.cut)


def _write_rows(book: Any, export: Export, *, records: _Fitting) -> None:
    sheet = book.add_worksheet(export.name[:31])
    bold = book.add_format({"bold": True})
    names = [column.name for column in export.columns]
    widths = [len(name) for name in names]
    for column, name in enumerate(names):
        sheet.write_string(0, column, name, bold)
    for row, record in enumerate(records, start=1):
        for column, text in enumerate(record):
            sheet.write_string(row, column, text)
            widths[column] = max(widths[column], len(text))
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, records.rows, len(names) - 1)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, min(max(width + 2, NARROWEST), WIDEST))


def _write_about(book: Any, export: Export, *, records: _Fitting) -> None:
    sheet = book.add_worksheet("About this file")
    said: dict[str, Any] = {
        "list": export.name, "as_of": export.as_of, **export.about,
        "rows": records.rows, "cut cells": records.cut, "catalog version": release(),
    }  # fmt: skip
    for row, (name, value) in enumerate(said.items()):
        sheet.write_string(row, 0, name, book.add_format({"bold": True}))
        sheet.write_string(row, 1, fitting(cell(value))[0])
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, WIDEST)
