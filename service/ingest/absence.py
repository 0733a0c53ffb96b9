"""What a source no longer shows: asked for by name and not there, or missing from its listings."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import SubjectRow
from service.db import Timestamp
from service.ingest.record import KEY, STATED
from service.ingest.tables import (
    AbsenceRow,
    ObservationRow,
    SeenRow,
    SightingRow,
)
from service.recordset import recordset

LEAST_ABSENCE: Final = timedelta(hours=24)  # however often a source is harvested
GONE = {"source_id": sa.BigInteger(), "subject_id": sa.BigInteger(), "observed_at": Timestamp,
        "digest": sa.Text()}  # fmt: skip

absence, sighting, subject, seen, observation = (
    table.__table__ for table in (AbsenceRow, SightingRow, SubjectRow, SeenRow, ObservationRow)
)


def same_key(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """The same subject of the same source."""
    return sa.and_(*(one.c[c] == other.c[c] for c in KEY))


def is_gone(stated: sa.FromClause) -> sa.ColumnElement[bool]:
    """A sighting (or a row with its key) whose subject is gone."""
    gone = absence.alias()  # the caller may select absences beside it
    return sa.exists().where(same_key(gone, stated), gone.c.gone_since.is_not(None))


def revive(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """What is stated again after it was missed is back; answers the subjects."""
    if not rows:
        return set()
    given = recordset(rows, **GONE)
    later = sa.or_(
        sa.and_(absence.c.said_at.is_(None), given.c.observed_at >= absence.c.unseen_since),
        sa.tuple_(absence.c.said_at, absence.c.digest)
        < sa.tuple_(given.c.observed_at, given.c.digest),
    )
    back = sa.delete(absence).where(same_key(absence, given), later)
    return set(session.execute(back.returning(absence.c.subject_id)).scalars())


def store_gone(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Append what says that something is gone; answers subject → observation."""
    if not rows:
        return {}
    given = recordset(rows, **STATED)
    known = sa.exists().where(same_key(absence, given), absence.c.digest == given.c.digest)
    fresh = sa.select(*(given.c[c] for c in STATED)).where(~known)
    session.execute(
        insert(observation).from_select(list(STATED), fresh).on_conflict_do_nothing()
    )
    found = sa.select(observation.c.subject_id, observation.c.id).join_from(
        given,
        observation,
        sa.and_(
            same_key(observation, given),
            observation.c.observed_at == given.c.observed_at,
            observation.c.digest == given.c.digest,
        ),
    )
    return {row.subject_id: row.id for row in session.execute(found)}


def retire_asked(session: Session, source: int, observations: sa.Select[Any]) -> set[int]:
    """Set `gone_since` for what observations (ids selected) say is not there; answers subjects.

    A model that is gone takes its versions of that source with it.
    """
    said = (
        sa.select(
            observation.c.source_id,
            observation.c.subject_id,
            sa.func.least(observation.c.observed_at, observation.c.recorded_at).label("said_at"),
            observation.c.digest,
        )
        .where(observation.c.source_id == source, observation.c.id.in_(observations))
        .cte("said")
    )
    child, parent = subject.alias("child"), subject.alias("parent")
    below = (
        sa.select(sighting.c.source_id, sighting.c.subject_id, said.c.said_at, said.c.digest)
        .select_from(said)
        .join(parent, sa.and_(parent.c.id == said.c.subject_id, parent.c.kind == Kind.MODEL))
        .join(
            child,
            sa.and_(
                child.c.kind == Kind.VERSION,
                child.c.scheme == parent.c.scheme,
                child.c.value > parent.c.value + "/",
                child.c.value < parent.c.value + "0",  # the character after "/"
            ),
        )
        .join(
            sighting,
            sa.and_(
                sighting.c.subject_id == child.c.id, sighting.c.source_id == said.c.source_id
            ),
        )
    )
    every = sa.union_all(sa.select(said), below).cte("every")
    later = sa.or_(
        sighting.c.subject_id.is_(None),
        sa.tuple_(sighting.c.effective_at, sighting.c.digest)
        < sa.tuple_(every.c.said_at, every.c.digest),
    )
    chosen = (
        sa.select(
            every.c.source_id,
            every.c.subject_id,
            sa.literal(0).label("harvests"),
            every.c.said_at.label("unseen_since"),
            every.c.said_at.label("gone_since"),
            every.c.said_at,
            every.c.digest,
        )
        .select_from(every)
        .outerjoin(sighting, same_key(sighting, every))
        .where(later)
        .ext(sa.dialects.postgresql.distinct_on(every.c.source_id, every.c.subject_id))
        .order_by(every.c.source_id, every.c.subject_id, every.c.said_at.desc())
    )
    columns = [*KEY, "harvests", "unseen_since", "gone_since", "said_at", "digest"]
    upsert = insert(absence).from_select(columns, chosen)
    stored = upsert.on_conflict_do_update(
        index_elements=KEY,
        set_={
            "gone_since": sa.func.coalesce(absence.c.gone_since, upsert.excluded.gone_since),
            "said_at": upsert.excluded.said_at,
            "digest": upsert.excluded.digest,
        },
        where=sa.or_(absence.c.said_at.is_(None), absence.c.said_at < upsert.excluded.said_at),
    )
    return set(session.execute(stored.returning(absence.c.subject_id)).scalars())


def keep_below_gone(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """A version that is stated late stays gone when its model was said to be gone after that."""
    if not rows:
        return set()
    given = recordset(rows, **GONE)
    child, parent = subject.alias("child"), subject.alias("parent")
    above = absence.alias("above")
    query = (
        sa.select(
            given.c.source_id,
            given.c.subject_id,
            sa.literal(0),
            above.c.unseen_since,
            above.c.gone_since,
            above.c.said_at,
            above.c.digest,
        )
        .select_from(given)
        .join(child, sa.and_(child.c.id == given.c.subject_id, child.c.kind == Kind.VERSION))
        .join(
            parent,
            sa.and_(
                parent.c.kind == Kind.MODEL,
                parent.c.scheme == child.c.scheme,
                parent.c.value == sa.func.regexp_replace(child.c.value, "/[^/]*$", ""),
            ),
        )
        .join(
            above,
            sa.and_(
                above.c.source_id == given.c.source_id,
                above.c.subject_id == parent.c.id,
                above.c.said_at > given.c.observed_at,
            ),
        )
    )
    columns = [*KEY, "harvests", "unseen_since", "gone_since", "said_at", "digest"]
    stored = insert(absence).from_select(columns, query).on_conflict_do_nothing()
    return set(session.execute(stored.returning(absence.c.subject_id)).scalars())


def live_in_scope(scope: int) -> sa.Select[Any]:
    """The live subjects that full harvests of a scope have seen."""
    return sa.select(sighting.c.source_id, sighting.c.subject_id).where(
        sighting.c.scope_id == scope, ~is_gone(sighting)
    )


def missed(scope: int, harvest: UUID) -> sa.Select[Any]:
    """The live subjects of a scope that an open harvest has not seen."""
    noted = seen.alias()
    here = sa.exists().where(
        noted.c.harvest_id == harvest, noted.c.subject_id == sighting.c.subject_id
    )
    return live_in_scope(scope).where(~here)
