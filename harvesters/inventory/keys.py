"""What the records of one file are known by: their ids, and what stands in place of one.

A record without an id is called by its bureau and name. A key that several records bear gets a part
of each one's digest behind it; records that are equal in every cell are one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple
from unicodedata import normalize

from harvesters.inventory.cells import items
from harvesters.inventory.table import Line
from schemas.canonical import NAMESPACE
from schemas.digest import canonical_json, sha256
from schemas.identifiers import encode_segment, fold_name
from schemas.strict import UNWANTED

PLACEHOLDERS: Final = frozenset({"not available", "unknown", "tbd", "n/a", "na"})
LONGEST_KEY: Final = 300  # bytes, as a segment of an identifier
SUFFIX: Final = 8  # hex digits of a digest


class Row(NamedTuple):
    """A record of the file with what it is known by."""

    line: int
    cells: Mapping[str, str]
    agency: str = ""
    namespace: str = ""
    key: str = ""
    made: bool = False  # the key is not the id as it stands
    unnamed: bool = False  # it has no id of its own
    shared: bool = False  # others bear its key too
    repeats: int | None = None  # the line of an equal record
    wrong: str | None = None
    code: str = "row_unreadable"  # of what is wrong


class Spaces(NamedTuple):
    """Where an agency's records belong: as the source says, else the agency in lower case."""

    default: str
    mapped: Mapping[str, str]
    allowed: Collection[str]

    def of(self, agency: str) -> str:
        """The namespace of an agency. Raises `ValueError` where the source may name nothing."""
        space = self.mapped.get(agency) or fold_name(agency or self.default)
        if not NAMESPACE.fullmatch(space):
            raise ValueError("its agency is no namespace: map it in `namespaces` of the source")
        if space not in self.allowed:
            message = f"its agency's namespace {space} is not in `may_name` of the source"
            raise ValueError(message)
        return space


def keyed(lines: Iterable[Line], spaces: Spaces) -> list[Row]:
    """All records, in the file's order, each with its key."""
    rows = [_row(line, spaces) for line in lines]
    bearing: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)  # line by digest
    for row in rows:
        if row.wrong is None:
            bearing[_place(row)].setdefault(_digest(row.cells), row.line)
    borne = defaultdict[tuple[str, str], int](int)
    for row in rows:
        borne[_place(row)] += row.wrong is None
    return [
        row
        if row.wrong is not None
        else _told_apart(row, bearing[_place(row)], shared=borne[_place(row)] > 1)
        for row in rows
    ]


def one_line(text: str) -> str:
    """A text without line ends, tabs and double blanks."""
    return " ".join(text.split())


def size(text: str) -> int:
    """How many bytes a name takes in an identifier."""
    return len(fold_name(encode_segment(text)).encode())


def cut(text: str, most: int) -> str:
    """As much of a name as fits into so many bytes of an identifier."""
    while size(text) > most:
        text = text[: len(text) - max(1, (size(text) - most) // 12)].rstrip()
    return text


def _row(line: Line, spaces: Spaces) -> Row:
    agency = one_line(line.cells.get("agency", ""))
    row = Row(line.number, line.cells, agency or spaces.default, wrong=line.wrong)
    if line.wrong is not None:
        return row
    try:
        row = row._replace(namespace=spaces.of(agency))
    except ValueError as error:
        return row._replace(wrong=str(error), code="namespace_not_allowed")
    own = one_line(line.cells.get("id", ""))
    made = not own or own.casefold() in PLACEHOLDERS
    key = _made(line.cells) if made else own
    if UNWANTED.search(f"{agency}{key}"):
        return row._replace(wrong="what it is known by holds a control or text direction character")
    return row._replace(key=key, made=made, unnamed=made)


def _made(cells: Mapping[str, str]) -> str:
    bureau = one_line(cells.get("agency_bureau", ""))
    name = one_line(cells.get("use_case_name", ""))
    return ": ".join(part for part in (bureau, name) if part) or f"record {_short(cells)}"


def _place(row: Row) -> tuple[str, str]:
    return row.namespace, fold_name(row.key)


def _told_apart(row: Row, equal: Mapping[str, int], *, shared: bool) -> Row:
    """The suffix of a key that other records bear too, and of one that is too long to be kept."""
    first = equal[_digest(row.cells)]
    row = row._replace(shared=shared, repeats=None if first == row.line else first)
    if len(equal) == 1 and size(row.key) <= LONGEST_KEY:
        return row
    key = f"{cut(row.key, LONGEST_KEY - SUFFIX - 3)} ({_short(row.cells)})"
    return row._replace(key=key, made=True)


def _short(cells: Mapping[str, str]) -> str:
    return _digest(cells).partition(":")[2][:SUFFIX]


def _digest(cells: Mapping[str, str]) -> str:
    """Of what the cells say: blank ones and ways to end a line make no other record."""
    told = {name: _told(cell) for name, cell in cells.items() if items(cell)}
    return sha256(canonical_json(told))


def _told(cell: str) -> str:
    return normalize("NFC", cell.replace("\r\n", "\n").replace("\r", "\n"))


def names(rows: Sequence[Row]) -> set[tuple[str, str]]:
    """What the readable records of a file are known by: each once."""
    return {_place(row) for row in rows if row.wrong is None}
