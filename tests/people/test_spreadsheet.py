"""XLSX files: what their cells show, typed; bounded before they are opened."""

import random
import zipfile
from datetime import date, datetime
from io import BytesIO
from typing import Any

import openpyxl
import pytest

from service.people.table import XLSX
from tests.people.files import figures, send, spreadsheet, workbook
from tests.support.http import Service

HEADER = ("namespace", "name", "description", "log_retention_days", "created_at", "owner")
MEGABYTE = 1024 * 1024


def zipped(**members: bytes) -> bytes:
    """A ZIP file of these members."""
    written = BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def with_member(body: bytes, name: str, content: bytes) -> bytes:
    """An XLSX file with one member replaced."""
    written = BytesIO()
    with zipfile.ZipFile(BytesIO(body)) as old, zipfile.ZipFile(written, "w") as new:
        for member in old.namelist():
            new.writestr(member, content if member == name else old.read(member))
    return written.getvalue()


def test_spreadsheet_typed(service: Service, reviewer: str) -> None:
    """Dates, numbers and texts of cells are read as what they are; a time of day is no day."""
    body = workbook([
        HEADER,
        ("retail", "a", "Zeile 1\nZeile 2", 90.0, date(2024, 3, 4), "jörg@acme.example"),
        ("retail", "b", 1.5, None, datetime(2024, 3, 4, 5, 6), None),  # noqa: DTZ001
        (None, None, None),
        ("retail", "c", True, 0, "3/4/2024", "N/A"),
    ])  # fmt: skip
    report = spreadsheet(service, reviewer, body)

    assert (figures(report), report["sheet"], report["encoding"]) == (
        (3, 0, 0, 0, 0), "Inventory", None
    )  # fmt: skip
    assert report["dates"] == {"day": 3, "month": 0, "year": 0, "ambiguous": 1}
    said = [service.get(f"models/retail/{name}/entered", reviewer)["facts"] for name in "abc"]
    assert [one["description"] for one in said] == ["Zeile 1\nZeile 2", "1.5", "true"]
    assert [one.get("log_retention_days") for one in said] == [90, None, 0]
    assert {one["created_at"] for one in said} == {"2024-03-04T00:00:00.000000Z"}
    assert said[0]["owners"][0]["owner"]["value"] == "jörg@acme.example"


def test_spreadsheet_sheet(service: Service, reviewer: str) -> None:
    """The first visible sheet is read, or the named one; an unknown one names the nearest."""
    body = workbook([("name",), ("first",)], Models=[("", ""), ("", "name"), ("", "second")])
    asked = {"namespace": "retail"}
    first = spreadsheet(service, reviewer, body, **asked)
    second = spreadsheet(service, reviewer, body, **asked, sheet="Models")
    wrong = send(service, reviewer, body, XLSX, **asked, sheet="Modles")

    assert (first["sheet"], second["sheet"]) == ("Inventory", "Models")
    names = [one["facts"]["name"] for one in service.get("models")["items"]]
    assert names == ["first", "second"]
    error = wrong.json()["errors"][0]
    assert (error["pointer"], error["fix"]) == ("?sheet", "The nearest is 'Models'.")


def test_spreadsheet_formula(service: Service, reviewer: str) -> None:
    """A formula says what it showed when the file was saved; one that never did refuses its row."""
    body = workbook([("namespace", "name", "description"), ("retail", "a", "=1+1"),
                     ("retail", "b", "#DIV/0!"), ("retail", "c", "x")])  # fmt: skip
    report = spreadsheet(service, reviewer, body)
    calculated = spreadsheet(service, reviewer, with_result(body))

    assert [(one["row"], one["column"], one["code"]) for one in report["refused"]] == [
        (2, "description", "formula"), (3, "description", "invalid"),
    ]  # fmt: skip
    assert figures(calculated) == (1, 0, 1, 0, 1)
    assert service.get("models/retail/a/entered", reviewer)["facts"] == {"description": "2"}


