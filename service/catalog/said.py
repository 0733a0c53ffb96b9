"""Where what is said of an entry is seen in its sources: now, and as it was said at a moment."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from service.catalog.tables import SubjectRow
from service.catalog.view import View
from service.db import Timestamp
from service.ingest.tables import AbsenceRow, ObservationRow, SightingRow, SourceRow

SAID: Final = sa.bindparam("said", type_=JSONB)  # an entry's `statements` of then

subject, absence, observation, sighting, source = (
    t.__table__ for t in (SubjectRow, AbsenceRow, ObservationRow, SightingRow, SourceRow)
)
URL: Final = observation.c.evidence["url"].astext


def pages_now(shown: sa.ColumnElement[Any]) -> sa.FromClause:
    """The evidence of what is said now about an entry; of what is gone there is none."""
    gone = sa.exists().where(
        absence.c.source_id == sighting.c.source_id,
        absence.c.subject_id == sighting.c.subject_id,
        absence.c.gone_since.is_not(None),
    )
    return (
        sa.select(source.c.name.label("source"), URL.label("url"))
        .select_from(subject)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(source, source.c.id == sighting.c.source_id)
        .where(subject.c.entry_id == shown, URL.is_not(None), ~gone)
        .distinct()
        .subquery()
    )


def pages_then(view: View) -> sa.FromClause:
    """The evidence of what was said then: of the observations that its statements name."""
    given = (
        sa.func.jsonb_to_recordset(SAID)
        .table_valued(
            sa.column("source", sa.Text), sa.column("subject", sa.Text),
            sa.column("digest", sa.Text), sa.column("observed_at", Timestamp), name="said",
        )
        .render_derived(with_types=True)
    )  # fmt: skip
    once = observation.alias("once")
    newest = (
        sa.select(once.c.id)
        .where(
            once.c.source_id == source.c.id,
            once.c.subject_id == subject.c.id,
            once.c.digest == given.c.digest,
            once.c.recorded_at <= view.as_of,
        )
        .order_by(once.c.observed_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    named = sa.and_(
        subject.c.kind == view.kind,
        subject.c.scheme == sa.func.split_part(given.c.subject, ":", 1),
        subject.c.value == sa.func.regexp_replace(given.c.subject, "^[^:]*:", ""),
    )
    return (
        sa.select(source.c.name.label("source"), URL.label("url"))
        .select_from(given)
        .join(source, source.c.name == given.c.source)
        .join(subject, named)
        .join(observation, observation.c.id == newest)
        .where(URL.is_not(None))
        .distinct()
        .subquery()
    )
