"""CloudEvents on their way in: what they say of builds and deployments is recorded."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from schemas.identifiers import Identifier
from schemas.lineage import EventFailure, EventReceipt
from service.ingest.sources import SourceFacts
from service.ledger.change import Cause
from service.lineage.adding import Added, add_heard, read_now
from service.lineage.cdevents import TYPE, read_cdevent
from service.lineage.cloudevents import open_envelope
from service.lineage.heard import Heard
from service.lineage.intake import ZONE, Sender, failure, unrecorded
from service.lineage.stating import EventRefused

OTHER: Final = "other"  # types that are nobody's CDEvents are counted together


class Opened:
    """What was read of some events."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.heard, self.failed = list[Heard](), list[EventFailure]()
        self.ignored, self.spoken = Counter[str](), dict[Identifier, int]()


def read_events(events: Sequence[Any], sender: Sender, *, now: datetime) -> Opened:
    """Each event by itself."""
    opened = Opened()
    for index, event in enumerate(events):
        try:
            told = open_envelope(event)
            kind, at = told.attributes["type"], told.attributes.get("time")
            heard = read_cdevent(
                told.data, kind=kind, source=sender.name, at=at, now=now,
                zone=sender.settings.get(ZONE),
            )  # fmt: skip
        except EventRefused as refused:
            opened.failed.append(failure(index, refused))
            continue
        if heard is None:
            opened.ignored[kind if TYPE.fullmatch(kind) else OTHER] += 1
            continue
        opened.heard.append(heard)
        opened.spoken.setdefault(heard.subject, index)
    return opened


def record(session: Session, source: SourceFacts, *, opened: Opened, cause: Cause) -> Added:
    """Add what was read to what the source said before."""
    return add_heard(session, source, heard=opened.heard, now=read_now(session), cause=cause)


def receipt_of(events: Sequence[Any], *, opened: Opened, added: Added) -> EventReceipt:
    """What became of events."""
    failed = (*opened.failed, *unrecorded(added, opened.spoken))
    return EventReceipt(
        received=len(events),
        recorded=added.recorded,
        unchanged=added.unchanged,
        ignored=dict(sorted(opened.ignored.items())),
        failed_events=tuple(sorted(failed, key=lambda one: one.index)),
    )
