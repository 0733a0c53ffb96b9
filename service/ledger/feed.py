"""Reads the change ledger: the feed of all sealed changes, and what stands in one of its rows."""

import json
import re
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.details import Change
from service.errors import Conflict
from service.ledger.tables import ChangeRow, CheckpointRow, LeafRow
from service.ledger.walk import LONGEST

change, leaf, checkpoint = (table.__table__ for table in (ChangeRow, LeafRow, CheckpointRow))
CURSOR: Final = re.compile(r"seq-(?P<seq>\d{1,19})|\d{1,19}-(?P<id>\d{1,19})", re.ASCII)
BEGIN: Final = "seq-0"


class CursorAhead(Conflict):
    """The cursor lies beyond everything that is in the ledger.

    It is of another catalog, or this one was restored from an older copy. Begin without it, or from
    a time (`since=2026-11-20T00:00:00Z`): what came after the copy is recorded anew.
    """


class Part(NamedTuple):
    """Which part of the sealed order is asked for: after `begin`, up to `end`."""

    begin: int
    end: int


def select_placed() -> sa.Select[Any]:
    """All changes with their places in the sealed order; those not sealed yet have none."""
    columns = change.c["id", "recorded_at", "canon"]
    placed = change.outerjoin(leaf, leaf.c.change_id == change.c.id)
    return sa.select(*columns, leaf.c.seq).select_from(placed)


def select_feed(part: Part) -> sa.Select[Any]:
    """A part of the feed, in the order in which it was sealed: nothing is ever put in before."""
    columns = change.c["id", "recorded_at", "canon"]
    return (
        sa.select(*columns, leaf.c.seq)
        .join_from(leaf, change, change.c.id == leaf.c.change_id)
        .where(leaf.c.seq > part.begin, leaf.c.seq <= part.end)
        .order_by(leaf.c.seq)
    )


def find_part(session: Session, since: str | datetime) -> Part:
    """From a cursor, or the first change recorded at or after a moment, to what is sealed now.

    Raises `CursorAhead`: a follower who went on with it would miss what is sealed until there.
    """
    end = sa.select(sa.func.coalesce(sa.func.max(leaf.c.seq), 0)).scalar_subquery()
    begin, last = session.execute(sa.select(_begin(since), end)).one()
    if begin is not None and begin > last:
        raise CursorAhead
    return Part(last if begin is None else begin, last)


def unsealed_since(session: Session) -> datetime | None:
    """When the first of the changes was recorded that have no place in the sealed order yet.

    What was recorded longer before a checkpoint than a transaction lasts is in it, and numbers of
    changes grow with time: only what is newer is looked at. Transaction ids would not do: the
    oldest may commit last, and in a restored copy they begin anew.
    """
    newest = sa.select(sa.func.max(checkpoint.c.made_at)).scalar_subquery()
    settled = sa.select(sa.func.max(checkpoint.c.size)).where(
        checkpoint.c.made_at <= newest - LONGEST
    )
    begin = sa.select(leaf.c.change_id).where(leaf.c.seq == settled.scalar_subquery())
    found: datetime | None = session.execute(
        sa.select(sa.func.min(change.c.recorded_at)).where(
            change.c.id > sa.func.coalesce(begin.scalar_subquery(), 0),
            ~sa.exists().where(leaf.c.change_id == change.c.id),
        )
    ).scalar_one()
    return found


def cursor_of(seq: int | None) -> str | None:
    """The cursor that goes on after a place in the sealed order."""
    return None if seq is None else f"seq-{seq}"


def as_change(row: sa.RowMapping) -> Change:
    """A row as readers see it: the text that is sealed, with its number, place and time."""
    written = json.loads(row["canon"])
    placed = {"seq": row["seq"], "cursor": cursor_of(row["seq"])}
    return Change.model_validate(
        {"id": row["id"], "recorded_at": row["recorded_at"]} | placed | written
    )


def _begin(since: str | datetime) -> sa.ColumnElement[Any]:
    if isinstance(since, datetime):
        return _before(since)
    found = CURSOR.fullmatch(since)
    if found is None:
        message = f"{since!r} is no cursor"
        raise ValueError(message)
    if found["seq"] is not None:
        return sa.literal(int(found["seq"]), sa.BigInteger)
    # Of before there was a sealed order: it named a change, and what follows that one is the same.
    named = sa.select(leaf.c.seq).where(leaf.c.change_id == int(found["id"])).scalar_subquery()
    return sa.func.coalesce(named, 0)


def _before(moment: datetime) -> sa.ColumnElement[Any]:
    """The place before the first change that was recorded then or later; NULL: there is none.

    What a checkpoint holds was recorded before it was made: so little is read to find it.
    """
    noted = sa.select(sa.func.coalesce(sa.func.max(checkpoint.c.size), 0)).where(
        checkpoint.c.made_at <= moment
    )
    return (
        sa.select(leaf.c.seq - 1)
        .join_from(leaf, change, change.c.id == leaf.c.change_id)
        .where(leaf.c.seq > noted.scalar_subquery(), change.c.recorded_at >= moment)
        .order_by(leaf.c.seq)
        .limit(1)
        .scalar_subquery()
    )
