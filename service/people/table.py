"""A file as rows of text, whatever it was written with, and what makes one unreadable."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from service.errors import Invalid

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LARGEST: Final = 16 * 1024 * 1024
MOST_ROWS: Final = 200_000
MOST_COLUMNS: Final = 256
LONGEST_NAME: Final = 1_000  # of a column
BOM: Final = "\ufeff"
MISREAD: Final = "\u00ef\u00bb\u00bf"  # a byte order mark in the wrong encoding


class FileUnreadable(Invalid):
    """The file cannot be read as a table.

    `detail` says why. Nothing of it was entered; send CSV in UTF-8, or XLSX.
    """


class Sent(NamedTuple):
    """A file as it was sent."""

    body: bytes
    media: str
    sheet: str | None = None


class Row(NamedTuple):
    """One row: its number as a spreadsheet has it, and its cells; `broken` says why one is not.

    `made` says of cells that are no texts, or need not be what was a text once, what they are.
    """

    number: int
    cells: Sequence[str]
    broken: Mapping[int, str] = {}
    made: Mapping[int, str] = {}

    @property
    def empty(self) -> bool:
        """Does nothing stand in it?"""
        return not self.broken and not any(cell.strip() for cell in self.cells)


class Table(NamedTuple):
    """A file that can be read from its beginning as often as wanted."""

    headers: tuple[str, ...]
    body: Callable[[], Iterator[Row]]
    length: int  # rows below the header
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None


def as_table(rows: Callable[[], Iterator[Row]], **said: str | None) -> Table:
    """The first row that is not empty names the columns; what is wrong with the file shows now.

    Raises `FileUnreadable`.
    """
    header, count = None, 0
    for row in rows():
        if row.number > MOST_ROWS:
            raise FileUnreadable(detail=f"It has more than {MOST_ROWS} rows; send it in parts.")
        if header is None and not row.empty:
            header = row
        else:
            count += not row.empty
    if header is None:
        raise FileUnreadable(detail="It is empty: the first row names the columns.")
    if header.cells and header.cells[0].startswith(MISREAD):
        why = "its texts are broken. Open the first file again, as UTF-8."
        raise FileUnreadable(detail=f"It is UTF-8 that was opened as Windows-1252 and saved: {why}")
    if len(header.cells) > MOST_COLUMNS:
        raise FileUnreadable(detail=f"It has more than {MOST_COLUMNS} columns.")
    if any(len(cell) > LONGEST_NAME for cell in header.cells):
        why = f"the name of a column is longer than {LONGEST_NAME} characters"
        raise FileUnreadable(detail=f"Row {header.number} names the columns, but {why}.")
    first = header.number

    def body() -> Iterator[Row]:
        return (row for row in rows() if row.number > first and not row.empty)

    return Table(tuple(map(in_header, header.cells)), body, count, **said)


def in_header(cell: str) -> str:
    """The name of a column; a spreadsheet may leave a byte order mark in the first one."""
    name = cell.removeprefix(BOM).strip('"') if cell.startswith(BOM) else cell
    return " ".join(name.split())
