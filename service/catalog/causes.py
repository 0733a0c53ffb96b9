"""What a change comes from: its cause and its evidence, read from what the ledger keeps."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.details import Because, Event
from service.catalog.rows import API
from service.catalog.tables import SubjectRow
from service.db import Timestamp
from service.ingest.tables import ObservationRow, SourceRow
from service.ledger.feed import as_change, change

observation, source, subject = (
    table.__table__ for table in (ObservationRow, SourceRow, SubjectRow)
)
DECIDED: Final = ("merge", "proposed", "replace", "number", "claim", "repair")  # by rule
POLICIES: Final = ("policy", "precedence", "refold")  # software that folds again by new rules

WRITTEN: Final = sa.cast(change.c.canon, JSONB)
ACTOR: Final = WRITTEN["actor"]
SAID: Final = WRITTEN["observation"]


def cause() -> sa.ColumnElement[str]:
    """One of `Because`."""
    kind, done = ACTOR["kind"].astext, WRITTEN["op"].astext
    by_person = kind.in_(["person", "machine", "operator"])
    ways = (
        (sa.and_(by_person, done != "repair"), Because.PERSON),
        (sa.and_(kind == "software", ACTOR["id"].astext.in_(POLICIES)), Because.POLICY),
        (sa.or_(kind != "source", done.in_(DECIDED)), Because.SOFTWARE),
        (WRITTEN["harvest"].astext.is_not(None), Because.HARVEST),
    )
    return sa.case(
        *((when, sa.literal(said.value)) for when, said in ways),
        else_=sa.literal(Because.OBSERVATION.value),
    )


def actor() -> sa.ColumnElement[str]:
    """Who did it."""
    done_by: sa.ColumnElement[str] = ACTOR["id"].astext
    return done_by


def evidence() -> sa.ColumnElement[Any]:
    """Where the source shows what it said: of the newest observation that said it until then."""
    about, until = SAID["subject"], sa.cast(SAID["observed_at"].astext, Timestamp)
    scheme = sa.func.split_part(SAID["subject"].astext, ":", 1)
    value = sa.func.regexp_replace(SAID["subject"].astext, "^[^:]*:", "")
    return (
        sa.select(observation.c.evidence)
        .select_from(source)
        .join(subject, subject.c.kind == change.c.kind)
        .join(
            observation,
            sa.and_(
                observation.c.source_id == source.c.id, observation.c.subject_id == subject.c.id
            ),
        )
        .where(
            source.c.name == sa.func.coalesce(SAID["source"].astext, WRITTEN["source"].astext),
            subject.c.scheme == sa.func.coalesce(about["scheme"].astext, scheme),
            subject.c.value == sa.func.coalesce(about["value"].astext, value),
            observation.c.digest == SAID["digest"].astext,
            observation.c.recorded_at <= change.c.recorded_at,
            sa.or_(until.is_(None), observation.c.observed_at <= until),
        )
        .order_by(observation.c.observed_at.desc())
        .limit(1)
        .correlate(change)
        .scalar_subquery()
    )


def as_event(row: sa.RowMapping) -> Event:
    """A change as an entry's history shows it."""
    told = dict(as_change(row))
    url = told["harvest"] and f"{API}/harvests/{told['harvest']}"
    return Event.model_construct(
        **told, cause=Because(row["cause"]), harvest_url=url, evidence=row["evidence"]
    )
