"""What a webhook leaves behind: a hint that something changed, never what it is now."""

from typing import Annotated

from pydantic import Field

from schemas.identifiers import Identifier
from schemas.strict import Closed, Count, Instant, Line, Word


class Hint(Closed):
    """A repository that may have changed. `repository` is its host's number for it, if it was told.

    Without number and URL the listing may have changed. A harvest reads it again and, once
    complete, says that the hint is settled.
    """

    id: Count
    event: Word
    repository: Identifier | None = None
    url: Line | None = None
    received_at: Instant


class Hints(Closed):
    """What is open of one source, the oldest first; the rest comes when these are settled."""

    hints: Annotated[tuple[Hint, ...], Field(max_length=1_000)]


class WebhookState(Closed):
    """How the webhooks of a source stand. `last_delivery_at` is null as long as none has come."""

    last_delivery_at: Instant | None
    waiting: Count
    parked: Count
    open_hints: Count
