"""Answers an export in the representation that is asked for."""

from typing import ClassVar, Final

import sqlalchemy as sa
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from schemas.problem import FieldProblem
from service.access.policy import Caller
from service.errors import CatalogError, Invalid
from service.exports.cells import cell
from service.exports.csv import csv_chunks
from service.exports.export import MEDIA, Export, Form, Told
from service.exports.jobs.log import Exported
from service.exports.lines import line_chunks
from service.exports.sheet import Written, write_excel_csv, write_xlsx
from service.exports.stream import Label, Streamed

OF_CSV_ALONE: Final = "dialect"
# Held to the end of the transaction that reads the file: two of one account, in any process.
SLOT: Final = sa.text("""
SELECT CASE WHEN pg_try_advisory_xact_lock(hashtextextended(:whose, 1)) THEN 1
            WHEN pg_try_advisory_xact_lock(hashtextextended(:whose, 2)) THEN 2 END
""")


class TooManyStreams(CatalogError):
    """Two files are on their way to you already.

    Take the next one when one of them is there, or ask for a bundle: it holds all of them.
    """

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


def answer_export(
    session: Session, export: Export, *, form: Form, dialect: str = "plain"
) -> StreamingResponse:
    """The whole list as one file; what fails before its first bytes is an error answer.

    For any list: declare its `Export` and give the route a `{form}` suffix. `begin(session)` comes
    before its rows are read and answers `as_of`. Raises `TooManyStreams`, `TooManyRows`.
    """
    take_slot(session, export.about.by)
    if form is Form.XLSX:
        return _finished(export, form, written=write_xlsx(session, export))
    if form is Form.CSV and dialect == "excel":
        return _finished(export, form, written=write_excel_csv(session, export))
    label = label_of(export, form)
    if form is Form.CSV:  # an end of a line inside a cell is LF alone
        chunks = csv_chunks(session, export, raw=dialect == "raw")
        label = label._replace(ends=b"\r\n", above=1)
    else:
        chunks = line_chunks(session, export)
        label = label._replace(ends=b"\n")

    def close() -> None:
        chunks.close()
        session.close()  # with it the slot is free

    return Streamed(label, chunks=chunks, close=close)


def take_slot(session: Session, caller: Caller) -> None:
    """Let nobody read more than two files at once. Raises `TooManyStreams`."""
    whose = f"export:{caller.kind}:{caller.id}"
    if session.execute(SLOT, {"whose": whose}).scalar_one() is None:
        raise TooManyStreams


def label_of(export: Export, form: Form) -> Label:
    """What is written down of a list's file."""
    asked = {name: cell(value, raw=True) for name, value in export.about.said.items()}
    about = Exported(export.file_name(form), asked, export.as_of)
    return Label(about, MEDIA[form], export.about.by.actor)


def _finished(export: Export, form: Form, *, written: Written) -> StreamingResponse:
    """A file that is complete already: its length and what was cut are known."""
    label = label_of(export, form)._replace(rows=written.rows)
    answer = Streamed(label, chunks=written.chunks(), close=written.file.close)
    answer.headers["X-Cut-Cells"] = str(written.cut)
    answer.headers["Content-Length"] = str(written.size)
    return answer


def check_dialect(asked: BaseModel, form: Form) -> None:
    """Refuse a dialect where it would mean nothing. Raises `Invalid`."""
    if form is not Form.CSV and OF_CSV_ALONE in asked.model_fields_set:
        problem = FieldProblem(
            pointer=f"?{OF_CSV_ALONE}",
            message="is for CSV alone",
            fix="Leave it out, or ask for .csv.",
        )
        raise Invalid(problem)


def about(asked: BaseModel, caller: Caller) -> Told:
    """What was asked, and what of the catalog the caller may see at all."""
    apart = {OF_CSV_ALONE, "as_of"}
    stated = asked.model_dump(mode="json", exclude=apart, exclude_none=True)
    seen = "all" if caller.namespaces is None else sorted(caller.namespaces)
    told = {**{f"?{name}": value for name, value in stated.items()}, "namespaces": seen}
    return Told(told, caller)
