"""Pins that expired fall away: an event of its own, which the ledger keeps."""

from collections.abc import Sequence
from functools import partial
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.catalog.pinned import Pinned
from service.catalog.tables import Entry
from service.db import Database
from service.ingest.lock import lock_entries
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ingest.tables import PinRow
from service.ledger.change import Actor, Cause, Change, record_changes
from service.people.pins import told
from service.recordset import among

STEP: Final = 500  # pins of one transaction; whoever is interrupted goes on with the rest
REASON: Final = "the pin expired"
ACTOR: Final = Actor("software", "expiry")
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")

entry, pin = Entry.__table__, PinRow.__table__
STANDS_ON: Final = sa.func.coalesce(entry.c.merged_into, entry.c.id)


def expire_pins(database: Database, *, dry_run: bool = False, step: int = STEP) -> int:
    """Remove every pin whose time is over, step by step, and fold its entry again; how many.

    Beside itself it does no harm: each pin falls away once.
    """
    if dry_run:
        with database.reading() as session:
            due = sa.select(sa.func.count()).select_from(pin).where(_is_over())
            return int(session.execute(due).scalar_one())
    expired = 0
    while True:
        seen, gone = database.transact(partial(_expire_some, step=step))
        expired += gone
        if not seen:
            return expired


def _expire_some(session: Session, *, step: int) -> tuple[int, int]:
    """One step: how many were due, and how many of them fell away here.

    Entries are locked first and in id order, as every batch does; then the pins are looked at
    again, since somebody may have changed or released one meanwhile.
    """
    session.execute(LONGER)
    due = (
        sa.select(STANDS_ON)
        .join_from(pin, entry, entry.c.id == pin.c.entry_id)
        .where(_is_over())
        .order_by(pin.c.expires_at, pin.c.entry_id)
        .limit(step)
    )
    entries = session.execute(due).scalars().all()
    if not entries:
        return 0, 0
    lock_entries(session, entries)
    ended = _remove(session, entries)
    if ended:
        record_changes(session, [_change(kind, one) for kind, one in ended])
        folded = {one.entry for _, one in ended}
        cause = Cause(ACTOR, reason=REASON)
        project(session, folded, sources=list_sources(session), cause=cause)
    return len(entries), len(ended)


def _is_over() -> sa.ColumnElement[bool]:
    return pin.c.expires_at <= sa.func.clock_timestamp()


def _remove(session: Session, entries: Sequence[UUID]) -> list[tuple[str, Pinned]]:
    """Delete what is over on these entries, and what was merged into them; their history stays."""
    removed = (
        sa.delete(pin)
        .where(pin.c.entry_id == entry.c.id, _is_over(), _on(entries))
        .returning(entry.c.kind, STANDS_ON, *pin.c["entry_id", *Pinned._fields[2:]])
    )
    found = [(kind, Pinned(*row)) for kind, *row in session.execute(removed)]
    return sorted(found, key=lambda one: (one[1].entry, one[1].field, one[1].home))


def _on(entries: Sequence[UUID]) -> sa.ColumnElement[bool]:
    return sa.or_(among(entry.c.id, entries), among(entry.c.merged_into, entries))


def _change(kind: str, one: Pinned) -> Change:
    return Change("expire", kind, ACTOR, entry=one.entry, field=one.field, old=told(one),
                  reason=REASON)  # fmt: skip
