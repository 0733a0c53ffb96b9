"""Workbooks: the same bytes for the same content, texts as they are, parts where one is too few."""

import hashlib
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.exports import workbook
from service.exports.cells import CUT, cell
from service.exports.workbook import Sheet, split_records, write_workbook
from service.exports.worksheet import escaped
from service.people.spreadsheet import ESCAPE, read_spreadsheet
from tests.exports.office import HOSTILE, MARKS, formulas, numbered

ROOT = Path(__file__).parents[2]
COLUMNS = ("number", "value", "end")
WRITE = """
import sys
from pathlib import Path
from service.exports.workbook import Sheet, write_workbook
records = [[f"r{n}", "x" * n, "é 日本 😀"] for n in range(100)]
sheets = [Sheet(name, ("a", "b", "c"), iter(records)) for name in ("models", "uses", "empty")]
write_workbook(Path(sys.argv[1]), sheets, about={"profile": "models", "factor": 1.5})
"""
PLACES = (
    {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    {"TZ": "Asia/Kathmandu", "LC_ALL": "de_DE.UTF-8", "PYTHONHASHSEED": "2"},
    {"TZ": "America/St_Johns", "LC_ALL": "tr_TR.UTF-8", "SOURCE_DATE_EPOCH": "1000000000"},
)
ESCAPES = st.text(
    st.sampled_from(["_", "x", "0", "4", "1", "5", "F", "f", "\0", "\x01", "\r", "\ufffe", "A"])
)


def write(path: Path, *sheets: Sheet, **about: Any) -> Any:
    """A workbook, opened again, with what its writer says of it."""
    written = write_workbook(path, sheets, about=about)
    return written, openpyxl.load_workbook(path)


def rows(page: Any) -> list[list[str]]:
    """The texts of a sheet below its header, empty ones too."""
    found = page.iter_rows(min_row=2, values_only=True)
    return [[text or "" for text in row] for row in found]


@given(st.one_of(ESCAPES, st.text()))
def test_escaped_bijection(text: str) -> None:
    """What XML cannot hold is escaped, and what reads like an escape: both come back."""
    written = escaped(text)

    assert ESCAPE.sub(lambda found: chr(int(found[1], 16)), written) == text
    assert not set(written) & {"\0", "\x01", "\r", "\ufffe"}


def test_workbook_texts(tmp_path: Path) -> None:
    """Every cell is a text, whatever it holds, markup too; all that is not cut comes back."""
    path, values = tmp_path / "models.xlsx", [cell(value) for value in HOSTILE]
    written, book = write(path, Sheet("models", COLUMNS, numbered(values)))
    table = read_spreadsheet(path.read_bytes(), sheet="models")
    found = {row.cells[0]: row.cells[1] for row in table.body()}
    whole = {n: text for n, text, _ in numbered(values) if not found[n].endswith(CUT)}

    assert {n: text for n, text in found.items() if n in whole} == whole
    assert (written.cut, len(values) - len(whole)) == (2, 2)
    assert {cell.data_type for row in book["models"].iter_rows() for cell in row} <= {"s", "n"}
    assert formulas(path) == 0


def test_workbook_no_markup(tmp_path: Path) -> None:
    """A text that reads like the inside of a cell, as XlsxWriter marks one, makes no other cell."""
    (text,) = (value for value in MARKS if "<f>" in value)
    _, book = write(tmp_path / "models.xlsx", Sheet("models", COLUMNS, [["a", text, "b"]]))

    assert rows(book["models"]) == [["a", text, "b"]]


def test_workbook_same_bytes(tmp_path: Path) -> None:
    """The same content is the same file in any time zone, locale and order of hashes."""
    digests = set()
    for number, place in enumerate(PLACES):
        path = tmp_path / f"{number}.xlsx"
        subprocess.run(  # noqa: S603  # what is written above
            [sys.executable, "-c", WRITE, str(path)], check=True, cwd=ROOT, env=os.environ | place
        )
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    with zipfile.ZipFile(path) as packed:
        dates = {one.date_time for one in packed.infolist()}
        properties = packed.read("docProps/core.xml").decode()

    assert len(digests) == 1
    assert dates == {(1980, 1, 31, 0, 0, 0)}
    assert properties.count("1980-01-01T00:00:00Z") == 2


def test_workbook_sheets(tmp_path: Path) -> None:
    """A sheet a file, with a header that stays in sight and a filter; the last says what it is."""
    files = [Sheet(name, COLUMNS, numbered(["x" * 90, "y"])) for name in ("models", "history")]
    written, book = write(tmp_path / "b.xlsx", *files, profile="models", factor=1.5, run="=1+1")
    page, about = book["models"], dict(book["About this file"].iter_rows(values_only=True))

    assert book.sheetnames == ["models", "history list", "About this file"]
    assert written.sheets == {"models": ("models",), "history": ("history list",)}
    assert written.records == {"models": 2, "history": 2}
    assert (page.freeze_panes, page.auto_filter.ref) == ("A2", "A1:C3")
    assert [page.column_dimensions[column].width for column in "AB"] == [
        pytest.approx(10.7, abs=0.1), pytest.approx(60.7, abs=0.1),
    ]  # fmt: skip
    assert {cell.number_format for row in page.iter_rows(min_row=2) for cell in row} == {"@"}
    about.pop("catalog version")
    assert about == {
        "profile": "models", "factor": "1.5", "run": "'=1+1", "rows of models": "2",
        "rows of history": "2", "cut cells": "0",
    }  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 3, 4, 6, 7])
