"""What the catalog reports of itself: how long things take to reach it, what nobody could tell."""

from typing import Literal
from uuid import UUID

from schemas.catalog import Page, Paging
from schemas.queries import AnyOf, Counting, Dialect, Moment, Several
from schemas.strict import Closed, Count, Instant, Line, Number, Text, Word

Timed = Literal["model", "version", "training_run", "repository", "build", "deployment"]
Part = Literal["overall", "source_and_kind", "week"]


class TimingFilters(Closed):
    """Which events: of which sources and kinds, in which namespaces, since when (12 weeks)."""

    source: Several | None = None
    kind: AnyOf[Timed] | None = None
    namespace: Several | None = None
    since: Moment | None = None


class TimingQuery(TimingFilters, Paging):
    """All query parameters of the report's pages."""


class TimingExport(TimingFilters):
    """All query parameters of the report's files."""

    dialect: Dialect = "plain"


class TimingRow(Closed):
    """How long events took to become an entry, in seconds: of all, of a source and kind, by week.

    `week` is the event's, as ISO 8601 has it, in UTC. `backfilled` happened before the source's
    first complete harvest, `ahead` lies in the future of its entry; neither is in the figures.
    """

    part: Part
    source: Word | None
    kind: Timed | None
    week: Word | None
    count: Count
    p50: Number | None
    p90: Number | None
    p95: Number | None
    p99: Number | None
    max: Number | None
    backfilled: Count
    ahead: Count


Unknown = Literal[
    "model_without_owner", "model_without_data", "model_without_build",
    "version_without_training_run", "version_without_data", "version_without_build",
    "deployment_without_version", "repository_without_manifest", "stub", "owner_left",
    "source_not_permitted", "source_never_harvested", "source_disabled", "scope_never_complete",
    "scope_late", "namespace_unmapped",
]  # fmt: skip


class UnknownFilters(Closed):
    """Which unknowns: of which kind, in which namespaces, of which sources or owners."""

    what: AnyOf[Unknown] | None = None
    namespace: Several | None = None
    source: Several | None = None
    owner: Several | None = None


class UnknownQuery(UnknownFilters, Paging):
    """All query parameters of the report's pages."""

    count: Counting | None = None


class UnknownExport(UnknownFilters):
    """All query parameters of the report's files."""

    dialect: Dialect = "plain"


class UnknownRow(Closed):
    """Something that no source could tell, about an entry or about a part of a source.

    `why` says what is missing, `todo` what would tell it.
    """

    what: Unknown
    kind: Word | None
    entry: UUID | None
    name: Line | None
    namespace: Word | None
    url: Line | None
    source: Word | None
    scope: Word | None
    owner: Line | None
    since: Instant | None
    why: Text
    todo: Text


class UnknownPage(Page[UnknownRow]):
    """A part of the report; `totals`, when they are asked for, count all of it by what it is."""

    totals: dict[Unknown, Count] | None = None
