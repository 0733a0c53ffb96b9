"""Deliveries of webhooks: what one is answered, and how it stands."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.queries import AnyOf
from schemas.strict import Closed, Count, Instant, Line, Word

Taken = Literal["stored", "duplicate", "ping"]
DeliveryState = Literal["waiting", "done", "parked", "dropped"]


class DeliveryTaken(Closed):
    """What became of a delivery: stored (202), or here already, or only a ping (200)."""

    state: Taken
    trace_id: Word


class DeliveryQuery(Closed):
    """Which deliveries of a source: in these states."""

    state: AnyOf[DeliveryState] | None = None


class Delivery(Closed):
    """One delivery: `hints` says how much came of it, `reason` why it failed or was dropped.

    `waiting`: is tried at `next_try_at`. `parked`: failed five times; somebody replays or drops it.
    """

    id: Count
    source: Word
    delivery_id: Word | None
    event: Word
    received_at: Instant
    state: DeliveryState
    tries: Count
    next_try_at: Instant
    processed_at: Instant | None
    hints: Count
    reason: Line | None
    decided_by: Word | None


class Deliveries(Closed):
    """The newest deliveries that match, at most 1,000."""

    deliveries: Annotated[tuple[Delivery, ...], Field(max_length=1_000)]


class DeliveryDecision(Closed):
    """Why somebody replays or drops a delivery."""

    reason: Annotated[Line, Field(min_length=1, max_length=2_000)]
