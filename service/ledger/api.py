"""The change feed: what changed, in an order that loses nothing under concurrent writers."""

from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from sqlmodel import Session

from schemas.catalog import PageSize, Several
from schemas.details import ChangePage
from schemas.strict import LARGEST_COUNT, Closed
from service.access.policy import Caller
from service.catalog.select import entry, visible
from service.db import ReadSession
from service.ledger.feed import as_change, change, cursor_of, select_feed
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["changes"], route_class=CatalogRoute)


def _within_bounds(cursor: str) -> str:
    if any(int(part) > LARGEST_COUNT for part in cursor.split("-")):
        raise ValueError("is no cursor of this feed")
    return cursor


Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,19}-[0-9]{1,19}$"), AfterValidator(_within_bounds)]


class ChangeFilters(Closed):
    """From where on, and about what. The cursor is opaque; begin without it."""

    since: Cursor = "0-0"
    kind: Several | None = None
    entry: UUID | None = None


class ChangeQuery(ChangeFilters):
    """All query parameters of the feed."""

    page_size: PageSize = "100"


@router.get("/changes")
@policy("ledger:read")
def list_changes(
    caller: Requester, query: Annotated[ChangeQuery, Query()], session: ReadSession
) -> ChangePage:
    """What changed since a cursor, of entries that the caller may see; admins see the rest too."""
    return read_changes(session, caller, asked=query)


def read_changes(session: Session, caller: Caller, *, asked: ChangeQuery) -> ChangePage:
    """A part of the feed, and the cursor to go on with."""
    chosen = select_changes(caller, asked).limit(int(asked.page_size))
    rows = session.execute(chosen).mappings().all()
    return ChangePage(
        items=tuple(as_change(row) for row in rows),
        next=cursor_of(rows[-1]) if rows else asked.since,
    )


def select_changes(caller: Caller, asked: ChangeFilters) -> sa.Select[Any]:
    """All that follows a cursor, as far as the caller may see it."""
    return (
        select_feed(asked.since)
        .outerjoin_from(change, entry, entry.c.id == change.c.entry_id)
        .where(*_shown(caller), *_wanted(asked))
    )


def _shown(caller: Caller) -> list[sa.ColumnElement[bool]]:
    """Changes of tokens, sources and decisions are for those who may see the whole ledger."""
    if caller.may("ledger:all"):
        return []
    return [entry.c.id.is_not(None), visible(caller)]


def _wanted(asked: ChangeFilters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if asked.kind is not None:
        wanted.append(change.c.kind.in_(asked.kind))
    if asked.entry is not None:
        wanted.append(change.c.entry_id == asked.entry)
    return wanted
