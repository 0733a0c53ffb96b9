"""Files as people have them."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import openpyxl

from service.people.table import CSV, XLSX
from tests.support.http import Service

PATIENCE = 600  # seconds: thousands of rows, on a machine that does much else


def workbook(rows: Iterable[Sequence[Any]], **sheets: Iterable[Sequence[Any]]) -> bytes:
    """An XLSX file with one sheet, and others by name."""
    book = openpyxl.Workbook()
    for name, told in {"Inventory": rows, **sheets}.items():
        sheet = book.create_sheet(name)
        for row in told:
            sheet.append(list(row))
    del book["Sheet"]
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def send(service: Service, token: str, body: bytes | str, media: str = CSV, **asked: Any) -> Any:
    """The answer to an import."""
    content = body.encode() if isinstance(body, str) else body
    headers = {"Content-Type": media}
    given = {"content": content, "headers": headers, "params": asked, "timeout": PATIENCE}
    return service.ask("POST", "imports", token, **given)


def imported(
    service: Service, token: str, body: bytes | str, media: str = CSV, **asked: Any
) -> Any:
    """The report of an import that is accepted; every row is accounted for."""
    answer = send(service, token, body, media, **asked)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    counted = ("created", "changed", "unchanged", "repeated", "rows_refused")
    assert sum(report[name] for name in counted) == report["rows"]
    return report


def figures(report: Any) -> Any:
    """What became of the rows: created, changed, unchanged, repeated, refused."""
    names = ("created", "changed", "unchanged", "repeated", "rows_refused")
    return tuple(report[name] for name in names)


def spreadsheet(service: Service, token: str, body: bytes, **asked: Any) -> Any:
    """The report of an import of XLSX."""
    return imported(service, token, body, XLSX, **asked)
