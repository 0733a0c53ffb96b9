"""What goes out: the rows of one list at one moment, declared once for every representation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from pydantic import BaseModel
from sqlmodel import Session

from schemas.columns import Column
from service.access.policy import Caller
from service.catalog.select import one_snapshot
from service.errors import NotFound
from service.exports.cells import cell

FETCHED: Final = 500  # rows at once
EXPORT_TIMEOUT: Final = "SET LOCAL statement_timeout = '10min'"
Row = BaseModel | Mapping[str, Any]


class Form(StrEnum):
    """A representation of a list, as the suffix of its address."""

    CSV = "csv"
    JSONL = "jsonl"
    XLSX = "xlsx"


MEDIA: Final[Mapping[Form, str]] = {
    Form.CSV: "text/csv; charset=utf-8; header=present",
    Form.JSONL: "application/x-ndjson",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class FormUnknown(NotFound):
    """The list has no representation of this name.

    Lists end in `.csv`, `.jsonl` or `.xlsx`; without an ending they answer pages of JSON.
    """


class Told(NamedTuple):
    """What was asked, and by whom."""

    said: Mapping[str, Any]
    by: Caller


class Export(NamedTuple):
    """One list on its way out.

    `rows` with `as_row` are what its pages show. `cells`, given whether raw, selects the same rows
    as texts, one for each column; without it `cell` writes the members that are called like the
    columns. `about` says what was asked and by whom, for those who hold the file.
    """

    name: str
    columns: tuple[Column, ...]
    as_of: datetime
    rows: sa.Select[Any]
    as_row: Callable[[sa.RowMapping], Row]
    about: Told
    cells: Callable[[bool], sa.Select[Any]] | None = None

    def file_name(self, form: Form) -> str:
        """What and when."""
        return f"{self.name}_{self.as_of:%Y-%m-%dT%H%M%SZ}.{form}"


def read_form(suffix: str) -> Form:
    """The representation that a suffix names. Raises `FormUnknown`."""
    if suffix not in set(Form):
        raise FormUnknown
    return Form(suffix)


def begin(session: Session) -> datetime:
    """One snapshot for all that an export reads, and time to read it; answers its moment."""
    one_snapshot(session)
    session.execute(sa.text(EXPORT_TIMEOUT))
    now: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    return now


def read_rows(session: Session, export: Export) -> Iterator[Row]:
    """The rows as the pages show them, a few hundred in memory."""
    with session.execute(export.rows, execution_options={"yield_per": FETCHED}) as found:
        for row in found.mappings():
            yield export.as_row(row)


def read_records(session: Session, export: Export, *, raw: bool = False) -> Iterator[Sequence[str]]:
    """The rows as cells, a few hundred in memory."""
    if export.cells is None:
        for row in read_rows(session, export):
            members = row if isinstance(row, Mapping) else dict(row)
            yield [cell(members[column.name], raw=raw) for column in export.columns]
        return
    options = {"yield_per": FETCHED}
    with session.execute(export.cells(raw), execution_options=options) as found:
        for texts in found:
            yield tuple(texts)
