"""Writes an export for a spreadsheet: as a file first, since what does not fit is refused."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Final, NamedTuple

from sqlmodel import Session

from service.errors import CatalogError
from service.exports.cells import quoted
from service.exports.csv import BOM, head
from service.exports.export import Export, read_records
from service.exports.workbook import MOST_RECORDS, Fitting, Record, Sheet, write_workbook

MOST_ROWS: Final = MOST_RECORDS
READ: Final = 256 * 1024
Counts = tuple[int, int]  # rows, and cells that were cut


class TooManyRows(CatalogError):
    """The list has more rows than a spreadsheet holds, which are 1,048,575.

    Nothing was cut. Ask for less with filters, or take CSV (`dialect=plain`) or JSON Lines.
    """

    status = 422


class Written(NamedTuple):
    """A file that nobody else can see, and how many cells in it had to be cut."""

    file: IO[bytes]
    size: int
    rows: int
    cut: int

    def chunks(self) -> Iterator[bytes]:
        """Its bytes."""
        while chunk := self.file.read(READ):
            yield chunk


def write_excel_csv(session: Session, export: Export) -> Written:
    """CSV with a byte order mark. Raises `TooManyRows`."""

    def write(path: Path, records: Iterator[Record]) -> Counts:
        fitting = Fitting(records)
        with path.open("w", encoding="utf-8", newline="") as file:
            file.write(BOM + head(export))
            file.writelines(quoted(record) for record in fitting)
        return fitting.rows, fitting.cut

    return _written(session, export, write=write)


def write_xlsx(session: Session, export: Export) -> Written:
    """The cells of the plain CSV as texts, and a sheet about them. Raises `TooManyRows`."""

    def write(path: Path, records: Iterator[Record]) -> Counts:
        sheet = Sheet(export.name, [column.name for column in export.columns], records)
        said = {"list": export.name, "as_of": export.as_of, **export.about.said}
        made = write_workbook(path, [sheet], about=said)
        return made.records[export.name], made.cut

    return _written(session, export, write=write)


def _written(
    session: Session, export: Export, *, write: Callable[[Path, Iterator[Record]], Counts]
) -> Written:
    """Write in a folder that is gone when the file is open; whatever fails leaves nothing."""
    with TemporaryDirectory(prefix="export-") as folder:
        path = Path(folder) / "export"
        rows, cut = write(path, _bounded(read_records(session, export)))
        file, size = path.open("rb"), path.stat().st_size
    session.close()  # a slow line should hold no connection
    return Written(file, size, rows, cut)


def _bounded(records: Iterator[Record]) -> Iterator[Record]:
    """As many as a spreadsheet holds. Raises `TooManyRows`."""
    for number, record in enumerate(records, start=1):
        if number > MOST_ROWS:
            raise TooManyRows
        yield record
