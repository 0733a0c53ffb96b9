"""The observation behind what the catalog keeps of a statement: found step by step, by indices.

Sources and subjects keep their ids, and observations never change: what is found is of any moment.
"""

from typing import Any, Final

import sqlalchemy as sa

from service.catalog.tables import SubjectRow
from service.db import Timestamp
from service.exports.statement import Value
from service.ingest.tables import ObservationRow, SourceRow

SUBJECT, OBSERVATION, SOURCE = (
    table.__table__ for table in (SubjectRow, ObservationRow, SourceRow)
)
NAME: Final = "^[^:]*:"


def observation_behind(said: Value, *, kind: Value, source: Value) -> sa.Select[Any]:
    """The newest one that said this until then; the caller chooses its columns.

    `said` holds subject, digest and time. No tables are joined: one by one is how it is fast.
    """
    about, until = said["subject"], sa.cast(said["observed_at"].astext, Timestamp)
    text = said["subject"].astext
    scheme = sa.func.coalesce(about["scheme"].astext, sa.func.split_part(text, ":", 1))
    value = sa.func.coalesce(about["value"].astext, sa.func.regexp_replace(text, NAME, ""))
    by = sa.select(SOURCE.c.id).where(SOURCE.c.name == source)
    of = sa.select(SUBJECT.c.id).where(
        SUBJECT.c.kind == kind, SUBJECT.c.scheme == scheme, SUBJECT.c.value == value
    )
    return (
        sa.select(OBSERVATION)
        .where(OBSERVATION.c.source_id == by.correlate_except(SOURCE).scalar_subquery(),
               OBSERVATION.c.subject_id == of.correlate_except(SUBJECT).scalar_subquery(),
               OBSERVATION.c.digest == said["digest"].astext,
               sa.or_(until.is_(None), OBSERVATION.c.observed_at <= until))
        .order_by(OBSERVATION.c.observed_at.desc())
        .limit(1)
        .correlate_except(OBSERVATION)
    )  # fmt: skip
