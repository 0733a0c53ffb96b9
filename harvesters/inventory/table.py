"""Reads the inventory's CSV into records of texts: all of it, or nothing of a file that breaks off.

UTF-8 with or without a byte order mark, Windows-1252, any line ends, columns in any order.
"""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, Final, NamedTuple

from schemas.neutral import neutral, taken_off
from schemas.omb_words import BY_NAME

LARGEST: Final = 64 * 1024 * 1024
MOST_RECORDS: Final = 100_000
WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
NAMED: Final = {name.lower(): name for name in BY_NAME}
NAMING: Final = ("id", "use_case_name")  # one of them a record needs


class FileUnreadable(ValueError):
    """The file as a whole cannot be read; the message says where and why."""


class Line(NamedTuple):
    """A record: in which line it begins, its cells by column, and why nothing can be read of it."""

    number: int
    cells: Mapping[str, str]
    wrong: str | None = None
    short: bool = False  # it lacks cells


class Table(NamedTuple):
    """A file that was read to its end."""

    encoding: str
    lines: Sequence[Line]
    missing: tuple[str, ...]  # columns of the inventory that it lacks
    others: tuple[str, ...]  # columns that the inventory has not


def read_table(raw: bytes) -> Table:
    """The records of a file. Raises `FileUnreadable`."""
    if len(raw) > LARGEST:
        message = f"the file is larger than {LARGEST} bytes"
        raise FileUnreadable(message)
    text, encoding = _decoded(raw)
    csv.field_size_limit(LARGEST)  # of this process; no cell is longer than its file
    found = csv.reader(StringIO(text, newline=""), strict=True)
    try:
        header = next(found, [])
        names = _names(header)
        lines = list(_lines(found, len(header), names=names))
    except csv.Error as error:
        message = f"line {found.line_num}: {_reason(error)}; nothing of it was read"
        raise FileUnreadable(message) from None
    if lines and lines[-1].short:
        message = f"line {lines[-1].number}: the file breaks off in its last record"
        raise FileUnreadable(message)
    missing = tuple(name for name in BY_NAME if name not in names.values())
    others = tuple(header[place] for place in range(len(header)) if place not in names)
    return Table(encoding, _without_apostrophes(lines), missing, others)


def _decoded(raw: bytes) -> tuple[str, str]:
    if raw.startswith(WIDE):
        raise FileUnreadable("the file is UTF-16 or UTF-32; save it as UTF-8")
    try:
        marked = raw.startswith(codecs.BOM_UTF8)
        return raw.decode("utf-8-sig"), "utf-8-sig" if marked else "utf-8"
    except UnicodeDecodeError as wrong:
        broken = raw.decode("utf-8", errors="replace")
        replaced = broken.count("\ufffd")
        if sum(not one.isascii() for one in broken) - replaced > replaced:
            message = f"the file is UTF-8, but the character at byte {wrong.start} is broken"
            raise FileUnreadable(message) from None
    try:
        return raw.decode("windows-1252"), "windows-1252"
    except UnicodeDecodeError as wrong:
        message = f"the file is neither UTF-8 nor Windows-1252: see byte {wrong.start}"
        raise FileUnreadable(message) from None


def _reason(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quote is not closed: the file breaks off"
    return "a quote is not closed, or something stands after a closing quote"


def _names(header: Sequence[str]) -> dict[int, str]:
    """The known columns by their places."""
    if not any(cell.strip() for cell in header):
        raise FileUnreadable("the file is empty: its first line names the columns")
    names: dict[int, str] = {}
    for place, cell in enumerate(header):
        name = NAMED.get("_".join(cell.split()).lower())
        if name in names.values():
            message = f"line 1: the column {name} stands twice"
            raise FileUnreadable(message)
        if name is not None:
            names[place] = name
    if not set(NAMING) & set(names.values()):
        raise FileUnreadable("line 1: a column id or use_case_name is needed")
    return names


def _lines(found: Any, width: int, *, names: Mapping[int, str]) -> Iterator[Line]:
    begins, count = found.line_num + 1, 0
    for cells in found:
        number, begins = begins, found.line_num + 1
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > MOST_RECORDS:
            message = f"the file holds more than {MOST_RECORDS} records"
            raise FileUnreadable(message)
        told = {name: cells[place] for place, name in names.items() if place < len(cells)}
        wrong = None
        if len(cells) != width:
            wrong = f"has {len(cells)} cells below {width} columns"
        yield Line(number, told, wrong, short=len(cells) < width)


def _without_apostrophes(lines: Sequence[Line]) -> Sequence[Line]:
    """Whoever guards one text against spreadsheets guards all: then the guard is taken off.

    In a file with an unguarded text apostrophes are text.
    """
    texts = (cell for line in lines for cell in line.cells.values())
    if any(not cell.startswith("'") and neutral(cell) != cell for cell in texts):
        return lines
    return [
        line._replace(cells={name: taken_off(cell) for name, cell in line.cells.items()})
        for line in lines
    ]
