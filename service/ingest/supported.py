"""Is what was decided about identity still what current statements say? As conditions."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from service.catalog.tables import SubjectRow
from service.ingest.tables import AbsenceRow, IdentityDecision, ObservationRow, SightingRow

subject, sighting, observation, absence, decision = (
    table.__table__
    for table in (SubjectRow, SightingRow, ObservationRow, AbsenceRow, IdentityDecision)
)


def stands_there(root: Any) -> sa.ColumnElement[bool]:
    """Does the claimant stand in the entry now, whoever let it in?"""
    claimant, known = decision.c.evidence["subject"], subject.alias("claimant")
    return sa.exists().where(
        *(known.c[part] == claimant[part].astext for part in ("kind", "scheme", "value")),
        known.c.entry_id == root,
    )


def was_stated(one: sa.FromClause) -> sa.ColumnElement[bool]:
    """Did an observation about the two themselves merge them? Children merge with their models."""
    of_kind = decision.c.evidence["subject"]["kind"].astext == one.c.kind
    return sa.and_(decision.c.source_id.is_not(None), of_kind)


def _current(name: str) -> tuple[sa.FromClause, sa.FromClause, sa.FromClause]:
    """A subject, its sighting and what is currently said about it."""
    return subject.alias(name), sighting.alias(f"{name}_seen"), observation.alias(f"{name}_said")


def _is_live(seen: sa.FromClause) -> sa.ColumnElement[bool]:
    gone = absence.alias(f"{seen.name}_gone")  # type: ignore[attr-defined]  # an alias has one
    return ~sa.exists().where(
        gone.c.source_id == seen.c.source_id,
        gone.c.subject_id == seen.c.subject_id,
        gone.c.gone_since.is_not(None),
    )


def claiming(name: str) -> tuple[sa.FromClause, sa.FromClause, sa.Select[Any]]:
    """Live subjects, and those that what is said of them names as the same."""
    one, seen, said = _current(name)
    named = subject.alias(f"{name}_named")
    each = sa.func.jsonb_array_elements(said.c.same_as).table_valued(
        sa.column("value", JSONB), name=f"{name}_same"
    )
    is_named = (named.c[part] == each.c.value[part].astext for part in ("kind", "scheme", "value"))
    query = (
        sa.select(1)
        .select_from(one)
        .join(seen, seen.c.subject_id == one.c.id)
        .join(said, said.c.id == seen.c.observation_id)
        .join(each, sa.true())
        .join(named, sa.and_(*is_named))
        .where(_is_live(seen))
    )
    return one, named, query


def is_claimed(root: Any, other: Any) -> sa.ColumnElement[bool]:
    """Does a source still say that the two are the same?"""
    one, named, query = claiming("claiming")
    across = sa.or_(
        sa.and_(one.c.entry_id == root, named.c.entry_id == other),
        sa.and_(one.c.entry_id == other, named.c.entry_id == root),
    )
    return query.where(across).exists()


def is_stated(root: Any) -> sa.ColumnElement[bool]:
    """Does anything that is currently said still join the two: `same_as`, or one natural name?"""
    one, named, query = claiming("joining")
    by_claim = query.where(
        one.c.entry_id == root, named.c.entry_id == root, _joined(one) != _joined(named)
    ).exists()
    first, first_seen, first_said = _current("first")
    second, second_seen, second_said = _current("second")
    alike = (
        sa.func.lower(first_said.c.facts[name].astext)
        == sa.func.lower(second_said.c.facts[name].astext)
        for name in ("namespace", "name")
    )
    by_name = (
        sa.select(1)
        .select_from(first)
        .join(first_seen, first_seen.c.subject_id == first.c.id)
        .join(first_said, first_said.c.id == first_seen.c.observation_id)
        .join(second, second.c.entry_id == first.c.entry_id)
        .join(second_seen, second_seen.c.subject_id == second.c.id)
        .join(second_said, second_said.c.id == second_seen.c.observation_id)
        .where(first.c.entry_id == root, _joined(first), ~_joined(second), *alike)
        .where(_is_live(first_seen), _is_live(second_seen))
        .exists()
    )
    return sa.or_(by_claim, by_name)


def _joined(of: sa.FromClause) -> sa.ColumnElement[bool]:
    """Came the subject with whoever joined?"""
    there: sa.ColumnElement[bool] = decision.c.homes.has_key(sa.cast(of.c.id, sa.Text))
    return there
