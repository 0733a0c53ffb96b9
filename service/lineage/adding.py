"""Adds what events say to what their source said before, one transaction at a time.

An observation replaces the former one of its subject, so whoever adds to it reads it first. Between
reading and writing nobody else adds to the same thing: locks stand on a few buckets of subjects,
taken in order, so that concurrent events of one run lose nothing and wait for nobody in a circle.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from schemas.identifiers import Identifier
from schemas.observation import Refusal
from schemas.strict import instant_text
from service.catalog.tables import SubjectRow
from service.db import Moved, Timestamp
from service.errors import TooLarge
from service.ingest.harvests import LIMITS, SourceDisabled
from service.ingest.ingest import record_batch
from service.ingest.sources import SourceFacts
from service.ingest.tables import ObservationRow, SightingRow
from service.ledger.change import Cause
from service.lineage.heard import NOTHING, TICK, Heard, Known, add, read_times, write_times
from service.recordset import recordset

BUCKETS: Final = 64
MOST_SUBJECTS: Final = 10_000  # that one request may speak of
LOCKED: Final = sa.text(
    "SELECT pg_advisory_xact_lock(hashtext('model-catalog:lineage'), bucket) "
    "FROM unnest(CAST(:buckets AS int[])) AS bucket"
).bindparams(sa.bindparam("buckets", type_=ARRAY(sa.Integer)))
subject, sighting, observation = (
    table.__table__ for table in (SubjectRow, SightingRow, ObservationRow)
)


class Added(NamedTuple):
    """What became of what was heard."""

    recorded: int = 0
    unchanged: int = 0
    refused: tuple[Refusal, ...] = ()


class _Standing(NamedTuple):
    """What a source says of a subject, and when that became current."""

    known: Known
    effective_at: datetime


def add_heard(
    session: Session, source: SourceFacts, *, heard: Sequence[Heard], now: datetime, cause: Cause
) -> Added:
    """Lay what is heard upon what is known, and record what is new of it.

    Raises `SourceDisabled`, `TooLarge`; `Moved` when somebody added later than this transaction
    began: then it cannot be the newer one, and begins again.
    """
    if not source.enabled:
        raise SourceDisabled(source=source.name)
    of_subject: dict[Identifier, list[Heard]] = {}
    for one in heard:
        of_subject.setdefault(one.subject, []).append(one)
    if len(of_subject) > MOST_SUBJECTS:
        raise TooLarge(detail=f"At most {MOST_SUBJECTS:,} things a request; these are more.")
    _lock(session, source, subjects=of_subject)
    standing = _standing(session, source, subjects=of_subject)
    documents = [
        document
        for about, events in of_subject.items()
        if (document := _document(events, standing.get(about), now=now)) is not None
    ]
    return _record(session, source, documents=documents, unchanged=len(of_subject), cause=cause)


def _lock(session: Session, source: SourceFacts, *, subjects: Iterable[Identifier]) -> None:
    buckets = {crc32(f"{source.id} {one}".encode()) % BUCKETS for one in subjects}
    if buckets:
        session.execute(LOCKED, {"buckets": sorted(buckets)})


def _standing(
    session: Session, source: SourceFacts, *, subjects: Iterable[Identifier]
) -> dict[Identifier, _Standing]:
    """What the source says of each subject now: one statement, however many there are."""
    rows = [one.model_dump(mode="json") for one in subjects]
    if not rows:
        return {}
    key = {"kind": sa.Text(), "scheme": sa.Text(), "value": sa.Text()}
    given = recordset(rows, **key)
    found = session.execute(
        sa.select(
            *given.c[*key], sighting.c.effective_at, sighting.c.marker,
            observation.c.observed_at, observation.c.facts, observation.c.same_as,
        )
        .join_from(given, subject, sa.and_(*(subject.c[name] == given.c[name] for name in key)))
        .join(sighting, sa.and_(
            sighting.c.subject_id == subject.c.id, sighting.c.source_id == source.id))
        .join(observation, observation.c.id == sighting.c.observation_id)
    )  # fmt: skip
    return {
        Identifier(kind=row.kind, scheme=row.scheme, value=row.value): _Standing(
            Known(
                row.facts or {},
                read_times(row.marker),
                tuple(Identifier.model_validate(one) for one in row.same_as),
                row.observed_at,
            ),
            row.effective_at,
        )
        for row in found
    }


def _document(
    events: Sequence[Heard], standing: _Standing | None, *, now: datetime
) -> dict[str, Any] | None:
    """The observation that holds all of it; None where nothing is new."""
    before = standing.known if standing else NOTHING
    after = before
    for one in events:
        after = add(after, one)
    if standing and (after.facts, after.times, _names(after)) == (
        before.facts, before.times, _names(before)
    ):  # fmt: skip
        return None
    observed_at = min(max(one.at for one in events), now)
    if standing and observed_at <= standing.effective_at:
        observed_at = standing.effective_at + TICK  # what is known grows, it never goes back
        if observed_at > now:
            raise Moved
    return {
        "subject": events[0].subject.model_dump(mode="json"),
        "observed_at": instant_text(observed_at),
        "facts": after.facts,
        "same_as": [one.model_dump(mode="json") for one in after.same_as],
        "marker": write_times(after.times),
    }


def _names(known: Known) -> list[str]:
    return sorted(str(one) for one in known.same_as)


def _record(
    session: Session,
    source: SourceFacts,
    *,
    documents: Sequence[Mapping[str, Any]],
    unchanged: int,
    cause: Cause,
) -> Added:
    """Batches no larger than anybody else's."""
    recorded, refused = 0, list[Refusal]()
    for start in range(0, len(documents), LIMITS.observations):
        some = documents[start : start + LIMITS.observations]
        receipt = record_batch(session, some, source=source, cause=cause).receipt
        recorded += receipt.recorded
        refused += receipt.refused
    return Added(recorded, unchanged - recorded - len(refused), tuple(refused))


def read_now(session: Session) -> datetime:
    """When this transaction began, by the database's clock."""
    now: datetime = session.execute(sa.select(sa.func.now().cast(Timestamp))).scalar_one()
    return now
