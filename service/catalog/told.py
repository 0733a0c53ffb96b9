"""Reads what sources said, as `statements` name it, with the facts behind it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import SubjectRow
from service.catalog.view import at
from service.db import Timestamp
from service.ingest.tables import AbsenceRow, ObservationRow, ScopeRow, SightingRow, SourceRow
from service.recordset import recordset

subject, observation, sighting, absence, scope, SOURCE = (
    t.__table__ for t in (SubjectRow, ObservationRow, SightingRow, AbsenceRow, ScopeRow, SourceRow)
)
Told = Sequence[Mapping[str, Any]]  # items of `statements`


def read_said(
    session: Session, kind: Kind, *, told: Told, as_of: datetime | None = None
) -> dict[int, sa.RowMapping]:
    """What each source said, by its place in the list; pins are left out.

    `confirmed_at` is the last time that a full harvest confirmed it, of the past when it was said.
    """
    numbered = [{"i": index, **one} for index, one in enumerate(told) if "by" not in one]
    if not numbered:
        return {}
    query = _present(kind, numbered) if as_of is None else _past(kind, numbered, as_of=as_of)
    return {row["i"]: row for row in session.execute(query).mappings()}


def _present(kind: Kind, numbered: Told) -> sa.Select[Any]:
    """What a replaced entry was told of is no longer current: it is found by its digest."""
    given = _given(numbered)
    unmissed = sa.case((absence.c.subject_id.is_(None), scope.c.full_opened_at))
    confirmed = sa.func.coalesce(
        sa.func.greatest(sighting.c.effective_at, unmissed), given.c.observed_at
    )
    current = sa.and_(
        sighting.c.source_id == SOURCE.c.id,
        sighting.c.subject_id == subject.c.id,
        sighting.c.digest == given.c.digest,
    )
    of_sighting = (
        absence.c.source_id == sighting.c.source_id,
        absence.c.subject_id == sighting.c.subject_id,
    )
    observed = sa.func.coalesce(sighting.c.observation_id, _newest(given, SOURCE))
    return (
        _columns(given, SOURCE)
        .add_columns(
            sa.func.coalesce(sighting.c.observed_at, given.c.observed_at).label("observed_at"),
            sa.func.coalesce(sighting.c.effective_at, given.c.observed_at).label("since"),
            confirmed.label("confirmed_at"),
        )
        .select_from(given)
        .join(SOURCE, SOURCE.c.name == given.c.source)
        .join(subject, _named(kind, given))
        .outerjoin(sighting, current)
        .join(observation, observation.c.id == observed)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(absence, sa.and_(*of_sighting))
    )


def _past(kind: Kind, numbered: Told, *, as_of: datetime) -> sa.Select[Any]:
    """As it was told then, with the precedence of that time; nothing later changes it."""
    given, source = _given(numbered), at(SOURCE, as_of)
    then = (given.c.observed_at.label(name) for name in ("observed_at", "since", "confirmed_at"))
    return (
        _columns(given, source)
        .add_columns(*then)
        .select_from(given)
        .join(source, source.c.name == given.c.source)
        .join(subject, _named(kind, given))
        .join(observation, observation.c.id == _newest(given, source, as_of=as_of))
    )


def _columns(given: sa.FromClause, source: sa.FromClause) -> sa.Select[Any]:
    return sa.select(
        given.c.i,
        source.c.name.label("source"),
        *source.c["precedence", "field_precedence"],
        (subject.c.scheme + ":" + subject.c.value).label("subject"),
        *observation.c["digest", "facts", "inferred", "evidence", "harvest_id"],
    )


def _given(numbered: Told) -> sa.FromClause:
    """The statements of an entry as rows, in their order."""
    return recordset(
        numbered, i=sa.Integer(), source=sa.Text(), subject=sa.Text(), digest=sa.Text(),
        observed_at=Timestamp,
    )  # fmt: skip


def _named(kind: Kind, given: sa.FromClause) -> sa.ColumnElement[bool]:
    """The subject that a statement is about."""
    return sa.and_(
        subject.c.kind == kind,
        subject.c.scheme == sa.func.split_part(given.c.subject, ":", 1),
        subject.c.value == sa.func.regexp_replace(given.c.subject, "^[^:]*:", ""),
    )


def _newest(
    given: sa.FromClause, source: sa.FromClause, *, as_of: datetime | None = None
) -> sa.ColumnElement[Any]:
    """The newest observation of a digest, of those that were recorded at a moment."""
    once = observation.alias("once")
    known = () if as_of is None else (once.c.recorded_at <= as_of,)
    return (
        sa.select(once.c.id)
        .where(
            once.c.source_id == source.c.id,
            once.c.subject_id == subject.c.id,
            once.c.digest == given.c.digest,
            *known,
        )
        .order_by(once.c.observed_at.desc())
        .limit(1)
        .scalar_subquery()
    )
