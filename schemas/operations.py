"""What the catalog answers about its own operation: harvests, refusals, coverage, namespaces."""

from typing import Literal
from uuid import UUID

from schemas.catalog import Paging
from schemas.harvest import Coverage, HarvestReport, Outcome
from schemas.queries import AnyOf, Dialect, Moment, Several
from schemas.strict import Closed, Count, Flag, Instant, Line, Number, Text, Word


class HarvestFilters(Closed):
    """Which harvests of a source: how they ended, of which scope, opened since when.

    A running one has no outcome yet.
    """

    outcome: AnyOf[Literal["complete", "failed", "running"]] | None = None
    scope: Several | None = None
    since: Moment | None = None


class HarvestQuery(HarvestFilters, Paging):
    """All query parameters of the pages of harvests."""


class HarvestExport(HarvestFilters):
    """All query parameters of a file of harvests."""

    dialect: Dialect = "plain"


class HarvestRow(Closed):
    """One harvest; in a list its report holds the first ten of what was skipped, and no plan."""

    id: UUID
    source: Word
    scope: Word
    coverage: Coverage
    harvester_version: Word
    dry_run: bool
    opened_at: Instant
    closed_at: Instant | None
    lease_until: Instant
    outcome: Outcome | None
    url: Line
    report: HarvestReport | None


CoverageState = Literal["on_time", "late", "never", "pushed", "disabled"]


class CoverageFilters(Closed):
    """Which parts of which sources."""

    source: Several | None = None
    state: AnyOf[CoverageState] | None = None


class CoverageQuery(CoverageFilters, Paging):
    """All query parameters of the pages of coverage."""


class CoverageExport(CoverageFilters):
    """All query parameters of a file of coverage."""

    dialect: Dialect = "plain"


class CoverageRow(Closed):
    """One scope of a source: when it was last read completely, and what it cannot see.

    `late`: nothing was complete for two of the source's intervals; its facts are stale. A source
    without a scope was never harvested. `refused`, `ahead` (observed by a clock ahead of ours),
    `skipped` (by code) and `left_out` (by reason: what is excluded on purpose) are of its last
    report, `error` too when it failed. `held_back_open` and `refused_open` wait in quarantine
    until somebody settles them; `pushed_refused_open` of the whole source came without a harvest.
    Of what the whole source says of deployments, `unregistered_deployments` are not accounted for;
    of what it says is in production no serving source sees the `ghosts`, and nobody could see what
    is `not_observable`; explanations leave the three null.
    """

    source: Word
    source_kind: Word
    namespace: Word
    scope: Word | None
    state: CoverageState
    expected_interval_seconds: Count
    last_complete_at: Instant | None
    last_full_at: Instant | None
    due_at: Instant | None
    age_seconds: Count | None
    last_outcome: Outcome | None
    last_closed_at: Instant | None
    seen: Count
    unseen: Count
    held_back: Count
    refused: Count
    ahead: Count
    skipped: dict[str, Count]
    left_out: dict[str, Count]
    error: Text | None
    held_back_open: Count
    refused_open: Count
    pushed_refused_open: Count
    unregistered_deployments: Count | None
    ghosts: Count | None
    not_observable: Count | None


class SourceExport(Closed):
    """All query parameters of a file of sources."""

    dialect: Dialect = "plain"


class SourceLine(Closed):
    """A source in a file: what is declared of it, and how its scopes stand."""

    source: Word
    kind: Word
    namespace: Word
    namespaces: dict[str, Word]
    may_name: tuple[Word, ...]
    precedence: Count
    field_precedence: dict[str, Count]
    expected_interval_seconds: Count
    absences: Count
    held_back_share: Number
    held_back_count: Count
    credential: Word | None
    webhook_secret: Word | None
    may_grant_ownership: Flag
    enabled: Flag
    scopes: Count
    late_scopes: tuple[Word, ...]
    last_complete_at: Instant | None


class NamespaceQuery(Paging):
    """All query parameters of the list of namespaces."""

    as_of: Moment | None = None


class HeldThere(Closed):
    """An account's role; `everywhere`: held in all namespaces."""

    account: Word
    role: Word
    everywhere: Flag


class NamespaceRow(Closed):
    """A namespace, how much that is not gone the caller may see in it, and who may do what there.

    Auditors and admins see the roles of all enabled accounts, others their own; at most 100, as of
    the sources that may name things there: `/role-grants` pages through all of them.
    """

    namespace: Word
    models: Count
    versions: Count
    uses: Count
    deployments: Count
    sources: Count
    roles: tuple[HeldThere, ...]
    named_by: tuple[Word, ...]
