"""What the catalog tells other systems: types of events, and what each says (docs/events.md)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from schemas.strict import Instant, Json, Line, Word


class EventType(StrEnum):
    """The word in an event's `type`, and in the types that a receiver asks for."""

    TIER_CHANGED = "tier.changed"
    REVIEW_DUE = "review.due"
    REVIEW_OVERDUE = "review.overdue"
    REVIEW_DECIDED = "review.decided"
    CONTROL_FAILED = "control.failed"
    FINDING_OPENED = "finding.opened"
    CONCESSION_ENDED = "concession.ended"
    DEPLOYMENT_UNREGISTERED = "deployment.unregistered"
    RECEIVER_TEST = "receiver.test"


class EventData(BaseModel):
    """What all data hold. Later releases may add members, never take one away or change it."""

    model_config = ConfigDict(extra="allow", frozen=True)

    namespace: Word | None
    model_id: UUID | None


class TierChanged(EventData):
    """A model's tier, its status or the tier of its reviews is another one than before."""

    before: dict[str, Json]
    after: dict[str, Json]


class ReviewClock(EventData):
    """A review's time runs out, or has run out."""

    review: UUID
    kind: Word
    version: Line
    due_at: Instant
    reviewer: Word | None
    workflow_tier: Word


class ReviewDecided(EventData):
    """Somebody decided a review."""

    review: UUID
    kind: Word
    version: Line
    outcome: Word
    tier_confirmed: bool
    decided_at: Instant


class ControlFailed(EventData):
    """A control fails that did not fail before."""

    control: Word
    severity: Word


class FindingOpened(EventData):
    """Something has to be mended; what, those read who may."""

    finding: UUID
    severity: Word
    due_at: Instant


class ConcessionEnded(EventData):
    """A waiver, exception, override or exemption holds no more."""

    what: Literal["waiver", "exception", "override", "exemption"]
    id: UUID
    state: Literal["LAPSED", "REVOKED"]
    expires_at: Instant


class DeploymentUnregistered(EventData):
    """Something runs that no registry, manifest or build accounts for, or for one more reason."""

    deployment: UUID
    name: Line
    model: Line | None
    environment: Line | None
    environment_class: Word | None
    causes: tuple[Word, ...]
    sources: tuple[Word, ...]


class ReceiverTest(EventData):
    """Somebody tries whether deliveries arrive."""

    receiver: Word
    asked_by: Word


DATA: Final[Mapping[EventType, type[EventData]]] = {
    EventType.TIER_CHANGED: TierChanged,
    EventType.REVIEW_DUE: ReviewClock,
    EventType.REVIEW_OVERDUE: ReviewClock,
    EventType.REVIEW_DECIDED: ReviewDecided,
    EventType.CONTROL_FAILED: ControlFailed,
    EventType.FINDING_OPENED: FindingOpened,
    EventType.CONCESSION_ENDED: ConcessionEnded,
    EventType.DEPLOYMENT_UNREGISTERED: DeploymentUnregistered,
    EventType.RECEIVER_TEST: ReceiverTest,
}
