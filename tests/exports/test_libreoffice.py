"""What LibreOffice makes of our files: it runs nothing, and keeps what a workbook holds."""

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from service.exports.cells import cell, fitting, quoted
from service.exports.csv import BOM
from service.exports.workbook import Sheet, write_workbook
from service.people.spreadsheet import read_spreadsheet
from tests.exports.office import (
    COMMA,
    ESCAPED_BY_HALF,
    GERMAN,
    HOSTILE,
    NEW_LINES,
    RUNS,
    SEMICOLON,
    SOFFICE,
    TAB,
    UTF_16,
    WITHOUT,
    Convert,
    as_csv,
    converter,
    formulas,
    numbered,
    to_csv,
)

pytestmark = pytest.mark.skipif(SOFFICE is None, reason=WITHOUT)
COLUMNS = ("number", "value", "end")
ON_A_LINE = tuple(value for value in HOSTILE if value not in NEW_LINES)


@pytest.fixture(scope="module")
def convert(tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """LibreOffice, with a profile of this module's own."""
    return converter(tmp_path_factory.mktemp("office"))


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook of all that is hostile, as texts of our exports."""
    path = tmp_path_factory.mktemp("book") / "models.xlsx"
    write_workbook(path, [Sheet("models", COLUMNS, cells(HOSTILE))], about={"list": "models"})
    return path


def cells(values: Sequence[str]) -> list[list[str]]:
    """Records as exports write them."""
    return numbered([cell(value) for value in values])


def write_csv(path: Path, values: Sequence[str], *, dialect: str = "plain") -> Path:
    """A CSV file of our own."""
    records = numbered([cell(value, raw=dialect == "raw") for value in values])
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM if dialect == "excel" else "")
        file.writelines(map(quoted, [COLUMNS, *records]))
    return path


def read_back(file: Path, separator: int = COMMA, encoding: str = "utf-8") -> dict[str, str]:
    """The values of a CSV that LibreOffice saved, by number."""
    with file.open(encoding=encoding, newline="") as lines:
        records = csv.reader(lines, delimiter=chr(separator), strict=True)
        return {record[0]: record[1] for record in records if record[0] != "number"}


def kept(values: Sequence[str]) -> dict[str, str]:
    """What a workbook holds of them."""
    return {number: fitting(value)[0] for number, value, _ in cells(values)}


@pytest.mark.parametrize("opened", ["", as_csv(), as_csv(language=GERMAN)])
@pytest.mark.parametrize("dialect", ["plain", "excel"])
def test_csv_no_formula(convert: Convert, tmp_path: Path, dialect: str, opened: str) -> None:
    """CSV-01: nothing of our CSV is a formula, opened as LibreOffice would or told to calculate."""
    file = write_csv(tmp_path / "models.csv", HOSTILE, dialect=dialect)

    assert formulas(convert(file, "fods", opened=opened)) == 0


def test_csv_raw_runs(convert: Convert, tmp_path: Path) -> None:
    """The same values without apostrophes do run: the tests of formulas would see one."""
    file = write_csv(tmp_path / "models.csv", RUNS, dialect="raw")

    assert formulas(convert(file, "fods", opened=as_csv())) > 4
    assert formulas(convert(file, "xlsx", opened=as_csv())) > 4


@pytest.mark.parametrize("separator", [SEMICOLON, TAB])
def test_csv_other_separator(convert: Convert, tmp_path: Path, separator: int) -> None:
    """CSV-02: opened with another separator than it has, our CSV starts no formula either."""
    file = write_csv(tmp_path / "models.csv", ON_A_LINE)
    lines = write_csv(tmp_path / "lines.csv", HOSTILE)

    assert formulas(convert(file, "fods", opened=as_csv(separator))) == 0
    assert formulas(convert(lines, "fods", opened=as_csv(separator, calculate=False))) == 0


@pytest.mark.xfail(strict=True, reason="a cell's later lines have no apostrophes of their own")
@pytest.mark.parametrize("separator", [SEMICOLON, TAB])
def test_csv_other_separator_lines(convert: Convert, tmp_path: Path, separator: int) -> None:
    """CSV-02: nor does a later line of a cell, which another separator makes a line of its own."""
    file = write_csv(tmp_path / "models.csv", NEW_LINES)

    assert formulas(convert(file, "fods", opened=as_csv(separator))) == 0


def test_workbook_no_formula(convert: Convert, book: Path) -> None:
    """Nothing of a workbook is a formula, as it is and as LibreOffice saves it."""
    assert formulas(book) == 0
    assert formulas(convert(book, "fods")) == 0
    assert formulas(convert(book, "xlsx")) == 0


def test_workbook_saved_as_csv(convert: Convert, book: Path) -> None:
    """Every text survives the way over LibreOffice into CSV: hashes, versions, leading zeros."""
    assert read_back(convert(book, "csv", saved=to_csv())) == kept(HOSTILE)


@pytest.mark.parametrize(("separator", "charset"), [(SEMICOLON, 76), (TAB, UTF_16)])
def test_workbook_saved_otherwise(
    convert: Convert, book: Path, separator: int, charset: int
) -> None:
    """So it does with semicolons, and with tabs in UTF-16."""
    file = convert(book, "csv", saved=to_csv(separator, charset))
    encoding = "utf-8" if charset != UTF_16 else "utf-16"

    assert read_back(file, separator, encoding) == kept(HOSTILE)


def test_workbook_saved_as_workbook(convert: Convert, book: Path) -> None:
    """Every text survives LibreOffice saving the workbook; all of them are texts still."""
    saved = convert(book, "xlsx")
    rows = list(read_spreadsheet(saved.read_bytes(), sheet="models").body())

    harmed = {number for number, text in kept(HOSTILE).items() if text in ESCAPED_BY_HALF}
    found = {row.cells[0]: row.cells[1] for row in rows if row.cells[0] not in harmed}

    assert found == {n: text for n, text in kept(HOSTILE).items() if n not in harmed}
    assert len(harmed) == len(ESCAPED_BY_HALF)
    assert [row.made for row in rows if row.made] == []
