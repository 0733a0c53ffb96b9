"""Answers an export in the representation that is asked for."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from schemas.problem import FieldProblem
from service.access.policy import Caller
from service.errors import Invalid
from service.exports.csv import csv_chunks
from service.exports.export import Export, Form
from service.exports.lines import line_chunks
from service.exports.sheet import Written, write_excel_csv, write_xlsx
from service.exports.stream import Streamed

OF_CSV_ALONE: Final = "dialect"


def answer_export(
    session: Session, export: Export, *, form: Form, dialect: str = "plain"
) -> StreamingResponse:
    """The whole list as one file; what fails before its first bytes is an error answer.

    For any list: declare its `Export` and give the route a `{form}` suffix. `begin(session)` comes
    before its rows are read and answers `as_of`.
    """
    if form is Form.XLSX:
        return _finished(export, form, written=write_xlsx(session, export))
    if form is Form.CSV and dialect == "excel":
        return _finished(export, form, written=write_excel_csv(session, export))
    if form is Form.CSV:
        chunks = csv_chunks(session, export, raw=dialect == "raw")
    else:
        chunks = line_chunks(session, export)
    return Streamed(export, form, chunks=chunks, close=chunks.close)


def _finished(export: Export, form: Form, *, written: Written) -> StreamingResponse:
    """A file that is complete already: its length and what was cut are known."""
    answer = Streamed(export, form, chunks=written.chunks(), close=written.file.close)
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


def about(asked: BaseModel, caller: Caller) -> Mapping[str, Any]:
    """What was asked, and what of the catalog the caller may see at all."""
    apart = {OF_CSV_ALONE, "as_of"}
    stated = asked.model_dump(mode="json", exclude=apart, exclude_none=True)
    seen = "all" if caller.namespaces is None else sorted(caller.namespaces)
    return {**{f"?{name}": value for name, value in stated.items()}, "namespaces": seen}
