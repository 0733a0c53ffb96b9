"""The entries that folded values name."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry
from service.catalog.typed import link_facts, reference_columns
from service.ingest.fold import Reconciled
from service.ingest.follow import Past, past_of, was_replaced
from service.ingest.known import bearer, known_subject, numbered
from service.ingest.names import Parent
from service.ingest.placed import REPLACEABLE
from service.reconcile import Folded

entry = Entry.__table__


Key = tuple[str, str, str]  # kind, scheme and value: thousands are compared with every batch


class Targets:
    """Whom identifiers name: now, and before what they named was replaced."""

    def __init__(self, named: Mapping[Key, Parent], past: Sequence[Past]) -> None:
        """Hold what was read."""
        self._named = named
        self._parents = {parent.id: parent for parent in named.values()}
        self._past: dict[Key, list[Past]] = {}
        for one in past:
            self._past.setdefault(_key(one.subject), []).append(one)

    def named(self, stated: Mapping[str, Any], *, when: datetime | None = None) -> UUID | None:
        """The entry that a value names, at the time of its statement."""
        if earlier := self.earlier(stated, when=when):
            return earlier
        found = self._named.get(_key(stated))
        return found.id if found else None

    def earlier(self, stated: Mapping[str, Any], *, when: datetime | None) -> UUID | None:
        """The entry that it named then, if another one began in its place since."""
        if not self._past or when is None:
            return None
        return next((one.old for one in self._past.get(_key(stated), ()) if when < one.until), None)

    def parent(self, entry_id: UUID | None) -> Parent | None:
        """What is known of a named entry."""
        return self._parents.get(entry_id) if entry_id else None


def find_targets(session: Session, folded: Sequence[Reconciled]) -> Targets:
    """The entries that the folded values name; natural names by the entry that bears them."""
    mentioned = _mentioned(folded)
    if not mentioned:
        return Targets({}, [])
    given = numbered(mentioned)
    subject, named_now = known_subject(given), bearer(given)
    replaceable = given.c.kind.in_(sorted(REPLACEABLE))
    query = (
        sa.select(
            given.c.i,
            sa.case((replaceable, was_replaced(entry)), else_=sa.false()),
            *entry.c[*Parent._fields],
        )
        .select_from(given)
        .outerjoin(subject, sa.true())
        .outerjoin(named_now, sa.true())
        .join(entry, entry.c.id == sa.func.coalesce(named_now.c.id, subject.c.entry_id))
    )
    named, heirs = {}, set()
    for position, replaced, *parent in session.execute(query).all():
        named[mentioned[position]] = Parent(*parent)
        if replaced:
            heirs.add(parent[0])
    return Targets(named, past_of(session, heirs))


def _key(stated: Mapping[str, Any]) -> Key:
    return stated["kind"], stated["scheme"], stated["value"]


def _mentioned(folded: Iterable[Reconciled]) -> list[Key]:
    """Every identifier in a reference or a link, once, in order."""
    return sorted(
        {
            key
            for one in folded
            for name in one.fields.keys() & _naming(one.standing.kind)
            for value in _values(name, one.fields[name])
            for key in _named(value)
        }
    )


def _values(name: str, field: Folded) -> Iterable[Any]:
    """The value, and where it is disputed what the others say: they may mean the same entry."""
    yield field.value
    if field.conflict:
        yield from (said.facts[name] for said in field.ranked)


@cache
def _naming(kind: str) -> frozenset[str]:
    """The facts of a kind that name other entries."""
    return frozenset(reference_columns(Kind(kind))) | link_facts(Kind(kind))


def _named(value: Any) -> Iterable[Key]:
    if isinstance(value, Mapping):
        if value.keys() == {"kind", "scheme", "value"}:
            yield _key(value)
        else:
            for part in value.values():
                yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)
