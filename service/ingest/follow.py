"""Which entries refer to others: they follow when those merge, are replaced or are renamed."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, Link
from service.catalog.typed import REFERENCES, TYPED
from service.db import Timestamp
from service.ingest.tables import IdentityDecision
from service.recordset import among

entry, link, decision = (table.__table__ for table in (Entry, Link, IdentityDecision))
model, member = TYPED[Kind.MODEL], entry.alias("member")


class Past(NamedTuple):
    """Whom an identifier named until it was replaced."""

    old: UUID
    subject: dict[str, Any]
    until: datetime


def referring(session: Session, targets: Iterable[UUID]) -> set[UUID]:
    """Every entry that refers to one of these, by a reference or a link."""
    wanted = set(targets)
    if not wanted:
        return set()
    referred = [
        sa.select(TYPED[kind].c.id).where(among(TYPED[kind].c[f"{fact}_id"], wanted))
        for kind, fact in REFERENCES
    ]
    linked = sa.select(link.c.entry_id).where(among(link.c.target_id, wanted))
    return set(session.execute(sa.union(*referred, linked)).scalars())


def was_replaced(of: sa.FromClause) -> sa.ColumnElement[bool]:
    """Did this entry, or one that merged into it, begin in the place of another one?"""
    here = sa.or_(member.c.id == of.c.id, member.c.merged_into == of.c.id)
    began = sa.select(decision.c.id).join(member, member.c.id == decision.c.entry_id)
    return began.where(decision.c.op == "replaced", here).correlate(of).exists()


def past_of(session: Session, entries: Iterable[UUID]) -> list[Past]:
    """What came before entries that began in the place of others, back to the first; oldest first.

    What was merged into such an entry may have begun in another's place too.
    """
    wanted = set(entries)
    if not wanted:
        return []
    replaced = sa.select(*decision.c["other_id", "evidence"]).where(decision.c.op == "replaced")
    here = sa.or_(among(member.c.id, wanted), among(member.c.merged_into, wanted))
    began = replaced.join(member, member.c.id == decision.c.entry_id).where(here)
    back = began.cte("back", recursive=True)
    back = back.union(replaced.where(decision.c.entry_id == back.c.other_id))
    until = sa.cast(back.c.evidence["until"].astext, Timestamp)
    rows = session.execute(
        sa.select(
            sa.func.coalesce(member.c.merged_into, member.c.id),
            back.c.evidence["subject"],
            until,
        ).join_from(back, member, member.c.id == back.c.other_id)
    )
    return sorted((Past(*row) for row in rows), key=lambda past: past.until)


def contested(session: Session) -> set[UUID]:
    """Models whose facts give them a name that another one bears, among others in dispute."""
    disputed = model.c.conflicts.contains(sa.cast(["name"], JSONB))
    return set(session.execute(sa.select(model.c.id).where(disputed)).scalars())
