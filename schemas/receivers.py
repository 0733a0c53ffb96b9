"""Receivers of events: where they go, and what became of each delivery."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from schemas.access import Namespaces, Reason
from schemas.catalog import Paging
from schemas.events import EventType
from schemas.queries import AnyOf, Dialect, Moment
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

DeliveryState = Literal["waiting", "delivered", "failed"]
ReceiverName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Url = Annotated[Line, Field(min_length=1, max_length=2_000)]


def _each_once(types: tuple[EventType, ...]) -> tuple[EventType, ...]:
    if len(set(types)) < len(types):
        raise ValueError("must name each type once")
    return types


Types = Annotated[tuple[EventType, ...], AfterValidator(_each_once)]


class Wanted(Closed):
    """Where events go and which of them. No types: all; no namespaces: all."""

    url: Url
    types: Types = ()
    namespaces: Namespaces | None = None
    reason: Reason


class MakeReceiver(Wanted):
    """A new receiver. Its name never changes: its secrets derive from it."""

    name: ReceiverName


class ChangeReceiver(Wanted):
    """How a receiver is to be from now on; one that is not enabled gets nothing."""

    enabled: Flag = True


class ReceiverShown(Closed):
    """A receiver, never its secret, and how its deliveries stand.

    `secret_version` says which derived secret signs; until `previous_signs_until` the one before
    signs too. `failing_since`: no delivery has arrived since then, and some have been tried.
    """

    name: Word
    url: Line
    types: tuple[Word, ...]
    namespaces: tuple[Word, ...] | None
    enabled: Flag
    secret_version: Count
    rotated_at: Instant | None
    previous_signs_until: Instant | None
    failing_since: Instant | None
    waiting: Count
    failed: Count
    last_delivered_at: Instant | None


class ReceiverSecret(ReceiverShown):
    """A receiver with a secret that is new. It is shown this once: null where it is repeated."""

    secret: Line | None


class DeliveryFilters(Closed):
    """Which deliveries of a receiver: by state, by type, of events since when and until when."""

    state: AnyOf[DeliveryState] | None = None
    type: AnyOf[EventType] | None = None
    since: Moment | None = None
    until: Moment | None = None


class OutgoingQuery(DeliveryFilters, Paging):
    """All query parameters of the pages of a receiver's deliveries."""


class OutgoingExport(DeliveryFilters):
    """All query parameters of a file of a receiver's deliveries."""

    dialect: Dialect = "plain"


class OutgoingDelivery(Closed):
    """One event for one receiver: how often it was tried, when again, and what was answered.

    `event` is the `webhook-id` of every try. `next_at` is null once nothing is tried any more.
    """

    event: UUID
    type: Word
    subject: Text
    namespace: Word | None
    at: Instant
    state: DeliveryState
    attempts: Count
    next_at: Instant | None
    last_at: Instant | None
    last_status: Count | None
    last_error: Text | None
    delivered_at: Instant | None


class ReplayDeliveries(Closed):
    """Which events are sent again: those from `since` up to `until`; of these, what failed alone.

    Events that came while the receiver was disabled, or before it was made, are among them.
    """

    since: Instant
    until: Instant
    failed_only: Flag = False
    reason: Reason

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.until <= self.since:
            raise ValueError("until must come after since")
        return self


class Replayed(Closed):
    """How many deliveries wait now that did not before."""

    deliveries: Count
