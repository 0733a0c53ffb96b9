"""Our own models come back as they were, also from a spreadsheet; what it spoilt is refused."""

import csv
from collections.abc import Callable, Sequence
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any, Final

import openpyxl
import pytest

from service.exports.cells import quoted
from service.exports.workbook import Sheet, write_workbook
from service.people.table import CSV, XLSX
from tests.exports.office import (
    SEMICOLON,
    SOFFICE,
    TAB,
    UTF_8,
    UTF_16,
    WITHOUT,
    Convert,
    as_csv,
    converter,
    to_csv,
)
from tests.people.files import figures, imported, send, spreadsheet, workbook
from tests.support.catalog import make_source, model, post
from tests.support.http import Service

OFFICE: Final = pytest.mark.skipif(SOFFICE is None, reason=WITHOUT)
HEAD: Final = ("as_of", "model_id", "model")
TITLED: Final = ("display_name", "license")
HANDLE: Final = {"kind": "owner", "scheme": "handle"}
PLAIN: Final[dict[str, Any]] = {
    "description": "=1;\n- 2\tx 'é 日本 😀\u200b\u00a0", "tags": ["a; b", "=c", "k=v,  w"],
    "base_model": None, "display_name": "'unknown", "vendor_name": "unknown",
    "license": "one of a", "disclosed": [],
    "origin": {"one_of": ["in_house", "open_weights"]}, "created_at": "2024-05-06T07:08:09Z",
    "owners": [{"owner": HANDLE | {"value": "team:ds"}}], "lifecycle": "production", "datasets": [],
}  # fmt: skip
LOOKS: Final[dict[str, Any]] = {
    "display_name": "1.10", "vendor_name": "007", "license": "1e10", "base_model": "1/2",
    "description": "12345678901234567890", "tags": ["2024-05-06"],
    "owners": [{"owner": HANDLE | {"value": "00123"}}],
}  # fmt: skip
MARKED: Final = {"description": "_x0041_ <r>x</r> _x005F_ x005F_ &amp;", "display_name": "TRUE"}
MODELS: Final[dict[str, dict[str, Any]]] = {"Plain": PLAIN, "Looks": LOOKS, "Marked": MARKED}
MADE: Final = (  # by a spreadsheet, of texts
    "1.1", "1,1", "7", "0", "1E+10", "1.00E+10", "1.23456789012346E+019", "100000", "01/02/26",
    "1/2/2026", "02.01.26", "2026-11-20", "2026-11-20 09:13", "2-Jan", "02. Jan", "Jan-24", "TRUE",
    "FALSE", "12:30:00 PM", "12:30", "50.00%", "50 %", "$5.00", "5,00 €",
)  # fmt: skip
TEXTS: Final = (  # that no spreadsheet made
    "1.10", "007", "1e10", "1.0", "12345678901234567", "v7", "1/2", "3 models", "true", "GPT-4",
    "May", "1.2.3", "0x1F", "'tis 7", "2 Jane", "e1", "12345678-1234",
)  # fmt: skip
Make = Callable[[Service], bytes]


@pytest.fixture(scope="module")
def convert(tmp_path_factory: pytest.TempPathFactory) -> Convert:
    """LibreOffice, with a profile of this module's own."""
    return converter(tmp_path_factory.mktemp("office"))


@pytest.fixture
def filled(service: Service) -> Service:
    """Models with texts that a spreadsheet would run, or take for something else."""
    said = (model(name, **facts) for name, facts in MODELS.items())
    assert not post(service.database, make_source(service.database), *said).refused
    return service


def file_of(service: Service, form: str) -> bytes:
    """Our own file of the models."""
    answered = service.ask("GET", f"models.{form}", service.reader)
    assert answered.status_code == 200
    return bytes(answered.content)


def records_of(service: Service) -> list[list[str]]:
    """The records of our own CSV, with the header."""
    return list(csv.reader(StringIO(file_of(service, "csv").decode(), newline=""), strict=True))


