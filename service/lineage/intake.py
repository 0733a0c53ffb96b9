"""Events of OpenLineage on their way in: each is read by itself, then all are recorded at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier
from schemas.lineage import EventFailure, LineageReceipt, LineageSummary
from schemas.problem import FieldProblem
from service.errors import Invalid, TooLarge
from service.ingest.sources import SourceFacts
from service.ingest.tables import SourceRow
from service.ledger.change import Cause
from service.lineage.adding import Added, add_heard, read_now
from service.lineage.heard import Heard
from service.lineage.mlflow_runs import join_runs
from service.lineage.openlineage import read_event
from service.lineage.stating import EventRefused
from service.loader import load_json

ZONE: Final = "zone"  # setting of a source whose times have no zone: `UTC`
MOST_EVENTS: Final = 1_000


class Sender(NamedTuple):
    """The source that posts, and its settings."""

    name: str
    settings: Mapping[str, Any]


class Reading(NamedTuple):
    """What was read of some events."""

    heard: tuple[Heard, ...] = ()
    failed: tuple[EventFailure, ...] = ()
    columns: int = 0
    spoken: Mapping[Identifier, int] = {}  # who spoke of a thing first


def read_batch(body: bytes) -> list[Any]:
    """The events of a batch, each still unread. Raises `BadRequest`, `Invalid`, `TooLarge`."""
    events = load_json(body)
    if not isinstance(events, list):
        problem = FieldProblem(pointer="", message="must be a list of events", fix="")
        raise Invalid(problem)
    check_number(events)
    return events


def check_number(events: Sequence[Any]) -> None:
    """Raises `TooLarge`."""
    if len(events) > MOST_EVENTS:
        raise TooLarge(detail=f"At most {MOST_EVENTS:,} events a batch.")


def receipt_of(events: Sequence[Any], *, reading: Reading, added: Added) -> LineageReceipt:
    """What became of events."""
    lost = {failure.index: failure for failure in unrecorded(added, reading.spoken)}
    lost |= {failure.index: failure for failure in reading.failed}
    return LineageReceipt(
        status="success" if not lost else "failed" if len(lost) == len(events) else "partial",
        summary=LineageSummary(
            received=len(events), successful=len(events) - len(lost), failed=len(lost),
            recorded=added.recorded, unchanged=added.unchanged, column_lineage=reading.columns,
        ),
        failed_events=tuple(lost[index] for index in sorted(lost)),
    )  # fmt: skip


def read_sender(session: Session, source: SourceFacts) -> Sender:
    """A source with its settings."""
    table = SourceRow.__table__
    settings = session.execute(sa.select(table.c.settings).where(table.c.id == source.id))
    return Sender(source.name, settings.scalar_one())


def read_events(events: Sequence[Any], sender: Sender, *, now: datetime) -> Reading:
    """Each event by itself."""
    heard: list[Heard] = []
    failed: list[EventFailure] = []
    columns = 0
    spoken: dict[Identifier, int] = {}
    zone = sender.settings.get(ZONE)
    for index, event in enumerate(events):
        try:
            told = read_event(event, source=sender.name, zone=zone, now=now)
        except EventRefused as refused:
            failed.append(failure(index, refused))
            continue
        heard += told.heard
        columns += told.columns
        for one in told.heard:
            spoken.setdefault(one.subject, index)
    return Reading(tuple(heard), tuple(failed), columns, spoken)


def failure(index: int, refused: EventRefused) -> EventFailure:
    """A refused event as a receipt tells it."""
    problem = refused.problem
    return EventFailure(
        index=index, pointer=problem.pointer, reason=problem.message, fix=problem.fix
    )


def record(
    session: Session, source: SourceFacts, *, reading: Reading, sender: Sender, cause: Cause
) -> Added:
    """Add what was read to what the source said before."""
    joined = join_runs(session, heard=reading.heard, settings=sender.settings)
    now = read_now(session)
    return add_heard(session, source, heard=joined, now=now, cause=cause)


def unrecorded(added: Added, spoken: Mapping[Identifier, int]) -> list[EventFailure]:
    """What could be read and not be recorded, by the event that spoke of it first."""
    return [
        EventFailure(index=spoken[about], pointer=refusal.pointer, reason=refusal.message)
        for refusal in added.refused
        if (about := refusal.subject) is not None and about in spoken
    ]
