"""The change feed: what changed, in an order that loses nothing under concurrent writers."""

import json
from typing import Annotated, Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from sqlmodel import Session

from schemas.catalog import PageSize, Several
from schemas.strict import LARGEST_COUNT, Closed, instant_text
from service.access.policy import Caller
from service.catalog.select import entry, visible
from service.db import ReadSession
from service.ledger.tables import ChangeRow
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["changes"], route_class=CatalogRoute)
change = ChangeRow.__table__
SETTLED: Final = sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


def _within_bounds(cursor: str) -> str:
    if any(int(part) > LARGEST_COUNT for part in cursor.split("-")):
        raise ValueError("is no cursor of this feed")
    return cursor


Cursor = Annotated[str, Field(pattern=r"^[0-9]{1,19}-[0-9]{1,19}$"), AfterValidator(_within_bounds)]


class ChangeQuery(Closed):
    """From where on, about what, and how many. The cursor is opaque; begin without it."""

    since: Cursor = "0-0"
    kind: Several | None = None
    entry: UUID | None = None
    page_size: PageSize = "100"


@router.get("/changes")
@policy("ledger:read")
def list_changes(
    caller: Requester, query: Annotated[ChangeQuery, Query()], session: ReadSession
) -> dict[str, Any]:
    """What changed since a cursor, of entries that the caller may see; admins see the rest too."""
    return read_changes(session, caller, asked=query)


def read_changes(session: Session, caller: Caller, *, asked: ChangeQuery) -> dict[str, Any]:
    """Below the oldest running transaction: ids alone are not in commit order."""
    place = sa.tuple_(change.c.xid, change.c.id)
    rows = session.execute(
        sa.select(*change.c["id", "xid", "recorded_at", "canon"])
        .outerjoin_from(change, entry, entry.c.id == change.c.entry_id)
        .where(
            change.c.xid < SETTLED,
            place > sa.tuple_(*(sa.cast(part, sa.BigInteger) for part in asked.since.split("-"))),
            *_shown(caller),
            *_wanted(asked),
        )
        .order_by(change.c.xid, change.c.id)
        .limit(int(asked.page_size))
    ).all()
    items = [
        {"id": r.id, "recorded_at": instant_text(r.recorded_at), **json.loads(r.canon)}
        for r in rows
    ]
    return {"items": items, "next": f"{rows[-1].xid}-{rows[-1].id}" if rows else asked.since}


def _shown(caller: Caller) -> list[sa.ColumnElement[bool]]:
    """Changes of tokens, sources and decisions are for those who may see the whole ledger."""
    if caller.may("ledger:all"):
        return []
    return [entry.c.id.is_not(None), visible(caller)]


def _wanted(asked: ChangeQuery) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if asked.kind is not None:
        wanted.append(change.c.kind.in_(asked.kind))
    if asked.entry is not None:
        wanted.append(change.c.entry_id == asked.entry)
    return wanted