def test_workbook_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """What one sheet cannot hold stands in several, each with the header; nothing is cut."""
    monkeypatch.setattr(workbook, "MOST_RECORDS", 3)
    records = numbered([str(number) for number in range(count)])
    written, book = write(tmp_path / "b.xlsx", Sheet("uses", COLUMNS, records))
    names = book.sheetnames[:-1]
    about = dict(book["About this file"].iter_rows(values_only=True))

    assert names == {1: ["uses"], 2: ["uses-0001", "uses-0002"]}.get(
        max(1, -(-count // 3)), ["uses-0001", "uses-0002", "uses-0003"]
    )
    assert list(chain.from_iterable(rows(book[name]) for name in names)) == records
    assert {tuple(cell.value for cell in book[name][1]) for name in names} == {COLUMNS}
    assert [len(rows(book[name])) <= 3 for name in names] == [True] * len(names)
    assert {book[name].auto_filter.ref for name in names} == {
        f"A1:C{len(rows(book[name])) + 1}" for name in names
    }
    assert written.sheets == {"uses": tuple(names)}
    assert (written.records["uses"], about["rows"]) == (count, str(count))
    assert about.get("sheets of uses") == ("; ".join(names) if len(names) > 1 else None)


def test_workbook_fails(tmp_path: Path) -> None:
    """What breaks while records are read leaves no file behind, half or whole."""

    def broken() -> Iterator[list[str]]:
        yield ["a", "b", "c"]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_workbook(tmp_path / "b.xlsx", [Sheet("uses", COLUMNS, broken())], about={})
    assert list(tmp_path.iterdir()) == []


def test_workbook_flat(tmp_path: Path) -> None:
    """Memory is flat: of thirty megabytes of records no tenth is held at once."""
    records = ([f"r{number}", "x" * 1_000, "y" * 500] for number in range(20_000))
    write(tmp_path / "warm.xlsx", Sheet("uses", COLUMNS, []))
    tracemalloc.start()
    try:
        write_workbook(tmp_path / "b.xlsx", [Sheet("uses", COLUMNS, records)], about={})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 3_000_000


@given(st.integers(0, 20), st.integers(1, 6))
def test_split_records(count: int, most: int) -> None:
    """Parts hold all records in order, each as many as it may, and there is at least one."""
    records = numbered([str(number) for number in range(count)])
    parts = [list(part) for part in split_records(iter(records), most=most)]

    assert list(chain.from_iterable(parts)) == records
    assert {len(part) for part in parts[:-1]} <= {most}
    assert len(parts) == max(1, -(-count // most))
