"""Whose version numbers stand bare below a model: decided once, and again when models part."""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, SubjectRow
from service.ingest.called import Decider
from service.ingest.decisions import Decided
from service.ingest.identity import number_entries
from service.ingest.placed import REGISTRIES
from service.ingest.sources import SourceFacts
from service.ingest.tables import IdentityDecision, SightingRow
from service.ledger.change import Change
from service.recordset import among

entry, subject, sighting, decision = (
    table.__table__ for table in (Entry, SubjectRow, SightingRow, IdentityDecision)
)
MERGED = decision.c.evidence["merged"].astext == "true"
NUMBERING = sa.and_(decision.c.op == "numbering", decision.c.lifted_at.is_(None))


class Numbered(NamedTuple):
    """By which source, as decided for which entry."""

    source: int
    entry: UUID | None


def renumber(
    session: Session,
    models: Mapping[UUID, Collection[UUID]],
    *,
    sources: Mapping[int, SourceFacts],
    by: Decider,
) -> list[tuple[Decided, Change]]:
    """Give each model, with all that is merged into it, the numbers that were decided first."""
    chosen = _chosen(session, models, sources=sources)
    standing = session.execute(
        sa.select(*entry.c["id", "numbered_by"]).where(among(entry.c.id, models))
    )
    was = {row.id: row.numbered_by for row in standing}
    session.execute(
        sa.update(decision)
        .where(NUMBERING, MERGED, among(decision.c.entry_id, models))
        .values(lifted_at=sa.func.now())
    )
    sourced = {one: chosen[one].source if one in chosen else None for one in models}
    changed = {one: source for one, source in sourced.items() if source != was[one]}
    if changed:
        number_entries(session, changed)
    found = []
    for model, numbered in sorted(chosen.items()):
        if numbered.entry == model:
            continue
        name = sources[numbered.source].name
        evidence = {"source": name} | ({"merged": True} if numbered.entry else {})
        change = Change(
            "number", Kind.MODEL, by.caller.actor, entry=model, field="numbered_by", new=name,
            reason=by.reason, request=by.request,
        )  # fmt: skip
        found.append((Decided("numbering", Kind.MODEL, model, evidence=evidence, new=name), change))
    return found


def _chosen(
    session: Session,
    models: Mapping[UUID, Collection[UUID]],
    *,
    sources: Mapping[int, SourceFacts],
) -> dict[UUID, Numbered]:
    """The oldest decision about a member; where there is none, the oldest registry it has."""
    root = {member: model for model, members in models.items() for member in members}
    numbers = {source.name: number for number, source in sources.items()}
    rows = session.execute(
        sa.select(decision.c.entry_id, decision.c.evidence["source"].astext)
        .where(NUMBERING, ~sa.func.coalesce(MERGED, sa.false()), among(decision.c.entry_id, root))
        .order_by(decision.c.id)
    )
    chosen: dict[UUID, Numbered] = {}
    for member, source in rows:
        chosen.setdefault(root[member], Numbered(numbers[source], member))
    for model, number in _registries(session, models.keys() - chosen.keys()):
        chosen.setdefault(model, Numbered(number, None))
    return chosen


def _registries(session: Session, models: Iterable[UUID]) -> Iterable[tuple[UUID, int]]:
    wanted = set(models)
    if not wanted:
        return ()
    rows = session.execute(
        sa.select(subject.c.entry_id, sighting.c.source_id)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .where(among(subject.c.entry_id, wanted), subject.c.scheme.in_(sorted(REGISTRIES)))
        .order_by(subject.c.id)
    )
    return [(model, source) for model, source in rows]
