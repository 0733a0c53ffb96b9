"""Reads a directory's file into rows of texts with their lines: CSV as people have it, or YAML."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from io import StringIO
from typing import Any, Final, NamedTuple

from schemas.yaml_walk import YamlRefused, read_yaml

LARGEST: Final = 8 * 1024 * 1024
MOST_ROWS: Final = 100_000
LONGEST_CELL: Final = 64 * 1024
DELIMITERS: Final = (",", ";", "\t")
WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
HEADER: Final = 4_096
COLUMNS: Final = (
    "handle", "display_name", "email", "kind", "active", "left_at", "members", "logins",
)  # fmt: skip
SEPARATORS: Final = str.maketrans({";": " ", ",": " ", "\n": " ", "\r": " ", "\t": " "})
SEVERAL: Final = ("members", "logins")
NAMED: Final = {"apiVersion": "model-catalog/v1", "kind": "Owners"}
YAML_OPENINGS: Final = ("apiVersion", "kind:", "owners:", "---", "#", "{")


class FileUnreadable(ValueError):
    """The file as a whole cannot be read; the message says where and why."""


class Row(NamedTuple):
    """One owner as the file states it: texts, and for members and logins tuples of texts."""

    line: int
    cells: Mapping[str, Any]  # what is empty is left out
    wrong: str | None = None  # why nothing can be read of it


def read_rows(raw: bytes) -> list[Row]:
    """The rows of a file. Raises `FileUnreadable`."""
    if len(raw) > LARGEST:
        message = f"the file is larger than {LARGEST} bytes"
        raise FileUnreadable(message)
    text = _decoded(raw)
    if text.lstrip().startswith(YAML_OPENINGS):
        return _of_yaml(raw)
    return list(_of_csv(text))


def _decoded(raw: bytes) -> str:
    if raw.startswith(WIDE):
        raise FileUnreadable("the file is UTF-16 or UTF-32; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"the file is not UTF-8: see byte {error.start}; save it as UTF-8"
        raise FileUnreadable(message) from None
    if "\x00" in text:
        raise FileUnreadable("the file holds NUL bytes: it is no text, or UTF-16; save it as UTF-8")
    if not text.strip():
        raise FileUnreadable("the file is empty")
    return text


def _of_csv(text: str) -> Iterator[Row]:
    csv.field_size_limit(LONGEST_CELL)  # of this process
    delimiter = _delimiter(text)
    found = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    count, begins = 0, 1
    try:
        header = _header(next(found))
        for cells in found:
            line, begins = begins + 1, found.line_num
            if not any(cell.strip() for cell in cells):
                continue
            count += 1
            if count > MOST_ROWS:
                message = f"the file holds more than {MOST_ROWS} rows"
                raise FileUnreadable(message)
            yield _row(line, header, cells=cells)
    except csv.Error as error:
        message = f"line {found.line_num}: {_reason(error)}"
        raise FileUnreadable(message) from None


def _reason(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell is longer than {LONGEST_CELL} characters, or a quote is not closed"
    return "a quote is not closed, or something stands after a closing quote"


def _delimiter(text: str) -> str:
    """The one that makes most columns of the header."""
    head = text[:HEADER].lstrip().partition("\n")[0]
    return max(DELIMITERS, key=head.count)


def _header(cells: Sequence[str]) -> list[str]:
    names = [cell.strip().lower().replace(" ", "_") for cell in cells]
    for name in names:
        _check_name(name, "column")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        message = f"line 1: the column {twice[0]} stands twice"
        raise FileUnreadable(message)
    if not {"handle", "email"} & set(names):
        raise FileUnreadable("line 1: a column handle or email is needed")
    return names


def _check_name(name: str, what: str, *, place: str = "line 1: ") -> None:
    """The wrong name is not repeated: whatever file is named here, its text stays in it."""
    if name not in COLUMNS:
        near = get_close_matches(name, COLUMNS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(COLUMNS)}"
        message = f"{place}a {what} is not known here; {hint}"
        raise FileUnreadable(message)


def _row(line: int, header: Sequence[str], *, cells: Sequence[str]) -> Row:
    if len(cells) > len(header):
        return Row(line, {}, f"has {len(cells)} cells below {len(header)} columns")
    stated: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=False):
        if text := cell.strip():
            stated[name] = tuple(text.translate(SEPARATORS).split()) if name in SEVERAL else text
    return Row(line, stated)


def _of_yaml(raw: bytes) -> list[Row]:
    try:
        document = read_yaml(raw)
    except YamlRefused as error:
        raise FileUnreadable(str(error)) from None
    listed = document.value
    if not isinstance(listed, dict) or listed.keys() != {*NAMED, "owners"}:
        raise FileUnreadable("line 1: a file of owners holds apiVersion, kind and owners")
    for name, value in NAMED.items():
        if listed[name] != value:
            message = f"line {document.line_of((name,))}: {name} must be {value}"
            raise FileUnreadable(message)
    if not isinstance(listed["owners"], list):
        message = f"line {document.line_of(('owners',))}: owners must be a list"
        raise FileUnreadable(message)
    return [
        _of_mapping(document.line_of(("owners", index)), one)
        for index, one in enumerate(listed["owners"])
    ]


def _of_mapping(line: int, stated: Any) -> Row:
    if not isinstance(stated, dict):
        return Row(line, {}, "must hold names and values, such as handle: user:anna")
    cells: dict[str, Any] = {}
    for name, value in stated.items():
        try:
            _check_name(name, "field", place="")
        except FileUnreadable as error:
            return Row(line, {}, str(error))
        if name in SEVERAL:
            several = value if isinstance(value, list) else [value]
            if not all(isinstance(one, str) for one in several):
                return Row(line, {}, f"{name} must be a list of texts")
            cells[name] = tuple(one.strip() for one in several)
        elif isinstance(value, str):
            cells[name] = value.strip()
        elif value is not None:
            return Row(line, {}, f"{name} must be one text")
    return Row(line, {name: value for name, value in cells.items() if value})
