"""The change feed: what changed, in an order that loses nothing under concurrent writers."""

import json
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import Field
from sqlmodel import Session

from schemas.strict import Closed
from service.access.policy import Caller
from service.catalog.select import entry, visible
from service.db import ReadSession
from service.ledger.tables import ChangeRow
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["changes"], route_class=CatalogRoute)
change = ChangeRow.__table__


class ChangeQuery(Closed):
    """From where on, and how many. The cursor is opaque; begin without it."""

    since: Annotated[str, Field(pattern=r"^\d{1,19}-\d{1,19}$")] = "0-0"
    page_size: Annotated[str, Field(pattern=r"^[1-9]\d{0,2}$|^1000$")] = "100"




@router.get("/changes")
@policy("ledger:read")
def list_changes(
    caller: Requester, query: Annotated[ChangeQuery, Query()], session: ReadSession
) -> dict[str, Any]:
    """What changed since a cursor, of entries that the caller may see."""
    return read_changes(session, caller, since=query.since, size=int(query.page_size))


def read_changes(session: Session, caller: Caller, *, since: str, size: int) -> dict[str, Any]:
    """Below the oldest running transaction: ids alone are not in commit order."""
    xid, last = (int(part) for part in since.split("-"))
    settled = sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
    shown = sa.true() if caller.namespaces is None else sa.and_(entry.c.id.is_not(None), visible(caller))
    rows = session.execute(
        sa.select(change.c["id", "xid", "recorded_at", "canon"])
        .outerjoin_from(change, entry, entry.c.id == change.c.entry_id)
        .where(
            change.c.xid < settled,
            sa.tuple_(change.c.xid, change.c.id) > sa.tuple_(sa.literal(xid), sa.literal(last)),
            shown,
        )
        .order_by(change.c.xid, change.c.id)
        .limit(size)
    ).all()
    items = [{"id": r.id, "recorded_at": r.recorded_at, **json.loads(r.canon)} for r in rows]
    return {"items": items, "next": f"{rows[-1].xid}-{rows[-1].id}" if rows else since}
