"""Locks entries before they are read: in id order, or without waiting."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.catalog.tables import Entry
from service.db import Moved, needed
from service.recordset import among

entry = Entry.__table__


def lock_entries(
    session: Session, entries: Iterable[UUID], *, read: Sequence[str] = ("id",)
) -> Sequence[sa.Row[Any]]:
    """Wait for entries in id order, so that nobody waits in a circle; answers what they are now.

    `FOR NO KEY UPDATE` lets others refer to these entries meanwhile. What an earlier try of the
    transaction lacked is locked with them.
    """
    wanted = {*entries, *needed(session)}
    if not wanted:
        return ()
    return session.execute(_locked(wanted, read).with_for_update(key_share=True)).all()


def lock_others(
    session: Session, entries: Iterable[UUID], *, read: Sequence[str]
) -> Sequence[sa.Row[Any]]:
    """Lock what turned out to change as well, where it is not locked yet; in id order too.

    Never waits, since it comes too late for the one order: raises `Moved` when others hold some of
    it, and the next try locks these in their turn.
    """
    wanted = set(entries)
    free = _locked(wanted, read).with_for_update(key_share=True, skip_locked=True)
    found = session.execute(free).all()
    if missing := wanted - {row.id for row in found}:
        raise Moved(missing)
    return found


def _locked(entries: Iterable[UUID], read: Sequence[str]) -> sa.Select[Any]:
    return sa.select(*entry.c[*read]).where(among(entry.c.id, entries)).order_by(entry.c.id)
