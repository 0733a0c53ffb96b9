"""What a webhook leaves behind: a hint that something changed, never what it is now."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.identifiers import Identifier
from schemas.strict import Closed, Count, Instant, Line, Word

About = Literal["repository", "build", "deployment", "release", "model"]


class Hint(Closed):
    """Something that may have changed: in a repository, by its host's number, or a thing itself.

    `thing` is the build, model or version, if it was told. Without number, URL and thing the
    listing may have changed. A harvest reads it again and, once complete, says that the hint is
    settled.
    """

    id: Count
    about: About = "repository"
    event: Word
    repository: Identifier | None = None
    thing: Identifier | None = None
    url: Line | None = None
    received_at: Instant


class Hints(Closed):
    """What is open of one source, the oldest first; the rest comes when these are settled."""

    hints: Annotated[tuple[Hint, ...], Field(max_length=1_000)]


class WebhookState(Closed):
    """How the webhooks of a source stand. `last_delivery_at` is null as long as none has come.

    `unfollowed`: hints of the last week that no harvest settled: nothing of the source reads what
    they are about, or it was not to be seen.
    """

    last_delivery_at: Instant | None
    waiting: Count
    parked: Count
    open_hints: Count
    unfollowed: Count = 0
