"""Reads what falls apart when a merge is taken back: the entries, and the children below them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from service.catalog.tables import SubjectRow
from service.db import Moved
from service.ingest.batch import registry_model
from service.ingest.follow import referring
from service.ingest.groups import Group, read_groups
from service.ingest.known import KEY, as_key, is_subject, stored_identifier
from service.ingest.merge import Pair
from service.ingest.parting import Held, Parted, part
from service.ingest.tables import ObservationRow, SightingRow
from service.recordset import among, recordset

CHILDREN: Final = (Kind.VERSION, Kind.USE)

subject, sighting, observation = (
    table.__table__ for table in (SubjectRow, SightingRow, ObservationRow)
)


class Split(NamedTuple):
    """All that un-merging changes."""

    pair: Pair
    leaving: frozenset[UUID]
    group: Group
    children: Mapping[UUID, tuple[Group, Parted]]  # that part, by the entry that stood for them
    below: Mapping[bool, Collection[UUID]]  # children of whoever leaves, and of whoever stays
    stands: Mapping[UUID, UUID]  # every member with the one that stands for it now


def plan_split(session: Session, root: UUID, *, leaver: UUID) -> Split:
    """Read behind the locks what falls apart."""
    group = read_groups(session, {root}).get(root)
    if group is None or leaver not in group.joined:
        raise Moved
    stands = group.parts({leaver})
    leaving = frozenset(one for one, stays in stands.items() if stays == leaver)
    kind = Kind(group.members[root].kind)
    held = _held(session, group, leaving=leaving) if kind is Kind.MODEL else {}
    children = _children(session, held)
    for _, parted in children.values():
        stands |= parted.stands
    below: dict[bool, set[UUID]] = {True: set(), False: set()}
    for child, subjects in held.items():
        below[next((one.side for one in subjects if one.side is not None), False)].add(child)
    return Split(Pair(root, leaver), leaving, group, children, below, stands)


def _children(
    session: Session, held: Mapping[UUID, Sequence[Held]]
) -> dict[UUID, tuple[Group, Parted]]:
    """The groups of versions and uses in which something has to part."""
    groups = read_groups(session, held)
    found = {}
    for root, group in groups.items():
        parted = part(group, held[root])
        if parted.undone or parted.moved:
            found[root] = group, parted
    return found


def _held(session: Session, model: Group, *, leaving: frozenset[UUID]) -> dict[UUID, list[Held]]:
    """The subjects of all children, and on which side the model is that each names."""
    below = referring(session, {model.root})
    said = (
        sa.select(observation.c.facts["model"])
        .join_from(sighting, observation, observation.c.id == sighting.c.observation_id)
        .where(sighting.c.subject_id == subject.c.id)
        .order_by(sighting.c.effective_at.desc(), sighting.c.digest)
        .limit(1)
        .scalar_subquery()
    )
    home = sa.func.coalesce(subject.c.home_id, subject.c.entry_id)
    rows = session.execute(
        sa.select(subject.c.id, home, *subject.c["entry_id", "kind", "scheme", "value"], said)
        .where(among(subject.c.entry_id, below), subject.c.kind.in_(CHILDREN))
        .order_by(subject.c.id)
    ).all()
    named = [_named(row) for row in rows]
    homes = _model_homes(session, {one for one in named if one is not None})
    sides = {one: at in leaving for one, at in homes.items() if at in model.members}
    found: dict[UUID, list[Held]] = {}
    for row, one in zip(rows, named, strict=True):
        found.setdefault(row.entry_id, []).append(
            Held(row[0], row[1], sides.get(one) if one else None)
        )
    return found


def _named(row: sa.Row[Any]) -> Identifier | None:
    """The model that a subject names: its registry's, else the one that its source states."""
    own = registry_model(stored_identifier(row.kind, row.scheme, value=row.value))
    stated = row[-1]
    if own is not None or not isinstance(stated, dict) or "scheme" not in stated:
        return own
    return stored_identifier(stated["kind"], stated["scheme"], value=stated["value"])


def _model_homes(session: Session, identifiers: set[Identifier]) -> dict[Identifier, UUID]:
    if not identifiers:
        return {}
    given = recordset([as_key(one) for one in sorted(identifiers, key=str)], **KEY)
    home = sa.func.coalesce(subject.c.home_id, subject.c.entry_id)
    rows = session.execute(
        sa.select(*given.c[*KEY], home)
        .join_from(given, subject, is_subject(subject, given))
        .where(subject.c.entry_id.is_not(None))
    )
    return {stored_identifier(k, s, value=v): at for k, s, v, at in rows}
