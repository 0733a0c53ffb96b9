"""Reads XLSX: bounded before it is opened, one sheet, what its cells show."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from io import BytesIO
from itertools import repeat
from typing import Any, Final

from schemas.problem import FieldProblem
from service.errors import Invalid
from service.people.spoilt import DATE, NUMBER, TRUTH
from service.people.table import MOST_COLUMNS, FileUnreadable, Row, Table, as_table

MOST_MEMBERS: Final = 1_000
LARGEST_UNPACKED: Final = 128 * 1024 * 1024
HIGHEST_RATIO: Final = 100  # of a member over a megabyte: sheets reach 30
SMALL: Final = 1024 * 1024
LARGEST_PIECE: Final = 4 * SMALL  # what its reader holds at once, in far larger objects
WHOLE: Final = (".rels", "xl/styles.xml", "[Content_Types].xml", "docProps/core.xml",
                "docProps/custom.xml", "docProps/app.xml")  # fmt: skip
PIECES: Final = re.compile(rb"<(?:\w+:)?(?:workbook|worksheet|sst)[\s>]")
CHUNK: Final = 256 * 1024
NOT_CALCULATED: Final = "holds a formula without its result"
FORMULA: Final = (b"<f>", b"<f ")
ESCAPE: Final = re.compile(r"_x([0-9A-Fa-f]{4})_")
TYPED: Final[tuple[tuple[type, ...], ...]] = ((bool,), (int, float), (date, time, timedelta))
KINDS: Final = (TRUTH, NUMBER, DATE)


def read_spreadsheet(body: bytes, *, sheet: str | None) -> Table:
    """The first visible sheet of an XLSX file, or the named one. Raises `FileUnreadable`."""
    formulas = _check_archive(body)
    shown = _opened(body, data_only=True)
    name = _sheet(shown, sheet)
    written = _opened(body, data_only=False) if formulas else None

    def rows() -> Iterator[Row]:
        under = _cells(written[name]) if written else repeat(())
        for number, (cells, told) in enumerate(zip(_cells(shown[name]), under, strict=False), 1):
            width = max(len(cells), len(told))
            values = [*cells, *repeat(None, width - len(cells))]
            broken = {
                column: NOT_CALCULATED
                for column, formula in enumerate(told)
                if formula is not None and values[column] is None
            }
            made = {column: kind for column, one in enumerate(values) if (kind := _kind(one))}
            yield Row(number, [_text(value) for value in values], broken, made)

    return as_table(rows, sheet=name)


def _check_archive(body: bytes) -> bool:
    """Unpack everything once, counting; answers whether a sheet holds formulas."""
    formulas = False
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise FileUnreadable(detail=f"It has more than {MOST_MEMBERS} members.")
            left = LARGEST_UNPACKED
            for member in members:
                size, has = _unpacked(archive, member, most=left)
                left -= size
                formulas = formulas or (has and "/worksheets/" in member.filename)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError,
            EOFError, ValueError):  # fmt: skip
        raise FileUnreadable(detail="It is no XLSX file, or it is damaged or encrypted.") from None
    return formulas


def _unpacked(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, most: int) -> tuple[int, bool]:
    """The size of a member as it is, not as it says, and whether a formula stands in it."""
    size, held, has, last = 0, 0, False, b""
    bounded = member.filename.endswith(WHOLE)
    with archive.open(member) as packed:
        while chunk := packed.read(CHUNK):
            bounded = bounded or (size == 0 and PIECES.search(chunk) is not None)
            end = max(chunk.rfind(b"row>"), chunk.rfind(b"si>"))  # of a row, of a text
            size, held = size + len(chunk), len(chunk) - end if end >= 0 else held + len(chunk)
            ratio = size / max(member.compress_size, 1)
            large = size > most or (bounded and held > LARGEST_PIECE)
            if large or (size > SMALL and ratio > HIGHEST_RATIO):
                raise FileUnreadable(detail="It unpacks to far more than a table of models needs.")
            has = has or any(mark in last + chunk for mark in FORMULA)
            last = chunk[-2:]
    return size, has


def _opened(body: bytes, *, data_only: bool) -> Any:
    # brings numpy along: 20 MB that no other route needs
    from openpyxl.reader.excel import ExcelReader  # noqa: PLC0415

    def opened() -> Any:
        reader: Any = ExcelReader(
            BytesIO(body), read_only=True, data_only=data_only, keep_links=False
        )
        reader.read_strings = lambda: reader.shared_strings.extend(_strings(reader))
        reader.read()
        return reader.wb

    return _guarded(opened)


def _strings(reader: Any) -> Iterator[str]:
    """The texts that cells refer to, as they are written: openpyxl would unescape them by half."""
    from openpyxl.cell.text import Text  # noqa: PLC0415
    from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS  # noqa: PLC0415
    from openpyxl.xml.functions import iterparse  # noqa: PLC0415

    part = reader.package.find(SHARED_STRINGS)
    if part is None:
        return
    with reader.archive.open(part.PartName[1:]) as source:
        for _, node in iterparse(source):
            if node.tag == f"{{{SHEET_MAIN_NS}}}si":
                text: Any = Text.from_tree(node)
                yield text.content
                node.clear()


def _cells(sheet: Any) -> Iterator[Sequence[Any]]:
    sheet.reset_dimensions()  # what it says of its size need not be true
    rows = sheet.iter_rows(max_col=MOST_COLUMNS + 1, values_only=True)
    while (cells := _guarded(lambda: next(rows, None))) is not None:
        width = len(cells)
        while width and cells[width - 1] is None:  # nobody's statement
            width -= 1
        yield cells[:width]


def _guarded(read: Callable[[], Any]) -> Any:
    """Whatever a damaged file makes of its reader means that it cannot be read."""
    try:
        return read()
    except Exception as error:
        cause = type(error).__name__
        raise FileUnreadable(detail="It is no XLSX file, or it is damaged.", cause=cause) from error


def _sheet(book: Any, asked: str | None) -> str:
    names = [one.title for one in book.worksheets]
    if asked is not None and asked in names:
        return asked
    if asked is not None:
        near = (get_close_matches(asked, names, n=1) or names or ["none"])[0]
        raise Invalid(FieldProblem(pointer="?sheet", message="is no sheet of the file",
                                   fix=f"The nearest is {near[:100]!r}."))  # fmt: skip
    visible = [one.title for one in book.worksheets if one.sheet_state == "visible"]
    if not visible:
        raise FileUnreadable(detail="It has no visible sheet; name one with `sheet`.")
    return str(visible[0])


def _text(value: Any) -> str:
    """A cell as its reader sees it, dates and numbers in the one form that is exact."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{Decimal(repr(value)):f}".removesuffix(".0")
    return ESCAPE.sub(_character, str(value))


def _character(escaped: re.Match[str]) -> str:
    """What `_xHHHH_` stands for; halves of characters stay as they are."""
    found = chr(int(escaped[1], 16))
    return escaped[0] if "\ud800" <= found <= "\udfff" else found


def _kind(value: Any) -> str | None:
    """What a cell is that is no text."""
    if value is None or isinstance(value, str):
        return None
    kinds = zip(TYPED, KINDS, strict=True)
    return next((kind for types, kind in kinds if isinstance(value, types)), None)
