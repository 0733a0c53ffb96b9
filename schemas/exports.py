"""Bundles that are asked for, built and kept; their schedules; and the log of all that went out."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.bundles import Digest, Profile
from schemas.catalog import Paging
from schemas.queries import AnyOf, Dialect, Moment, Name
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

ExportState = Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED", "EXPIRED"]
Every = Literal["month", "quarter", "year"]
Op = Literal["request", "cancel", "build", "download", "stream", "schedule", "unschedule"]
ScheduleName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Conditions = Annotated[dict[Word, Name], Field(max_length=100)]  # as in the list's address


class ExportWanted(Closed):
    """What a bundle is to be of; `filters` are those of the models' list, as texts."""

    profile: Profile = "models"
    dialect: Dialect = "plain"
    filters: Conditions = Field(default_factory=dict)


class RequestExport(ExportWanted):
    """A bundle that is asked for.

    Without `as_of` it is of the latest moment that nobody can change any more; `known_at`, until
    when was learned of it, is the present; `since` begins what changed.
    """

    as_of: Moment | None = None
    known_at: Moment | None = None
    since: Moment | None = None


class ExportProgress(Closed):
    """The file that is being written, and how many of its records are; then how many all have."""

    file: Line
    records: Count


class ExportShown(Closed):
    """A bundle, from the request to its end. `error` is of the last try.

    `bundle_url` is where it is while the state is DONE. Asked for again with the same moments and
    filters, an EXPIRED one has the same files.
    """

    id: UUID
    url: Line
    state: ExportState
    profile: Profile
    dialect: Dialect
    filters: dict[Line, Text]
    as_of: Instant
    known_at: Instant
    since: Instant | None
    file_name: Line
    schedule: Word | None
    period: Word | None
    progress: ExportProgress
    tries: Count
    asked_by: Word
    asked_at: Instant
    begun_at: Instant | None
    done_at: Instant | None
    expires_at: Instant | None
    size: Count | None
    sha256: Digest | None
    content_digest: Digest | None
    error: Text | None
    bundle_url: Line | None


class ExportFilters(Closed):
    """Which bundles."""

    state: AnyOf[ExportState] | None = None
    profile: AnyOf[Profile] | None = None
    schedule: AnyOf[ScheduleName] | None = None


class ExportQuery(ExportFilters, Paging):
    """All query parameters of the pages of bundles."""


class ExportsExport(ExportFilters):
    """All query parameters of a file of bundles."""

    dialect: Dialect = "plain"


class PutSchedule(ExportWanted):
    """A bundle of each period's end, as soon as that is settled."""

    every: Every
    enabled: Flag = True


class ScheduleShown(Closed):
    """A schedule; `next_period` is the one that is exported next, `due_at` its end."""

    name: ScheduleName
    url: Line
    profile: Profile
    dialect: Dialect
    filters: dict[Line, Text]
    every: Every
    enabled: Flag
    account: Word
    next_period: Word
    due_at: Instant
    last_export: UUID | None


class ExportLogFilters(Closed):
    """Which lines of the log."""

    op: AnyOf[Op] | None = None
    who: Name | None = None
    since: Moment | None = None


class ExportLogQuery(ExportLogFilters, Paging):
    """All query parameters of the pages of the log."""


class ExportLogExport(ExportLogFilters):
    """All query parameters of a file of the log."""

    dialect: Dialect = "plain"


class ExportLogRow(Closed):
    """What was done with an export, and by whom.

    `complete`: it got to its end. Else `rows`, `bytes` and `sha256` are of what was sent until
    then. `asked` are the filters, and the namespaces that its reader may see.
    """

    id: Count
    at: Instant
    op: Op
    who: Word
    who_kind: Word
    export: UUID | None
    file: Line
    asked: dict[str, Text]
    as_of: Instant | None
    rows: Count | None
    bytes: Count | None
    sha256: Digest | None
    complete: Flag
    reason: Text | None
    request: Line | None
