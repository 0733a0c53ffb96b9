"""Reads a CSV as strictly as it is written: every field quoted, CRLF, UTF-8. Memory is flat."""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

BOM: Final = b"\xef\xbb\xbf"
CRLF: Final = b"\r\n"
LONGEST: Final = 2**25  # bytes of one record
FIELD: Final = re.compile(r'"((?:[^"]+|"")*+)"(,|\Z)')


class Malformed(Exception):
    """The file is no CSV of ours from this line on; `code` is that of the finding."""

    def __init__(self, code: str, line: int, *, why: str) -> None:
        """Say where, and why."""
        super().__init__(why)
        self.code, self.line = code, line


class Record(NamedTuple):
    """The cells of one record, and the line that it begins at."""

    line: int
    cells: list[str]


def read_records(chunks: Iterable[bytes]) -> Iterator[Record]:
    """Every record, the header too; a BOM has been taken off. Raises `Malformed`."""
    line, rest = 1, b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(CRLF)
        for one in whole:
            yield Record(line, _cells(one, line))
            line += 1 + one.count(b"\n")
        if len(rest) > LONGEST:
            raise Malformed("csv_malformed", line, why=f"holds a record over {LONGEST} bytes")
    if rest:
        raise Malformed("csv_malformed", line, why="its last record does not end with CRLF")


def without_bom(chunks: Iterable[bytes]) -> tuple[bool, Iterator[bytes]]:
    """Did it begin with a BOM? And what follows that."""
    waiting = iter(chunks)
    first = next(waiting, b"")
    there = first.startswith(BOM)

    def rest() -> Iterator[bytes]:
        yield first.removeprefix(BOM)
        yield from waiting

    return there, rest()


def _cells(record: bytes, line: int) -> list[str]:
    try:
        text = record.decode()
    except UnicodeDecodeError:
        raise Malformed("not_utf8", line, why="holds bytes that are no UTF-8") from None
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':  # noqa: PLR2004  # two quotes
        raise Malformed("csv_malformed", line, why="holds a field without quotes")
    if "\r" in text:
        raise Malformed("csv_malformed", line, why="holds a CR inside a field")
    cells = text[1:-1].split('","')
    if text.count('"') == 2 * len(cells):
        return cells  # no quote but those around the fields
    return _slowly(text, line)


def _slowly(text: str, line: int) -> list[str]:
    """The cells of a record in which some hold quotes."""
    cells, place = list[str](), 0
    while found := FIELD.match(text, place):
        cells.append(found[1].replace('""', '"'))
        place = found.end()
        if not found[2]:
            break
    if place != len(text) or text.endswith(","):
        raise Malformed("csv_malformed", line, why="holds a quote that is not doubled")
    return cells
