"""Reads CSV as people have it: any usual encoding, delimiter and line end."""

import codecs
import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Final

from service.people.table import LARGEST, FileUnreadable, Row, Table, as_table

MARKED: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
DELIMITERS: Final = (",", ";", "\t")
SAID: Final = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)  # Excel's own way to say it
LONGEST_HEADER: Final = 65_536


def read_delimited(body: bytes) -> Table:
    """A CSV file. Raises `FileUnreadable`."""
    text, encoding = decoded(body)
    said = SAID.match(text)
    start = said.end() if said else 0
    delimiter = said[1] if said else _delimiter(text)

    def rows() -> Iterator[Row]:
        csv.field_size_limit(LARGEST)  # of this process; a file is no longer than that
        lines = StringIO(text[start:], newline="")
        found = csv.reader(lines, delimiter=delimiter, strict=True)
        number = 2 if said else 1
        try:
            for cells in found:
                yield Row(number, cells)
                number += 1
        except csv.Error:
            raise FileUnreadable(
                detail=f"Row {number}: a quote is not closed, or something stands between a "
                "closing quote and the next delimiter."
            ) from None

    return as_table(rows, encoding=encoding, delimiter=delimiter)


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
