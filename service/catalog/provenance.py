"""Where each field of an entry comes from: who said it, when, on what evidence, who lost."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from schemas.details import Contender, FieldProvenance
from schemas.facts import merge_rules
from schemas.identifiers import Kind
from service.catalog import rows
from service.catalog.tables import SubjectRow
from service.catalog.typed import reference_columns
from service.db import Timestamp
from service.ingest.tables import AbsenceRow, ObservationRow, ScopeRow, SightingRow, SourceRow
from service.recordset import recordset

subject, observation, sighting, absence, scope, source = (
    t.__table__ for t in (SubjectRow, ObservationRow, SightingRow, AbsenceRow, ScopeRow, SourceRow)
)


def read_provenance(
    session: Session, kind: Kind, *, row: sa.RowMapping
) -> dict[str, FieldProvenance]:
    """Every field with who said it; whoever may see the entry may see all that is said of it."""
    said, facts = _statements(session, kind, said=row["statements"]), rows.facts_of(kind, row)
    rules = merge_rules(kind)
    fields = {}
    for name, ranked in row["provenance"].items():
        winner, *others = (_claim(kind, name, said=said[index]) for index in ranked)
        fields[name] = FieldProvenance.model_validate(
            winner
            | {
                "value": facts[name],
                "confirmed_at": said[ranked[0]]["confirmed_at"],
                "conflict": name in row["conflicts"],
                "rule": rules[name],
                "contenders": tuple(Contender.model_validate(other) for other in others),
            }
        )
    return fields


def _claim(kind: Kind, name: str, *, said: Mapping[str, Any]) -> dict[str, Any]:
    """One statement about one field; a reference is written as lists write it."""
    value = said["facts"].get(name)
    if name in reference_columns(kind) and isinstance(value, Mapping):
        value = value["value"]
    shown = {name: said[name] for name in ("source", "subject", "observed_at", "evidence")}
    return shown | {
        "value": value,
        "inferred": name in said["inferred"],
        "precedence": said["field_precedence"].get(name, said["precedence"]),
    }


def _statements(
    session: Session, kind: Kind, *, said: Sequence[Mapping[str, Any]]
) -> list[sa.RowMapping]:
    """What each source said, with its facts and the last time a full harvest confirmed it.

    What a replaced entry was told of is no longer current: it is found by its digest.
    """
    if not said:
        return []
    given = _given(said)
    unmissed = sa.case((absence.c.subject_id.is_(None), scope.c.full_opened_at))
    confirmed = sa.func.coalesce(
        sa.func.greatest(sighting.c.effective_at, unmissed), given.c.observed_at
    )
    query = (
        sa.select(
            source.c.name.label("source"),
            *source.c["precedence", "field_precedence"],
            (subject.c.scheme + ":" + subject.c.value).label("subject"),
            *observation.c["facts", "inferred", "evidence"],
            sa.func.coalesce(sighting.c.observed_at, given.c.observed_at).label("observed_at"),
            confirmed.label("confirmed_at"),
        )
        .select_from(given)
        .join(source, source.c.name == given.c.source)
        .join(subject, _named(kind, given))
        .outerjoin(sighting, _currently(given))
        .join(observation, observation.c.id == _observation(given))
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(
            absence,
            sa.and_(
                absence.c.source_id == sighting.c.source_id,
                absence.c.subject_id == sighting.c.subject_id,
            ),
        )
        .order_by(given.c.i)
    )
    return list(session.execute(query).mappings())


def _given(said: Sequence[Mapping[str, Any]]) -> sa.FromClause:
    """The statements of an entry as rows, in their order."""
    numbered = [{"i": index, **one} for index, one in enumerate(said)]
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


def _currently(given: sa.FromClause) -> sa.ColumnElement[bool]:
    return sa.and_(
        sighting.c.source_id == source.c.id,
        sighting.c.subject_id == subject.c.id,
        sighting.c.digest == given.c.digest,
    )


def _observation(given: sa.FromClause) -> sa.ColumnElement[Any]:
    """The current one, or the newest of its digest."""
    once = observation.alias("once")
    newest = (
        sa.select(once.c.id)
        .where(
            once.c.source_id == source.c.id,
            once.c.subject_id == subject.c.id,
            once.c.digest == given.c.digest,
        )
        .order_by(once.c.observed_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return sa.func.coalesce(sighting.c.observation_id, newest)
