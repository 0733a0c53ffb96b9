"""Stores what changed and makes the newest statement of each subject current."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert
from sqlmodel import Session

from schemas.identifiers import Identifier
from schemas.observation import FACTS_VERSION
from schemas.strict import instant_text
from service.db import Timestamp
from service.ingest.batch import Item
from service.ingest.sources import SourceFacts
from service.ingest.tables import AbsenceRow, ObservationRow, ScopeRow, SightingRow
from service.recordset import recordset

STATED = {
    "source_id": sa.BigInteger(),
    "subject_id": sa.BigInteger(),
    "harvest_id": sa.Uuid(),
    "observed_at": Timestamp,
    "digest": sa.Text(),
    "facts": JSONB(),
    "inferred": JSONB(),
    "same_as": JSONB(),
    "evidence": JSONB(),
    "facts_version": sa.Integer(),
}
KEY = ("source_id", "subject_id")
SAME = (*KEY, "digest", "observed_at")  # by which an observation is known
MOVES = ("digest", "observed_at", "effective_at", "marker")

observation, sighting, scope, absence = (
    table.__table__ for table in (ObservationRow, SightingRow, ScopeRow, AbsenceRow)
)


def as_rows(
    items: Sequence[Item],
    subjects: Mapping[Identifier, int],
    *,
    source: SourceFacts,
    harvest: UUID | None,
) -> list[dict[str, Any]]:
    """The observations as rows of `observation`, with their marker."""
    rows = []
    for item in items:
        said = item.observation.model_dump(mode="json", exclude_unset=True)
        rows.append(
            {
                "source_id": source.id,
                "subject_id": subjects[item.subject],
                "harvest_id": str(harvest) if harvest else None,
                "observed_at": instant_text(item.observed_at),
                "digest": item.digest,
                "facts": said.get("facts"),
                "inferred": sorted(said.get("inferred", ())),
                "same_as": said.get("same_as", []),
                "evidence": said.get("evidence"),
                "facts_version": FACTS_VERSION,
                "marker": item.observation.marker,
            }
        )
    return rows


def record_stated(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """Store changed facts, make the newest current; answers the subjects whose facts moved.

    Digests are compared with the *current* one, never with "seen before"; (observed_at, digest)
    decides what is current, and what a later complete full harvest confirmed counts as observed
    at its opening. So order, splitting and repetition do not matter.
    """
    if not rows:
        return set()
    seen = _compared(recordset(rows, **STATED, marker=sa.Text()))
    upsert = insert(sighting).from_select(
        [*KEY, *MOVES, "observation_id", "first_seen"], _newest(seen, _appended(seen))
    )
    moved = upsert.on_conflict_do_update(
        index_elements=KEY, set_={c: upsert.excluded[c] for c in (*MOVES, "observation_id")}
    )
    return set(session.execute(moved.returning(sighting.c.subject_id)).scalars())


def _compared(given: sa.FromClause) -> sa.CTE:
    """What is stated, beside what is current about the same subject."""
    return (
        sa.select(
            given,
            sa.func.least(given.c.observed_at, sa.func.now()).label("effective_at"),
            sighting.c.digest.label("current"),
            sighting.c.observation_id,
            sighted_at(absence).label("current_at"),
        )
        .select_from(given)
        .outerjoin(sighting, sa.and_(*(sighting.c[c] == given.c[c] for c in KEY)))
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(absence, sa.and_(*(absence.c[c] == sighting.c[c] for c in KEY)))
        .cte("seen")
    )


def sighted_at(absent: sa.FromClause) -> sa.ColumnElement[Any]:
    """When a subject was last shown; beside a sighting, its scope and its absence, outer joined.

    A complete full harvest of the scope confirms, as of its opening, what it did not miss.
    """
    confirmed = sa.func.greatest(sighting.c.effective_at, scope.c.full_opened_at)
    return sa.case((absent.c.subject_id.is_(None), confirmed), else_=sighting.c.effective_at)


def _appended(seen: sa.CTE) -> sa.CTE:
    """Appends what says something else than the current observation."""
    changed = sa.select(*seen.c[*STATED]).where(seen.c.current.is_distinct_from(seen.c.digest))
    appended = insert(observation).from_select(list(STATED), changed).on_conflict_do_nothing()
    return appended.returning(*observation.c["id", *SAME]).cte("stored")


def _newest(seen: sa.CTE, stored: sa.CTE) -> sa.Select[Any]:
    """The newest statement of each subject, where it comes after the current one."""
    earlier = sa.tuple_(seen.c.current_at, seen.c.current)
    return (
        sa.select(
            *seen.c[*KEY, *MOVES],
            sa.func.coalesce(stored.c.id, seen.c.observation_id).label("observation_id"),
            sa.func.now().label("first_seen"),
        )
        .outerjoin_from(seen, stored, sa.and_(*(stored.c[c] == seen.c[c] for c in SAME)))
        .where(
            sa.or_(stored.c.id.is_not(None), seen.c.current == seen.c.digest),
            sa.or_(
                seen.c.current.is_(None),
                earlier < sa.tuple_(seen.c.effective_at, seen.c.digest),
            ),
        )
        .ext(distinct_on(*seen.c[*KEY]))  # a subject may come twice: only its newest moves
        .order_by(*seen.c[*KEY], seen.c.effective_at.desc(), seen.c.digest.desc())
    )
