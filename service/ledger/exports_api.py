"""The change feed as a file: everything since a cursor, as CSV, JSON Lines or XLSX."""

from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.columns import Column
from schemas.digest import canonical_json
from schemas.queries import Dialect
from service.access.policy import Caller
from service.catalog.moments import MomentUnsettled
from service.db import ReadSession
from service.errors import problems
from service.exports.answer import about, answer_export, check_dialect
from service.exports.api import NAMED, Suffix
from service.exports.export import Export, Form, FormUnknown, begin, read_form
from service.exports.sheet import TooManyRows
from service.ledger.api import ChangeFilters, check_until, select_changes
from service.ledger.feed import CursorAhead, as_change, find_part
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["changes"], route_class=CatalogRoute)
RESPONSES: Final = problems(FormUnknown, TooManyRows, CursorAhead, MomentUnsettled) | {
    200: NAMED[200]
}
CHANGES: Final = (
    Column("id", "the ledger row's number"),
    Column("seq", "its place in the sealed order, without gaps"),
    Column("cursor", "goes on after this row, as `since`"),
    Column("recorded_at", "when it was recorded"),
    Column("kind", "what kind of thing changed"),
    Column("entry", "the entry's id; empty for what is no entry"),
    Column("op", "create, update, retire, restore, merge, replace and others"),
    Column("field", "the field that changed"),
    Column("old", "its value before; what is no text or number as JSON"),
    Column("new", "its value after; all first values as JSON when it was created"),
    Column("actor_kind", "source, person, software or operator"),
    Column("actor", "who did it"),
    Column("source", "the source that said it"),
    Column("harvest", "the harvest that brought it"),
    Column("observed_at", "when the source was read"),
    Column("reason", "why, if a person said so"),
    Column("request", "the request's trace id"),
)


class ChangeExport(ChangeFilters):
    """All query parameters of an export of the feed."""

    dialect: Dialect = "plain"


@router.get(
    "/changes.{form}",
    response_class=StreamingResponse,
    responses=RESPONSES,
)
@policy("exports:read")
def export_changes(
    caller: Requester, form: Suffix, query: Annotated[ChangeExport, Query()], session: ReadSession
) -> StreamingResponse:
    """Everything that changed since a cursor, as a file."""
    return answer_changes(session, caller, asked=query, form=read_form(form))


def answer_changes(
    session: Session, caller: Caller, *, asked: ChangeExport, form: Form
) -> StreamingResponse:
    """The rows of the feed; JSON Lines hold the feed's own items."""
    check_dialect(asked, form)
    check_until(session, asked)
    now = begin(session)
    as_of = asked.as_of or now
    rows = select_changes(caller, asked, part=find_part(session, asked.place))
    as_row = as_change if form is Form.JSONL else as_record
    export = Export("changes", CHANGES, as_of, rows, as_row, about(asked, caller))
    return answer_export(session, export, form=form, dialect=asked.dialect)


def as_record(row: sa.RowMapping) -> dict[str, Any]:
    """A change as the members of its columns."""
    change = as_change(row)
    said, actor = change.observation, change.actor
    beside = {
        "old": _flat(change.old),
        "new": _flat(change.new),
        "actor_kind": actor.kind if actor else None,
        "actor": actor.id if actor else None,
        "observed_at": said.get("observed_at") if isinstance(said, dict) else None,
    }
    return dict(change) | beside


def _flat(value: Any) -> Any:
    """Texts and numbers as they are, everything else as JSON."""
    return canonical_json(value) if isinstance(value, dict | list) else value