def said_of(service: Service) -> dict[str, Any]:
    """What the catalog says of the models."""
    return {name: service.get(f"models/retail/{name.lower()}")["facts"] for name in MODELS}


def check_unchanged(service: Service, reviewer: str, body: bytes, media: str) -> None:
    """A file says the same as the catalog: all of it, and nothing else."""
    before = said_of(service)
    report = imported(service, reviewer, body, media)

    assert (figures(report), report["refused"]) == ((0, 0, len(MODELS), 0, 0), [])
    assert said_of(service) == before
    for name, facts in before.items():
        entered = service.get(f"models/retail/{name.lower()}/entered", reviewer)["facts"]
        known = facts.keys() - {"namespace", "name", "disclosed"}  # no column of the file
        assert entered == {fact: facts[fact] for fact in known}


def delimited(records: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    """CSV as others write it, with quotes where they are needed."""
    text = StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(records)
    return text.getvalue()


def saved_by_openpyxl(service: Service) -> bytes:
    """Our own workbook, opened and saved again."""
    book = openpyxl.load_workbook(BytesIO(file_of(service, "xlsx")))
    written = BytesIO()
    book.save(written)
    return written.getvalue()


OWN_FILES: Final[dict[str, Make]] = {
    "plain": lambda service: file_of(service, "csv"),
    "excel": lambda service: file_of(service, "csv?dialect=excel"),
    "workbook": lambda service: file_of(service, "xlsx"),
    "workbook saved again": saved_by_openpyxl,
    "utf-16": lambda service: file_of(service, "csv").decode().encode("utf-16"),
    "unix": lambda service: file_of(service, "csv").replace(b"\r\n", b"\n"),
    "semicolons": lambda service: file_of(service, "csv").replace(b'","', b'";"'),
    "tabs": lambda service: file_of(service, "csv").replace(b'","', b'"\t"'),
}


@pytest.mark.parametrize("how", OWN_FILES)
def test_own_file_unchanged(filled: Service, reviewer: str, how: str) -> None:
    """Our own CSV and XLSX say what the catalog says, with any delimiter, encoding, line end."""
    media = XLSX if "workbook" in how else CSV
    check_unchanged(filled, reviewer, OWN_FILES[how](filled), media)


def test_own_workbook_edited(filled: Service, reviewer: str) -> None:
    """A workbook of ours that was opened, changed in one cell and saved changes one fact."""
    book: Any = openpyxl.load_workbook(BytesIO(file_of(filled, "xlsx")))
    page, column = book["models"], records_of(filled)[0].index("license") + 1
    (row,) = (cells[0].row for cells in page.iter_rows() if cells[2].value == "retail/looks")
    page.cell(row, column, "0.10")
    written = BytesIO()
    book.save(written)
    report = imported(filled, reviewer, written.getvalue(), XLSX)

    assert report["refused"] == []
    assert filled.get("models/retail/looks")["facts"]["license"] == "0.10"
    assert filled.get("models/retail/looks")["facts"]["display_name"] == "1.10"


def test_own_workbook_spoilt(service: Service, reviewer: str) -> None:
    """A cell of ours that is no text any more refuses its row: by column, with what to do."""
    values = (1.1, 7, 1e10, date(2024, 5, 6), datetime(2024, 5, 6, 7), True)  # noqa: DTZ001
    rows = [("", "", f"retail/m{n}", value, value) for n, value in enumerate(values)]
    kept = ("", "", "retail/kept", "1.10", "TRUE")
    report = spreadsheet(service, reviewer, workbook([(*HEAD, *TITLED), *rows, kept]))

    assert figures(report) == (1, 0, 0, 0, len(values))
    assert [(one["row"], one["column"], one["code"]) for one in report["refused"]] == [
        (row, column, "spoilt") for row in range(2, len(values) + 2) for column in TITLED
    ]
    assert "edit the XLSX" in report["refused"][0]["fix"]


def test_own_workbook_dates(service: Service, reviewer: str) -> None:
    """A time that became one of the spreadsheet's is the same time; a day that was typed is one."""
    whens = {
        "a": datetime(2024, 5, 6, 7, 8, 9), "b": date(2024, 5, 6), "c": "2024-05-06T07:08:09Z",  # noqa: DTZ001
        "d": 45_418, "e": "2024-05-06 07:08:09",
    }  # fmt: skip
    rows = [("", "", f"retail/{name}", when) for name, when in whens.items()]
    report = spreadsheet(service, reviewer, workbook([(*HEAD, "created_at"), *rows]))
    said = [service.get(f"models/retail/{name}")["facts"]["created_at"] for name in "abce"]

    assert [(one["row"], one["code"]) for one in report["refused"]] == [(5, "spoilt")]
    exact, day = "2024-05-06T07:08:09.000000Z", "2024-05-06T00:00:00.000000Z"
    assert said == [exact, day, exact, exact]


def named_by(texts: Sequence[str]) -> list[Sequence[str]]:
    """Records of models whose title is one of these."""
    rows = (("", "", f"retail/m{number}", text) for number, text in enumerate(texts))
    return [(*HEAD, "display_name"), *rows]


def titles(service: Service) -> list[str]:
    """The titles of all models, in the order in which they were named."""
    found = service.get("models", page_size=1_000)["items"]
    named = {int(one["name"].removeprefix("retail/m")): one for one in found}
    return [named[number]["facts"]["display_name"] for number in sorted(named)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_own_csv_spoilt(service: Service, reviewer: str, delimiter: str) -> None:
    """In a CSV of ours that a spreadsheet saved, what reads as one of its numbers is refused.

    Of our own file, in which every cell is quoted, the same text is what stood there.
    """
    records = named_by([*MADE, "x"])
    report = imported(service, reviewer, delimited(records, delimiter), dry_run="true")
    ours = imported(service, reviewer, "".join(map(quoted, records)))
    refused = [(one["row"], one["column"], one["code"]) for one in report["refused"]]

    assert (figures(report), figures(ours)) == (
        (1, 0, 0, 0, len(MADE)), (len(MADE) + 1, 0, 0, 0, 0),
    )  # fmt: skip
    assert refused == [(row, "display_name", "spoilt") for row in range(2, len(MADE) + 2)]
    assert titles(service) == [*MADE, "x"]


def test_own_csv_still_text(service: Service, reviewer: str) -> None:
    """What no spreadsheet writes of a number, a date or a truth value was a text, and is read."""
    report = imported(service, reviewer, delimited(named_by(TEXTS), ";"))

    assert report["refused"] == []
    assert titles(service) == [*TEXTS]


def test_own_csv_spoilt_elsewhere(service: Service, reviewer: str) -> None:
    """A name that became a day is refused; a count that is a number still, and a time, are not."""
    records = [
        (*HEAD, "log_retention_days", "created_at", "lifecycle"),
        ("", "", "01/02/26", "90", "2024-05-06T07:08:09Z", "pilot"),
        ("", "", "retail/a", "90", "2024-05-06 07:08:09", "pilot"),
        ("", "", "retail/b", "90", "05/06/24 07:08 AM", "pilot"),
    ]
    report = imported(service, reviewer, delimited(records, ";"))

    assert figures(report) == (1, 0, 0, 0, 2)
    assert [(one["row"], one["column"], one["code"]) for one in report["refused"]] == [
        (2, "model", "spoilt"), (4, "created_at", "spoilt"),
    ]  # fmt: skip
    said = service.get("models/retail/a")["facts"]
    assert (said["log_retention_days"], said["created_at"]) == (90, "2024-05-06T07:08:09.000000Z")


def test_own_cut_cell(service: Service, reviewer: str, tmp_path: Any) -> None:
    """A text that was cut for the spreadsheet is never taken for the whole one."""
    path = tmp_path / "models.xlsx"
    record = ["", "", "retail/a", "x" * 40_000]
    write_workbook(path, [Sheet("models", (*HEAD, "description"), [record])], about={})
    report = imported(service, reviewer, path.read_bytes(), XLSX)

    assert [(one["row"], one["column"], one["code"]) for one in report["refused"]] == [
        (2, "description", "cut")
    ]
    assert "plain CSV" in report["refused"][0]["fix"]


def test_others_csv_numbers(service: Service, reviewer: str) -> None:
    """A file of somebody's own may well hold numbers: they are texts as they stand."""
    report = imported(service, reviewer, "namespace,name,display_name\nretail,a,1.1\nretail,7,7\n")

    assert (figures(report), report["refused"]) == ((2, 0, 0, 0, 0), [])
    assert service.get("models/retail/a")["facts"]["display_name"] == "1.1"


@OFFICE
@pytest.mark.parametrize(
    ("to", "media", "saved"),
    [("xlsx", XLSX, ""), ("csv", CSV, to_csv()), ("csv", CSV, to_csv(SEMICOLON)),
     ("csv", CSV, to_csv(TAB, UTF_16))],
    ids=["workbook", "commas", "semicolons", "tabs"],
)  # fmt: skip
def test_office_workbook(
    filled: Service, reviewer: str, convert: Convert, tmp_path: Any, to: str, media: str, saved: str
) -> None:
    """Our workbook after LibreOffice saved it says the same; a CSV does not say what was a text."""
    file = tmp_path / "models.xlsx"
    file.write_bytes(file_of(filled, "xlsx"))
    body = convert(file, to, saved=saved).read_bytes()
    if media == XLSX:
        check_unchanged(filled, reviewer, body, media)
        return
    report = imported(filled, reviewer, body, media)

    assert figures(report) == (0, 0, 1, 0, 2)
    assert {(one["column"], one["code"]) for one in report["refused"]} == {
        ("display_name", "spoilt"), ("tags", "spoilt"),
    }  # fmt: skip


@OFFICE
@pytest.mark.parametrize(("to", "media"), [("xlsx", XLSX), ("csv", CSV)], ids=["workbook", "csv"])
def test_office_csv(
    filled: Service, reviewer: str, convert: Convert, tmp_path: Any, to: str, media: str
) -> None:
    """Our CSV that LibreOffice opened for numbers and dates: what it spoilt is not entered."""
    file = tmp_path / "models.csv"
    file.write_bytes(file_of(filled, "csv"))
    saved = to_csv(SEMICOLON, UTF_8) if to == "csv" else ""
    body = convert(file, to, opened=as_csv(), saved=saved)
    before = said_of(filled)
    report = imported(filled, reviewer, body.read_bytes(), media)
    spoilt = {one["column"] for one in report["refused"]}

    assert said_of(filled) == before
    assert figures(report) == (0, 0, 1, 0, 2)
    assert {one["code"] for one in report["refused"]} == {"spoilt"}
    assert {"display_name", "vendor_name", "license", "owner", "tags"} <= spoilt


@OFFICE
def test_office_misread(filled: Service, reviewer: str, convert: Convert, tmp_path: Any) -> None:
    """Our CSV that LibreOffice opened in the wrong encoding is refused whole: its texts are broken.

    Saved in the wrong one as well they are whole again, and it is an export of ours.
    """
    file = tmp_path / "models.csv"
    file.write_bytes(file_of(filled, "csv?dialect=excel"))
    for made, media in ((convert(file, "xlsx"), XLSX), (convert(file, "csv", saved=to_csv()), CSV)):
        answer = send(filled, reviewer, made.read_bytes(), media)
        assert (answer.status_code, answer.json()["code"]) == (422, "file_unreadable")
        assert "Open the first file again, as UTF-8." in answer.json()["detail"]
    report = imported(filled, reviewer, convert(file, "csv").read_bytes())

    assert figures(report) == (0, 0, 1, 0, 2)
