"""Where sources show what they say of an entry: the pages of its evidence, now or then."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from service.catalog.view import SUBJECT, View
from service.db import Timestamp
from service.ingest.tables import AbsenceRow, ObservationRow, SightingRow, SourceRow

absence, observation, sighting, source = (
    table.__table__ for table in (AbsenceRow, ObservationRow, SightingRow, SourceRow)
)
SAID: Final = sa.bindparam("said", type_=JSONB)  # the statements that a past row was made of
URL: Final = observation.c.evidence["url"].astext


def pages_now(shown: sa.ColumnElement[Any]) -> sa.Subquery:
    """Pages of all that is said now of an entry."""
    return (
        sa.select(source.c.name.label("source"), URL.label("url"))
        .select_from(SUBJECT)
        .join(sighting, sighting.c.subject_id == SUBJECT.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(source, source.c.id == sighting.c.source_id)
        .where(SUBJECT.c.entry_id == shown, URL.is_not(None), ~_is_gone(absence, sighting.c))
        .distinct()
        .subquery()
    )


def pages_then(view: View) -> sa.Subquery:
    """Pages of all that was said then: sightings move on, what an entry was made of is kept."""
    said = (
        sa.func.jsonb_to_recordset(SAID)
        .table_valued(
            sa.column("source", sa.Text), sa.column("subject", sa.Text),
            sa.column("digest", sa.Text), sa.column("observed_at", Timestamp),
        )
        .render_derived(name="said", with_types=True)
    )  # fmt: skip
    named = (
        SUBJECT.c.kind == view.kind,
        SUBJECT.c.scheme == sa.func.split_part(said.c.subject, ":", 1),
        SUBJECT.c.value == sa.func.regexp_replace(said.c.subject, "^[^:]*:", ""),
    )
    told = _told(said, view).lateral("told")
    url = told.c.evidence["url"].astext
    gone = _is_gone(view.table(absence), told.c)
    return (
        sa.select(source.c.name.label("source"), url.label("url"))
        .select_from(said)
        .join(source, source.c.name == said.c.source)
        .join(SUBJECT, sa.and_(*named))
        .join(told, sa.true())
        .where(url.is_not(None), ~gone)
        .distinct()
        .subquery()
    )


def _told(said: sa.FromClause, view: View) -> sa.Select[Any]:
    """The observation that a statement stands for: the newest of its digest until then.

    What came in later is none of it, whatever time it names: an answer stays as it was.
    """
    return (
        sa.select(*observation.c["source_id", "subject_id", "evidence"])
        .where(
            observation.c.source_id == source.c.id,
            observation.c.subject_id == SUBJECT.c.id,
            observation.c.digest == said.c.digest,
            observation.c.observed_at <= said.c.observed_at,
            observation.c.recorded_at <= sa.literal(view.as_of, Timestamp),
        )
        .order_by(observation.c.observed_at.desc())
        .limit(1)
        .correlate(source, SUBJECT, said)
    )


def _is_gone(absent: sa.FromClause, of: Any) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        absent.c.source_id == of.source_id,
        absent.c.subject_id == of.subject_id,
        absent.c.gone_since.is_not(None),
    )
