"""What waits for a decision: refused records and held-back harvests, and what is decided."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from schemas.catalog import Paging
from schemas.harvest import Coverage
from schemas.queries import AnyOf, Dialect, Several
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

What = Literal["refused", "held_back"]
Resolution = Literal["settled", "superseded", "released", "dropped", "retried"]


class QuarantineFilters(Closed):
    """Which items: of which source, with which code, of which kind; open ones unless told else."""

    source: Several | None = None
    code: Several | None = None
    what: AnyOf[What] | None = None
    state: AnyOf[Literal["open", "resolved"]] = ("open",)


class QuarantineQuery(QuarantineFilters, Paging):
    """All query parameters of the pages of quarantine."""


class QuarantineExport(QuarantineFilters):
    """All query parameters of a file of quarantine."""

    dialect: Dialect = "plain"


class PlanQuery(Paging):
    """Which part of a plan."""


class PlanHead(Closed):
    """What a held-back harvest would do, in figures; its entries are pages of their own.

    `gone` and `missed` count subjects: the source said that they are not there, or they were missed
    too often. `retired` entries would be gone; `changed` ones stay, since other sources show them.
    """

    scope: Line
    coverage: Coverage
    opened_at: Instant
    gone: Count
    missed: Count
    entries: Count
    retired: Count
    changed: Count


class QuarantineRow(Closed):
    """A record that was refused, or a harvest's retirements that were held back.

    `payload` is what was sent as JSON text, secrets masked, cut at 65,536 characters; in lists at
    2,000. `retriable`: it is whole, and can be recorded without its harvester.
    """

    id: Count
    what: Line
    source: Word
    subject: Text | None
    pointer: Text
    code: Word
    message: Text
    times: Count
    first_at: Instant
    last_at: Instant
    harvest_id: UUID | None
    harvester_version: Line | None
    retriable: Flag
    payload: str
    plan: PlanHead | None
    resolution: Resolution | None
    resolved_at: Instant | None
    resolved_by: Line | None
    reason: Text | None
    url: Line


class PlannedSubject(Closed):
    """An identifier that the source no longer shows, and since when it would be gone."""

    subject: Text
    why: Literal["gone", "missed"]
    since: Instant


class PlannedField(Closed):
    """A field that would change."""

    field: Line
    old: JsonValue = None
    new: JsonValue = None


class PlannedEntry(Closed):
    """An entry that a plan concerns, and each field of it that would change."""

    entry: UUID
    kind: Line
    name: Text
    subjects: tuple[PlannedSubject, ...] = ()
    changes: tuple[PlannedField, ...]


class MovedEntry(Closed):
    """An entry that is not as it was when the plan was made: why, and since when."""

    entry: UUID
    name: Text
    why: Literal["seen_again", "gone_already", "other_entry", "changed", "let_go", "under_way"]
    since: Instant | None


class Decide(Closed):
    """Why a person decides so."""

    reason: Annotated[Text, Field(min_length=1, max_length=2_000)]


class DecideQuery(Closed):
    """Whether only to try it."""

    dry_run: bool = False


class RetryQuery(DecideQuery):
    """Which refused records of a source are tried again: all, or those with some codes.

    `after` is the `next` of the answer before: each request tries so many.
    """

    source: Word
    code: Several | None = None
    after: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] = "0"


class Released(Closed):
    """What releasing a plan did, or would do now.

    `changes` are the first 1,000 entries. A dry run names in `moved` what would refuse it.
    """

    id: Count
    source: Word
    scope: Line
    dry_run: Flag
    retired: Count
    changed: Count
    moved: tuple[MovedEntry, ...]
    changes: tuple[PlannedEntry, ...]


class Retried(Closed):
    """What became of refused records that were tried again; `next`: where to go on, if need be."""

    tried: Count
    recorded: Count
    refused: Count
    next: Count | None = None
