"""Stores what changed and makes the newest statement of each subject current."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on, insert
from sqlmodel import Session

from schemas.harvest import Coverage
from schemas.identifiers import Identifier
from schemas.observation import FACTS_VERSION
from schemas.strict import instant_text
from service.db import Timestamp
from service.ingest.batch import Item
from service.ingest.sources import SourceFacts
from service.ingest.tables import (
    AbsenceRow,
    HarvestRow,
    ObservationRow,
    ScopeRow,
    SeenRow,
    SightingRow,
)
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
ORDER = ("effective_at", "observed_at", "digest")  # two ahead of our clock tie in the first
MOVES = ("digest", "observed_at", "effective_at", "marker")
CLOCKS_DIFFER: Final = timedelta(minutes=1)  # what is no further ahead is worth no word

observation, sighting, scope, absence, harvest, seen_set = (
    table.__table__
    for table in (ObservationRow, SightingRow, ScopeRow, AbsenceRow, HarvestRow, SeenRow)
)


class Moved(NamedTuple):
    """Subjects of which something else is current now; how many by a clock ahead of ours."""

    subjects: frozenset[int] = frozenset()
    ahead: int = 0


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
        said = item.said
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


def record_stated(session: Session, rows: Sequence[Mapping[str, Any]]) -> Moved:
    """Store changed facts, make the newest current; answers the subjects whose facts moved.

    Digests are compared with the *current* one, never with "seen before"; (observed_at, digest)
    decides what is current, and what a later complete full harvest confirmed counts as observed
    at its opening. So order, splitting and repetition do not matter. What was observed in our
    future counts as observed when it was first recorded: a clock ahead of ours wins no longer.
    """
    if not rows:
        return Moved()
    seen = _compared(recordset(rows, **STATED, marker=sa.Text()))
    upsert = insert(sighting).from_select(
        [*KEY, *MOVES, "observation_id", "first_seen"], _newest(seen, _appended(seen))
    )
    moved = upsert.on_conflict_do_update(
        index_elements=KEY, set_={c: upsert.excluded[c] for c in (*MOVES, "observation_id")}
    )
    ahead = sighting.c.observed_at > sa.func.now() + CLOCKS_DIFFER
    found = session.execute(moved.returning(sighting.c.subject_id, ahead)).all()
    return Moved(frozenset(subject for subject, _ in found), sum(is_ahead for _, is_ahead in found))


def _compared(given: sa.FromClause) -> sa.CTE:
    """What is stated, beside what is current about the same subject."""
    return (
        sa.select(
            given,
            sa.func.least(given.c.observed_at, sa.func.now()).label("effective_at"),
            sighting.c.digest.label("current"),
            sighting.c.observation_id,
            sighting.c.observed_at.label("current_observed_at"),
            sa.func.greatest(sighted_at(absence), _seen_by_another(given)).label("current_at"),
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


def _seen_by_another(given: sa.FromClause) -> sa.ScalarSelect[Any]:
    """When the full harvest opened that is under way and has seen the subject as it is current.

    What it saw is newer than an old push that arrives meanwhile; once it is closed, its scope says
    so. NULL for the harvest's own observations, and where none is under way.
    """
    return (
        sa.select(sa.func.max(harvest.c.opened_at))
        .join_from(harvest, scope, scope.c.id == harvest.c.scope_id)
        .join(seen_set, seen_set.c.harvest_id == harvest.c.id)
        .where(
            scope.c.source_id == given.c.source_id,
            seen_set.c.subject_id == given.c.subject_id,
            seen_set.c.observation_id.is_(None),
            harvest.c.id.is_distinct_from(given.c.harvest_id),
            harvest.c.closed_at.is_(None),
            harvest.c.lease_until > sa.func.now(),
            harvest.c.coverage == Coverage.FULL.value,
            ~harvest.c.dry_run,
        )
        .correlate(given)
        .scalar_subquery()
    )


def _appended(seen: sa.CTE) -> sa.CTE:
    """Appends what says something else than the current observation.

    And what a clock ahead of ours says, in any case: its row tells when it was first recorded.
    """
    differs = seen.c.current.is_distinct_from(seen.c.digest)
    ahead = seen.c.observed_at > sa.func.now()
    changed = sa.select(*seen.c[*STATED]).where(sa.or_(differs, ahead))
    appended = insert(observation).from_select(list(STATED), changed).on_conflict_do_nothing()
    return appended.returning(*observation.c["id", *SAME]).cte("stored")


def _newest(seen: sa.CTE, stored: sa.CTE) -> sa.Select[Any]:
    """The newest statement of each subject, where it comes after the current one."""
    earlier = sa.tuple_(seen.c.current_at, seen.c.current_observed_at, seen.c.current)
    later = sa.tuple_(*seen.c[*ORDER])
    again = sa.and_(  # of our future only its first time counts: it would be newer each time
        seen.c.current == seen.c.digest,
        seen.c.observed_at <= sa.func.now(),
        seen.c.current_observed_at != seen.c.observed_at,
    )
    return (
        sa.select(
            *seen.c[*KEY, *MOVES],
            sa.func.coalesce(stored.c.id, seen.c.observation_id).label("observation_id"),
            sa.func.now().label("first_seen"),
        )
        .outerjoin_from(seen, stored, sa.and_(*(stored.c[c] == seen.c[c] for c in SAME)))
        .where(
            sa.or_(stored.c.id.is_not(None), again),
            sa.or_(seen.c.current.is_(None), earlier < later),
        )
        .ext(distinct_on(*seen.c[*KEY]))  # a subject may come twice: only its newest moves
        .order_by(*seen.c[*KEY], *(seen.c[c].desc() for c in ORDER))
    )
