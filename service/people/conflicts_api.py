"""Routes of contested fields: the work list, as pages and as files, and deciding one."""

from functools import partial
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.columns import Column
from schemas.conflicts import ConflictExport, ConflictQuery, ConflictRow, Resolve, ResolveQuery
from schemas.digest import canonical_json
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.entries import EntryNotFound
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.etag import TagNeeded, TagStale
from service.exports.answer import about, answer_export, check_dialect
from service.exports.api import NAMED, Suffix
from service.exports.export import Export, FormUnknown, begin, read_form
from service.exports.sheet import TooManyRows
from service.ingest.ranks import FieldNeverStated
from service.people.conflicts import conflict_row, read_conflicts, select_conflicts
from service.people.pinnable import FactUnknown, NamingFact, NotASet
from service.people.pinning import EntryReplaced, NotYours, Pinner
from service.people.resolve import NotContested, Resolved, resolve
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["conflicts"], route_class=CatalogRoute)
RESPONSES: Final = problems(FormUnknown, TooManyRows) | {200: NAMED[200]}
DECIDED: Final = problems(
    EntryNotFound, FactUnknown, NamingFact, NotASet, NotYours, EntryReplaced, NotContested,
    FieldNeverStated, TagNeeded, TagStale, *REPEATED,
)  # fmt: skip
CONFLICTS: Final = (
    Column("kind", "what kind of thing it is"),
    Column("name", "what it is called"),
    Column("namespace", "where it stands"),
    Column("field", "the contested field"),
    Column("decided_by", "pin, field_precedence, precedence, inferred, newest or claim"),
    Column("value", "the value that holds; what is no text or number as JSON"),
    Column("source", "who said it"),
    Column("observed_at", "when the source was read"),
    Column("confirmed_at", "when a full harvest last saw it so"),
    Column("evidence", "where a person sees it"),
    Column("contenders", "what lost, strongest first, as JSON"),
    Column("since", "from when on the field was contested"),
    Column("owners", "who answers for it, or for its model"),
    Column("entry", "the entry's id"),
    Column("url", "where it is read"),
)


@router.get("/conflicts")
@policy("entries:read")
def list_conflicts(
    caller: Requester,
    query: Annotated[ConflictQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[ConflictRow]:
    """Fields that statements disagree about and nobody has settled, the newest entry first."""
    return read_conflicts(session, query, caller=caller, pages=pages)


@router.get("/conflicts.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_conflicts(
    caller: Requester, form: Suffix, query: Annotated[ConflictExport, Query()], session: ReadSession
) -> StreamingResponse:
    """All contested fields that match, as a file."""
    chosen = read_form(form)
    check_dialect(query, chosen)
    return _answer(session, caller, query=query, form=chosen)


@router.post("/conflicts:resolve", response_model=Resolved, responses=DECIDED)
@policy("facts:pin")
def resolve_conflict(
    caller: Requester,
    asked: Resolve,
    query: Annotated[ResolveQuery, Query()],
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Decide a contested field: by a value, by joining what is said, or by ranking a source."""
    match = request.headers.getlist("if-match")
    by = pinner(caller, trace, match=(asked.match,) if asked.match else tuple(match))
    work = partial(resolve, asked=asked, by=by, dry_run=query.dry_run)
    return repeatable(repeat, work, dry_run=query.dry_run)


def pinner(caller: Requester, trace: Trace, *, match: tuple[str, ...]) -> Pinner:
    """Who decides; without a tag only what nobody has pinned."""
    return Pinner(caller, trace, match, fresh=not match)


def _answer(
    session: Session, caller: Requester, *, query: ConflictExport, form: Any
) -> StreamingResponse:
    found = select_conflicts(session, query, caller=caller)
    now = begin(session)
    rows = found.query.order_by(*(key.ordered for key in found.order))
    as_row = _record if form != "jsonl" else conflict_row
    as_of = query.as_of or now
    export = Export("conflicts", CONFLICTS, as_of, rows, as_row, about(query, caller))
    return answer_export(session, export, form=form, dialect=query.dialect)


def _record(row: sa.RowMapping) -> dict[str, Any]:
    """A conflict as the members of its columns."""
    said = conflict_row(row)
    evidence = said.evidence
    lost = [one.model_dump(mode="json") for one in said.contenders]
    return dict(said) | {
        "kind": said.kind.value,
        "value": canonical_json(said.value) if isinstance(said.value, dict | list) else said.value,
        "evidence": evidence.get("url") if isinstance(evidence, dict) else None,
        "contenders": canonical_json(lost),
        "owners": list(said.owners),
        "entry": str(said.entry),
    }
