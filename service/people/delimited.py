"""Reads CSV as people have it: any usual encoding, delimiter and line end."""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Final

from service.people.columns import OWN
from service.people.spoilt import guess_made
from service.people.table import LARGEST, FileUnreadable, Row, Table, as_table, in_header

MARKED: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
QUOTE: Final = '"'
DELIMITERS: Final = (",", ";", "\t")
SAID: Final = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)  # Excel's own way to say it
LONGEST_HEADER: Final = 65_536
LINE_ENDS: Final = re.compile(r"[\r\n]*")


def read_delimited(body: bytes) -> Table:
    """A CSV file. Raises `FileUnreadable`."""
    text, encoding = decoded(body)
    said = SAID.match(text)
    start = said.end() if said else 0
    delimiter = said[1] if said else _delimiter(text)

    def records() -> Iterator[list[str]]:
        csv.field_size_limit(LARGEST)  # of this process; a file is no longer than that
        lines = StringIO(text[start:], newline="")
        return csv.reader(lines, delimiter=delimiter, strict=True)

    spoilt = _saved_again(text[start:], records, delimiter=delimiter)

    def rows() -> Iterator[Row]:
        number = 2 if said else 1
        try:
            for cells in records():
                yield Row(number, cells, made=guess_made(cells) if spoilt else {})
                number += 1
        except csv.Error:
            raise FileUnreadable(
                detail=f"Row {number}: a quote is not closed, or something stands between a "
                "closing quote and the next delimiter."
            ) from None

    return as_table(rows, encoding=encoding, delimiter=delimiter)


def _saved_again(text: str, records: Callable[[], Iterator[list[str]]], *, delimiter: str) -> bool:
    """Is it an export of ours that a spreadsheet saved? We quote every cell, which none does."""
    place = 0
    try:
        head = next((cells for cells in records() if any(cells)), ())
        if tuple(map(in_header, head[: len(OWN)])) != OWN:
            return False
        for cells in records():
            line = delimiter.join(f'"{cell.replace(QUOTE, QUOTE * 2)}"' for cell in cells)
            if not text.startswith(line, place):
                return True
            ends = LINE_ENDS.match(text, place + len(line))
            place = ends.end() if ends else len(text)
    except csv.Error:
        pass  # who reads its rows says so
    return False


def decoded(body: bytes) -> tuple[str, str]:
    """A file's text and its encoding: by its byte order mark, else UTF-8, else Windows-1252."""
    for mark, encoding in MARKED:
        if body.startswith(mark):
            return _decoded(body[len(mark) :], encoding), encoding
    try:
        return body.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as wrong:
        if _mostly_utf8(body):
            place = f"the character at byte {wrong.start} is broken"
            raise FileUnreadable(detail=f"It is UTF-8, but {place}.") from None
    return _decoded(body, "windows-1252"), "windows-1252"


def _decoded(body: bytes, encoding: str) -> str:
    try:
        return body.decode(encoding)
    except UnicodeDecodeError as wrong:
        known = "neither UTF-8 nor Windows-1252" if encoding == "windows-1252" else f"no {encoding}"
        raise FileUnreadable(detail=f"It is {known}: see byte {wrong.start}.") from None


def _mostly_utf8(body: bytes) -> bool:
    """Are more of its characters beyond ASCII whole than broken? Read otherwise, all were wrong."""
    text = body.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    return sum(not character.isascii() for character in text) - broken > broken


def _delimiter(text: str) -> str:
    """The one that makes most columns of the header."""
    head = text[:LONGEST_HEADER].lstrip("\r\n")

    def columns(delimiter: str) -> int:
        return len(next(csv.reader(StringIO(head, newline=""), delimiter=delimiter), ()))

    return max(DELIMITERS, key=columns)
