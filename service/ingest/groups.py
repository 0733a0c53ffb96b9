"""Entries that are merged into one: who joined whom, and which parts they fall into."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.catalog.tables import Entry
from service.ingest.tables import IdentityDecision
from service.recordset import among

entry, decision = Entry.__table__, IdentityDecision.__table__


class Joined(NamedTuple):
    """The merge by which an entry joined another one."""

    decision: int
    stays: UUID
    named: Mapping[str, str | None]  # the natural keys that both had


class Member(NamedTuple):
    """An entry of a group, as far as its age and name count."""

    id: UUID
    kind: str
    namespace: str | None
    natural_key: str | None
    merged_into: UUID | None
    first_seen_at: datetime


class Group(NamedTuple):
    """All that is merged into one entry, and the merges that did it."""

    root: UUID
    members: Mapping[UUID, Member]
    joined: Mapping[UUID, Joined]  # by who joined

    def oldest(self, some: Iterable[UUID]) -> UUID:
        """The one that stands for them."""
        return min(some, key=lambda one: (self.members[one].first_seen_at, one))

    def parts(self, undone: Collection[UUID]) -> dict[UUID, UUID]:
        """Each member with the one that stands for it when those did not join."""
        return {one: self._stands(one, undone) for one in self.members}

    def _stands(self, one: UUID, undone: Collection[UUID]) -> UUID:
        while one in self.joined and one not in undone:
            one = self.joined[one].stays
        return one


def read_groups(session: Session, roots: Iterable[UUID]) -> dict[UUID, Group]:
    """The groups of entries that stand for themselves."""
    wanted = set(roots)
    if not wanted:
        return {}
    here = sa.or_(among(entry.c.id, wanted), among(entry.c.merged_into, wanted))
    members = [
        Member(*row) for row in session.execute(sa.select(*entry.c[*Member._fields]).where(here))
    ]
    joining = {one.id for one in members if one.merged_into is not None}
    joined = _read_joined(session, joining)
    by_root: dict[UUID, dict[UUID, Member]] = {}
    for one in members:
        by_root.setdefault(one.merged_into or one.id, {})[one.id] = one
    return {
        root: Group(root, found, {one: joined[one] for one in found.keys() & joined.keys()})
        for root, found in by_root.items()
    }


def _read_joined(session: Session, joining: set[UUID]) -> dict[UUID, Joined]:
    if not joining:
        return {}
    rows = session.execute(
        sa.select(*decision.c["other_id", "id", "entry_id", "evidence"])
        .where(
            among(decision.c.other_id, joining),
            decision.c.op == "merge",
            decision.c.lifted_at.is_(None),
        )
        .order_by(decision.c.id)
    )
    return {
        other: Joined(number, stays, evidence.get("named", {}))
        for other, number, stays, evidence in rows
    }
