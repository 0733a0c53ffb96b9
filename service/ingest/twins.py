"""Children that become one when their models do: equal numbers of a registry, equal names."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import TYPED
from service.ingest.known import read_decisions, read_entries
from service.ingest.placed import REGISTRIES
from service.ingest.resolve import Placement
from service.recordset import recordset

entry, subject = Entry.__table__, SubjectRow.__table__
version, use = TYPED[Kind.VERSION], TYPED[Kind.USE]


def read_twins(session: Session, placement: Placement) -> list[list[UUID]]:
    """The twins below models that the batch merges, and what was decided about them."""
    models = {
        model: placement.final(model)
        for meeting in placement.merges
        if meeting.because.subject.kind is Kind.MODEL
        for model in (meeting.stays, meeting.joins)
    }
    twins = twins_below(session, models)
    together = {entry for group in twins for entry in group}
    read_entries(session, placement, entries=together)
    if together:
        read_decisions(session, placement, entries=together)
    return twins


def twins_below(session: Session, models: Mapping[UUID, UUID]) -> list[list[UUID]]:
    """Versions of one registry with equal numbers, and uses with equal names.

    Below models that become one: each model with the one that it becomes.
    """
    if not models:
        return []
    rows = [{"model": model, "root": root} for model, root in sorted(models.items())]
    given = recordset(rows, model=sa.Uuid(), root=sa.Uuid())
    found = session.execute(sa.union_all(_versions(given), _uses(given)))
    return [sorted(group) for (group,) in found]


def _versions(given: sa.FromClause) -> sa.Select[Any]:
    registry = sa.func.split_part(subject.c.value, "/", 1)
    same = (given.c.root, registry, subject.c.scheme, sa.func.lower(version.c.number))
    return _groups(given, version, same=same).where(subject.c.scheme.in_(sorted(REGISTRIES)))


def _uses(given: sa.FromClause) -> sa.Select[Any]:
    return _groups(given, use, same=(given.c.root, sa.func.split_part(subject.c.value, "/", 3)))


def _groups(given: sa.FromClause, child: sa.Table, *, same: Any) -> sa.Select[Any]:
    return (
        sa.select(sa.func.array_agg(child.c.id.distinct()))
        .select_from(given)
        .join(child, child.c.model_id == given.c.model)
        .join(entry, sa.and_(entry.c.id == child.c.id, entry.c.merged_into.is_(None)))
        .join(subject, subject.c.entry_id == child.c.id)
        .where(entry.c.replaced_by.is_(None))
        .group_by(*same)
        .having(sa.func.count(child.c.id.distinct()) > 1)
    )
