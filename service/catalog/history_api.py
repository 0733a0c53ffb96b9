"""Routes of histories: what happened to one entry and why, as pages and as files."""

from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.columns import Column
from schemas.details import Event, HistoryExport, HistoryQuery
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog import changes, detail, rows
from service.catalog.causes import as_event
from service.catalog.entries import WORDS, EntryNotFound
from service.catalog.keyset import Keyset, read_keyset
from service.catalog.moments import MomentUnsettled
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.exports.answer import about, answer_export, check_dialect
from service.exports.api import NAMED, Suffix
from service.exports.export import Export, Form, FormUnknown, begin, read_form
from service.exports.sheet import TooManyRows
from service.ledger.exports_api import CHANGES, as_record
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["history"], route_class=CatalogRoute)
Past = Annotated[HistoryQuery, Query()]
Whole = Annotated[HistoryExport, Query()]
MODEL: Final = "/models/{namespace}/{name}"
VERSION: Final = f"{MODEL}/versions/{{version}}"
HISTORY: Final = (
    *(column for column in CHANGES if column.name not in {"seq", "cursor"}),
    Column("cause", "harvest, observation, person, policy or software"),
    Column("evidence_url", "where the source shows what it said"),
)


@router.get(f"{MODEL}/history", responses=problems(detail.ModelNotFound, MomentUnsettled))
@policy("entries:read")
def list_model_history(
    caller: Requester, namespace: str, name: str, query: Past, session: ReadSession, pages: Paged
) -> Page[Event]:
    """What happened to a model: what, old, new, when and why, the newest first."""
    found = changes.model_history(session, query, model=(namespace, name), caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get(f"{VERSION}/history", responses=problems(detail.VersionNotFound, MomentUnsettled))
@policy("entries:read")
def list_version_history(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    query: Past,
    session: ReadSession,
    pages: Paged,
) -> Page[Event]:
    """What happened to a version, by number or `@alias`, the newest first."""
    address = (namespace, name, version)
    found = changes.version_history(session, query, address=address, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


def exported(*errors: type[Any]) -> dict[str, Any]:
    """What is said of every export of a history."""
    refused = problems(FormUnknown, TooManyRows, MomentUnsettled, *errors)
    return {"response_class": StreamingResponse, "responses": NAMED | refused}


@router.get(f"{MODEL}/history.{{form}}", **exported(detail.ModelNotFound))
@policy("exports:read")
def export_model_history(
    caller: Requester, namespace: str, name: str, form: Suffix, query: Whole, session: ReadSession
) -> StreamingResponse:
    """Everything that happened to a model, as a file."""
    written = read_form(form)
    found = changes.model_history(session, query, model=(namespace, name), caller=caller)
    return answer_history(session, found, caller=caller, asked=query, form=written)


@router.get(f"{VERSION}/history.{{form}}", **exported(detail.VersionNotFound))
@policy("exports:read")
def export_version_history(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    form: Suffix,
    query: Whole,
    session: ReadSession,
) -> StreamingResponse:
    """Everything that happened to a version, as a file."""
    written, address = read_form(form), (namespace, name, version)
    found = changes.version_history(session, query, address=address, caller=caller)
    return answer_history(session, found, caller=caller, asked=query, form=written)


def answer_history(
    session: Session, found: Keyset, *, caller: Caller, asked: HistoryExport, form: Form
) -> StreamingResponse:
    """The whole history, the newest first; JSON Lines hold the items of its pages."""
    check_dialect(asked, form)
    now = begin(session)
    as_of = asked.as_of or now
    as_row = as_event if form is Form.JSONL else _record
    export = Export("history", HISTORY, as_of, found.query, as_row, about(asked, caller))
    return answer_export(session, export, form=form, dialect=asked.dialect)


def _record(row: sa.RowMapping) -> dict[str, Any]:
    """An event as the members of its columns."""
    event = as_event(row)
    shown = event.evidence.get("url") if isinstance(event.evidence, dict) else None
    return as_record(row) | {"cause": event.cause.value, "evidence_url": shown}


def add_history(kind: Kind, plural: str) -> None:
    """The history of an entry that is found by its id or an identifier."""

    @policy("entries:read")
    def list_history(
        caller: Requester, entry: str, query: Past, session: ReadSession, pages: Paged
    ) -> Page[Event]:
        found = changes.entry_history(session, query, named=(kind, entry), caller=caller)
        return read_keyset(session, found, asked=query, caller=caller, pages=pages)

    @policy("exports:read")
    def export_history(
        caller: Requester, entry: str, form: Suffix, query: Whole, session: ReadSession
    ) -> StreamingResponse:
        written = read_form(form)
        found = changes.entry_history(session, query, named=(kind, entry), caller=caller)
        return answer_history(session, found, caller=caller, asked=query, form=written)

    router.add_api_route(
        f"/{plural}/{{entry}}/history", list_history, operation_id=f"list_{kind}_history",
        summary=f"List {WORDS[kind]} history", responses=problems(EntryNotFound, MomentUnsettled),
        description=f"What happened to one {WORDS[kind]}, the newest first.",
    )  # fmt: skip
    router.add_api_route(
        f"/{plural}/{{entry}}/history.{{form}}", export_history,
        operation_id=f"export_{kind}_history", summary=f"Export {WORDS[kind]} history",
        description=f"Everything that happened to one {WORDS[kind]}, as a file.",
        **exported(EntryNotFound),
    )  # fmt: skip


for _kind, _plural in rows.PLURALS.items():
    add_history(_kind, _plural)
