"""One execution of a harvester on a source: opened, kept alive, closed with a report."""

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from schemas.hooks import About
from schemas.identifiers import Identifier
from schemas.masking import mask_secrets
from schemas.strict import Closed, Count, Flag, Instant, Line, Number, Text, Word

LONGEST_CURSOR: Final = 65_536
UUID_VERSION: Final = 7


class Coverage(StrEnum):
    """What a harvest claims to have seen of its scope."""

    FULL = "full"  # everything
    DELTA = "delta"  # what changed, or what it was asked for


class Outcome(StrEnum):
    """How a harvest ended; one that never closes expires as failed."""

    COMPLETE = "complete"
    FAILED = "failed"


def _time_ordered(identifier: UUID) -> UUID:
    if identifier.version != UUID_VERSION:
        raise ValueError("must be a UUID of version 7, made by the client")
    return identifier


HarvestId = Annotated[UUID, AfterValidator(_time_ordered)]
Scope = Annotated[Word, StringConstraints(max_length=200)]
Cursor = Annotated[Text, StringConstraints(max_length=LONGEST_CURSOR)]


class OpenHarvest(Closed):
    """What a harvester is about to read. The same id may be opened again and answers the same.

    `follows`: what the hints that it follows are about, none for `[]`; left out, it may be all.
    """

    harvest: HarvestId
    scope: Scope
    coverage: Coverage
    harvester_version: Word
    follows: Annotated[tuple[About, ...], Field(max_length=10)] | None = None


class Limits(Closed):
    """How much one request may carry."""

    observations: Count = 1_000
    sightings: Count = 5_000
    bytes: Count = 8 * 1024 * 1024


class HarvestOpened(Closed):
    """The harvest may begin; `cursor` is that of the last complete one of scope and coverage."""

    harvest: HarvestId
    cursor: Cursor | None
    limits: Limits
    lease_until: Instant
    dry_run: Flag = False
    ever_seen: Flag = False  # the scope has live subjects: an empty listing cannot be the truth


class Skipped(Closed):
    """A record that could not be read, or a thing that the source would not show."""

    code: Word
    message: Annotated[Text, AfterValidator(mask_secrets)]
    pointer: Text = ""
    subject: Identifier | None = None


class CloseHarvest(Closed):
    """How a harvest ended. The cursor is stored with the report, and only when complete.

    `hints`: those of webhooks that it followed, settled when it is complete.
    """

    outcome: Outcome
    cursor: Cursor | None = None
    skipped: Annotated[tuple[Skipped, ...], Field(max_length=10_000)] = ()
    counts: dict[Word, Count] = Field(
        default={}
    )  # what the harvester left out on purpose, by reason
    error: Text | None = None
    hints: Annotated[tuple[Count, ...], Field(max_length=1_000)] = ()


class PlannedChange(Closed):
    """One field that a dry run, or a held-back harvest, would change."""

    entry: Line | None
    kind: Word
    field: Word | None = None
    old: JsonValue = None
    new: JsonValue = None


class HarvestReport(Closed):
    """What a harvest did, or would have done."""

    harvest: UUID
    source: Word
    scope: Scope
    coverage: Coverage
    outcome: Outcome
    error: Text | None = None
    dry_run: Flag = False
    opened_at: Instant
    closed_at: Instant
    seconds: Number
    seen: Count = 0
    created: Count = 0
    changed: Count = 0
    unchanged: Count = 0
    unseen: Count = 0
    retired: Count = 0
    held_back: Count = 0
    conflicts: Count = 0
    refused: Count = 0
    ahead: Count = 0  # observed, by the harvester's clock, after they were recorded
    skipped: tuple[Skipped, ...] = ()
    counts: dict[Word, Count] = Field(default={})
    plan: tuple[PlannedChange, ...] = ()


class KnownSubject(Closed):
    """A live subject of a scope, with what is current about it."""

    subject: Identifier
    digest: Word
    marker: Line | None = None


class SubjectPage(Closed):
    """Live subjects of a harvest's scope; ask again with the token until there is none."""

    subjects: tuple[KnownSubject, ...]
    next_page_token: Word | None = None
