"""The change feed: what changed, in the sealed order, which loses nothing under any writers."""

from datetime import datetime
from difflib import get_close_matches
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, TypeAdapter
from sqlmodel import Session

from schemas.catalog import PageSize, Several
from schemas.details import ChangePage
from schemas.queries import Moment
from schemas.strict import LARGEST_COUNT, Closed
from service.access.policy import Caller
from service.catalog.moments import MomentUnsettled, check_moment, check_settled
from service.catalog.select import entry, visible
from service.db import ReadSession
from service.errors import problems
from service.ledger.change import KINDS
from service.ledger.confidential import is_told
from service.ledger.feed import (
    BEGIN,
    CURSOR,
    CursorAhead,
    Part,
    as_change,
    change,
    cursor_of,
    find_part,
    select_feed,
    unsealed_since,
)
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["changes"], route_class=CatalogRoute)
MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def _place(since: str) -> str:
    """A cursor of this feed, or a time."""
    found = CURSOR.fullmatch(since)
    if found is None:
        try:
            MOMENT.validate_python(since)
        except ValueError:
            raise ValueError(
                "is neither a cursor of this feed nor a time; begin without it"
            ) from None
    elif any(int(part) > LARGEST_COUNT for part in found.groups() if part is not None):
        raise ValueError("is no cursor of this feed; begin without it")
    return since


def _known(kind: str) -> str:
    """A kind of thing that changes are about."""
    if kind not in KINDS:
        (near,) = get_close_matches(kind, KINDS, n=1, cutoff=0)
        message = f"is no kind of change; did you mean {near}?"
        raise ValueError(message)
    return kind


Since = Annotated[str, Field(max_length=64), AfterValidator(_place)]
Kinds = Annotated[Several, AfterValidator(lambda kinds: tuple(_known(kind) for kind in kinds))]


class ChangeFilters(Closed):
    """From where on, and about what.

    `since` is an opaque cursor, or a time: then it begins with the first change that was recorded
    at that time or later. Without it everything comes. With `as_of` nothing comes that was recorded
    after that moment.
    """

    since: Since = BEGIN
    kind: Kinds | None = None
    entry: UUID | None = None
    as_of: Moment | None = None

    @property
    def place(self) -> str | datetime:
        """Where it begins."""
        return self.since if CURSOR.fullmatch(self.since) else MOMENT.validate_python(self.since)


class ChangeQuery(ChangeFilters):
    """All query parameters of the feed."""

    page_size: PageSize = "100"


@router.get("/changes", responses=problems(CursorAhead, MomentUnsettled))
@policy("ledger:read")
def list_changes(
    caller: Requester, query: Annotated[ChangeQuery, Query()], session: ReadSession
) -> ChangePage:
    """What changed since a cursor, of entries that the caller may see; admins see the rest too."""
    return read_changes(session, caller, asked=query)


def read_changes(session: Session, caller: Caller, *, asked: ChangeQuery) -> ChangePage:
    """A part of the feed, and the cursor to go on with.

    Where the page is not full, the cursor goes on after all that is sealed: what was passed over
    is not read again.
    """
    check_until(session, asked)
    part = find_part(session, asked.place)
    chosen = select_changes(caller, asked, part=part).limit(int(asked.page_size))
    rows = session.execute(chosen).mappings().all()
    full = len(rows) == int(asked.page_size)
    after = rows[-1]["seq"] if full else part.end
    return ChangePage(items=tuple(as_change(row) for row in rows), next=f"{cursor_of(after)}")


def check_until(session: Session, asked: ChangeFilters) -> None:
    """Refuse a moment until which not everything is sealed. Raises `MomentUnsettled`."""
    if asked.as_of is not None:
        check_moment(session, asked.as_of)
        if since := unsealed_since(session):
            check_settled(asked.as_of, since)


def select_changes(caller: Caller, asked: ChangeFilters, *, part: Part) -> sa.Select[Any]:
    """All that a part of the feed holds, as far as the caller may see it."""
    return (
        select_feed(part)
        .outerjoin(entry, entry.c.id == change.c.entry_id)
        .where(*_shown(caller), *_wanted(asked))
    )


def _shown(caller: Caller) -> list[sa.ColumnElement[bool]]:
    """Changes of tokens, sources and decisions are for those who may see the whole ledger."""
    if caller.may("ledger:all"):
        return []
    return [entry.c.id.is_not(None), visible(caller), is_told(caller, entry.c.namespace)]


def _wanted(asked: ChangeFilters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if asked.kind is not None:
        wanted.append(change.c.kind.in_(asked.kind))
    if asked.entry is not None:
        wanted.append(change.c.entry_id == asked.entry)
    if asked.as_of is not None:
        wanted.append(change.c.recorded_at <= asked.as_of)
    return wanted
