"""Stores what changed and makes the newest statement of each subject current."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
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
    observation, sighting, scope = (
        table.__table__ for table in (ObservationRow, SightingRow, ScopeRow)
    )
    given = recordset(rows, **STATED, marker=sa.Text())
    confirmed = sa.func.greatest(sighting.c.effective_at, scope.c.full_opened_at)
    effective = sa.func.least(given.c.observed_at, sa.func.now())
    seen = (
        sa.select(
            given,
            effective.label("effective_at"),
            sighting.c.digest.label("current"),
            sighting.c.observation_id,
            sa.func.coalesce(_confirmed(sighting, scope, confirmed), sighting.c.effective_at).label(
                "current_at"
            ),
        )
        .select_from(given)
        .outerjoin(sighting, sa.and_(*(sighting.c[c] == given.c[c] for c in KEY)))
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .cte("seen")
    )
    changed = sa.select(*(seen.c[c] for c in STATED)).where(
        seen.c.current.is_distinct_from(seen.c.digest)
    )
    appended = insert(observation).from_select(list(STATED), changed).on_conflict_do_nothing()
    stored = appended.returning(
        observation.c.id, *(observation.c[c] for c in (*KEY, "digest", "observed_at"))
    ).cte("stored")
    newest = (
        sa.select(
            *(seen.c[c] for c in (*KEY, "digest", "observed_at", "effective_at", "marker")),
            sa.func.coalesce(stored.c.id, seen.c.observation_id).label("observation_id"),
            sa.func.now().label("first_seen"),
        )
        .outerjoin_from(
            seen,
            stored,
            sa.and_(*(stored.c[c] == seen.c[c] for c in (*KEY, "digest", "observed_at"))),
        )
        .where(
            sa.or_(stored.c.id.is_not(None), seen.c.current == seen.c.digest),
            sa.or_(
                seen.c.current.is_(None),
                sa.tuple_(seen.c.current_at, seen.c.current)
                < sa.tuple_(seen.c.effective_at, seen.c.digest),
            ),
        )
        .ext(sa.dialects.postgresql.distinct_on(*(seen.c[c] for c in KEY)))
        .order_by(
            *(seen.c[c] for c in KEY), seen.c.effective_at.desc(), seen.c.digest.desc()
        )
    )
    columns = (
        *KEY, "digest", "observed_at", "effective_at", "marker", "observation_id", "first_seen",
    )  # fmt: skip
    upsert = insert(sighting).from_select(columns, newest)
    moved = upsert.on_conflict_do_update(
        index_elements=KEY,
        set_={
            c: upsert.excluded[c]
            for c in ("digest", "observed_at", "effective_at", "marker", "observation_id")
        },
    )
    return set(session.execute(moved.returning(sighting.c.subject_id)).scalars())


def _confirmed(
    sighting: sa.FromClause, scope: sa.FromClause, confirmed: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    """When the scope's last complete full harvest saw the subject, its opening confirms it."""
    absence = AbsenceRow.__table__
    missed = sa.exists().where(
        absence.c.source_id == sighting.c.source_id,
        absence.c.subject_id == sighting.c.subject_id,
    )
    return sa.case((scope.c.full_opened_at.is_not(None) & ~missed, confirmed))
