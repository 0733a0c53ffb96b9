"""Reads what is currently said about entries and folds it into what they should be."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.facts import merge_rules
from schemas.identifiers import SCHEMES, Identifier, Kind, natural_name
from schemas.strict import instant_text
from service.catalog.tables import Entry, SubjectRow
from service.ingest.absence import is_gone
from service.ingest.sources import SourceFacts
from service.ingest.tables import (
    AbsenceRow,
    ObservationRow,
    ScopeRow,
    SightingRow,
)
from service.reconcile import Folded, Statement, reconcile

entry, subject, sighting, observation, absence, scope = (
    table.__table__
    for table in (Entry, SubjectRow, SightingRow, ObservationRow, AbsenceRow, ScopeRow)
)


class Said(NamedTuple):
    """One current statement about an entry, as it stands in the database."""

    entry: UUID
    source: int
    scheme: str
    value: str
    digest: str
    observed_at: datetime
    when: datetime
    facts: Mapping[str, Any]
    inferred: Sequence[str]
    gone_since: datetime | None


class Standing(NamedTuple):
    """The parent row of an entry as it stands."""

    id: UUID
    kind: str
    namespace: str | None
    natural_key: str | None
    stub: bool
    by_time: bool
    gone_since: datetime | None
    merged_into: UUID | None
    replaced_by: UUID | None


class Reconciled(NamedTuple):
    """What an entry should be, by all that is currently said about it."""

    standing: Standing
    said: tuple[Said, ...]  # in the order that `statements` are written in
    fields: Mapping[str, Folded]
    gone_since: datetime | None
    namespaces: frozenset[str]  # of the statements: for kinds without a namespace of their own

    @property
    def natural_key(self) -> str | None:
        """The name that the entry's facts give it, where they do; else the one it has."""
        if self.standing.kind != Kind.MODEL or not {"namespace", "name"} <= self.fields.keys():
            return self.standing.natural_key
        namespace, name = self.fields["namespace"].value, self.fields["name"].value
        if isinstance(namespace, str) and isinstance(name, str):
            return natural_name(namespace, name)
        return self.standing.natural_key


def fold_entries(
    session: Session, entries: Iterable[UUID], *, sources: Mapping[int, SourceFacts]
) -> list[Reconciled]:
    """Fold each entry from its current statements, in id order."""
    wanted = sorted(set(entries))
    standing = session.execute(
        sa.select(*(entry.c[name] for name in Standing._fields))
        .where(entry.c.id.in_(wanted))
        .order_by(entry.c.id)
    )
    said: dict[UUID, list[Said]] = {}
    for row in session.execute(_select_said(wanted)):
        said.setdefault(row.entry_id, []).append(Said(*row))
    return [
        _fold(Standing(*row), said.get(row.id, []), sources=sources) for row in standing.all()
    ]


def _select_said(entries: Sequence[UUID]) -> sa.Select[Any]:
    confirmed = sa.case(
        (absence.c.subject_id.is_(None), scope.c.full_opened_at), else_=sighting.c.effective_at
    )
    return (
        sa.select(
            subject.c.entry_id,
            sighting.c.source_id,
            subject.c.scheme,
            subject.c.value,
            sighting.c.digest,
            sighting.c.observed_at,
            sa.func.greatest(sighting.c.effective_at, confirmed),
            observation.c.facts,
            observation.c.inferred,
            absence.c.gone_since,
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(
            absence,
            sa.and_(
                absence.c.source_id == sighting.c.source_id,
                absence.c.subject_id == sighting.c.subject_id,
            ),
        )
        .where(subject.c.entry_id.in_(entries))
        .order_by(subject.c.entry_id, sighting.c.source_id, subject.c.scheme, subject.c.value)
    )


def _fold(
    standing: Standing, said: Sequence[Said], *, sources: Mapping[int, SourceFacts]
) -> Reconciled:
    """Live statements count; when all are gone, the last facts stay."""
    kind = Kind(standing.kind)
    live = [one for one in said if one.gone_since is None]
    speaking = tuple(
        sorted(live or said, key=lambda one: (sources[one.source].name, one.scheme, one.value))
    )
    ranks = {source.name: source for source in sources.values()}
    fields = reconcile(
        [_statement(kind, one, sources[one.source].name) for one in speaking],
        merge_rules(kind),
        precedence=lambda source, field: ranks[source].rank(field),
    )
    vital = [one for one in said if SCHEMES[kind][one.scheme].keeps_alive]
    gone = [one.gone_since for one in vital]
    return Reconciled(
        standing,
        speaking,
        fields,
        max(moment for moment in gone if moment) if vital and all(gone) else None,
        frozenset(
            sources[one.source].namespace_of(
                Identifier(kind=kind, scheme=one.scheme, value=one.value)
            )
            for one in speaking
        ),
    )


def _statement(kind: Kind, one: Said, source: str) -> Statement:
    return Statement(
        source,
        one.facts,
        one.when,
        digest=one.digest,
        subject=f"{kind}:{one.scheme}:{one.value}",
        inferred=frozenset(one.inferred),
    )


def statements_of(reconciled: Reconciled, sources: Mapping[int, SourceFacts]) -> list[Any]:
    """The statements as `statements` holds them; provenance points into this list."""
    return [
        {
            "source": sources[one.source].name,
            "subject": f"{one.scheme}:{one.value}",
            "digest": one.digest,
            "observed_at": instant_text(one.observed_at),
        }
        for one in reconciled.said
    ]


def refold_by_time(scope_id: int) -> sa.Select[Any]:
    """Entries of a scope whose fields a later confirmation may decide otherwise."""
    return (
        sa.select(entry.c.id)
        .join_from(entry, subject, subject.c.entry_id == entry.c.id)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .where(sighting.c.scope_id == scope_id, entry.c.by_time, ~is_gone(sighting))
    )