def with_result(body: bytes) -> bytes:
    """The same file after a spreadsheet has calculated it."""
    name = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(BytesIO(body)) as archive:
        sheet = archive.read(name)
    assert (
        b"<f>1+1</f><v />" in sheet or b"<f>1+1</f><v></v>" in sheet or b"<f>1+1</f><v/>" in sheet
    )
    for empty in (b"<v />", b"<v></v>", b"<v/>"):
        sheet = sheet.replace(b"<f>1+1</f>" + empty, b"<f>1+1</f><v>2</v>")
    return with_member(body, name, sheet)


def test_spreadsheet_own_size(service: Service, reviewer: str) -> None:
    """What a sheet says of its own size is not believed, neither too large nor too small."""
    body, name = workbook([("namespace", "name"), ("retail", "a")]), "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(BytesIO(body)) as archive:
        sheet = archive.read(name)
    for said in (b"A1:XFD1048576", b"A1:A1"):
        changed = sheet.replace(b'ref="A1:B2"', b'ref="' + said + b'"')
        assert changed != sheet
        report = spreadsheet(service, reviewer, with_member(body, name, changed))
        assert (report["rows"], report["rows_refused"]) == (1, 0)


def numbers(form: str) -> bytes:
    """Five megabytes that hardly compress."""
    digits = random.Random(1)  # noqa: S311  # the same each time
    return "".join(form % digits.randrange(10**9) for _ in range(260_000)).encode()


def hostile() -> dict[str, bytes]:
    """Files that are no tables, by what is wrong with them."""
    good, sheet = workbook([("namespace", "name"), ("retail", "a")]), "xl/worksheets/sheet1.xml"
    entity = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        b"<worksheet><sheetData><row><c><v>&b;</v></c></row></sheetData></worksheet>"
    )
    far = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    )
    end = b"</sheetData></worksheet>"
    return {
        "no ZIP": b"PK, but nothing more",
        "CSV": b"namespace,name\nretail,a\n",
        "cut": good[:-100],
        "no workbook": zipped(x=b"x"),
        "bomb": zipped(**{"xl/workbook.xml": b"0" * (40 * MEGABYTE)}),
        "many members": zipped(**{f"m{n}": b"" for n in range(1_001)}),
        "entities": with_member(good, sheet, entity),
        "no XML": with_member(good, sheet, b"<worksheet"),
        "far row": with_member(
            good, sheet, far + b'<row r="99999999999"/></sheetData></worksheet>'
        ),
        "long row": with_member(
            good, sheet, far + b"<row>" + numbers("<c><v>%d</v></c>") + b"</row>" + end
        ),
        "many styles": with_member(
            good, "xl/styles.xml", b"<styleSheet>" + numbers('<font id="%d"/>') + b"</styleSheet>"
        ),
        "empty": workbook([()]),
    }


@pytest.mark.parametrize("case", hostile())
def test_spreadsheet_hostile(service: Service, reviewer: str, case: str) -> None:
    """A damaged, empty or hostile file is 422, at once, and nothing of it is entered."""
    answer = send(service, reviewer, hostile()[case], XLSX)

    assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
    assert service.get("models")["items"] == []


def test_spreadsheet_wide_row(service: Service, reviewer: str) -> None:
    """A cell far to the right refuses its row; it costs no memory for the columns between."""
    book: Any = openpyxl.load_workbook(BytesIO(workbook([("namespace", "name"), ("retail", "a")])))
    book.active.cell(2, 200, "x")
    book.active.cell(3, 1, "retail")
    book.active.cell(3, 2, "b")
    written = BytesIO()
    book.save(written)
    report = spreadsheet(service, reviewer, written.getvalue())

    assert [(one["row"], one["code"]) for one in report["refused"]] == [(2, "too_many_cells")]
    assert figures(report) == (1, 0, 0, 0, 1)
