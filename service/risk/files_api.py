"""Files of what people decided: what a row's reader may not see reads `withheld`."""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from schemas.report_columns import REPORTS
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.errors import problems
from service.exports.answer import about, answer_export, check_dialect
from service.exports.api import NAMED
from service.exports.cells import Withheld
from service.exports.export import Export, Form, FormUnknown, begin, read_form
from service.exports.sheet import TooManyRows

RESPONSES: Final = problems(FormUnknown, TooManyRows) | {200: NAMED[200]}


def answer_file(  # what a route knows of its file
    session: Session,
    found: Keyset,
    *,
    name: str,
    asked: BaseModel,
    caller: Caller,
    form: str,
    flat: Callable[[Any], dict[str, Any]] = dict,
) -> StreamingResponse:
    """All rows of a list as one file; JSON Lines hold the items of its pages."""
    chosen = read_form(form)
    check_dialect(asked, chosen)
    as_of = begin(session)
    columns = REPORTS[name]
    other = RENAMED.get(name, {})

    def line(row: sa.RowMapping) -> dict[str, Any]:
        members = flat(found.as_row(row)) | {"as_of": as_of}
        return {
            column.name: members.get(other.get(column.name, column.name), Withheld)
            for column in columns
        }

    rows = found.query.order_by(None).order_by(*(key.ordered for key in found.order))
    as_row = found.as_row if chosen is Form.JSONL else line
    export = Export(name, columns, as_of, rows, as_row, about(asked, caller))
    return answer_export(session, export, form=chosen, dialect=getattr(asked, "dialect", "plain"))


RENAMED: Final = {  # columns that are called otherwise than the member that they show
    "findings": {"finding": "id", "status": "state"},
    "reviews": {"review": "id"},
    "waivers": {"waiver": "id"},
    "exceptions": {"exception": "id"},
    "overrides": {"override": "id"},
    "exemptions": {"exemption": "id"},
    "attestations": {"attestation": "id"},
}
