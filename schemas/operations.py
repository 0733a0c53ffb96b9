"""What the catalog answers about its own operation: harvests, refusals, coverage, namespaces."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from schemas.catalog import Paging
from schemas.harvest import Coverage, HarvestReport, Outcome
from schemas.queries import AnyOf, Moment, Several
from schemas.strict import Closed, Count, Instant, Line, Text, Word


class HarvestQuery(Paging):
    """Which harvests of a source: how they ended, of which scope, opened since when.

    A running one has no outcome yet.
    """

    outcome: AnyOf[Literal["complete", "failed", "running"]] | None = None
    scope: Several | None = None
    since: Moment | None = None


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


class QuarantineQuery(Paging):
    """Which refusals and held-back plans: of which source, with which code, of which kind."""

    source: Several | None = None
    code: Several | None = None
    what: AnyOf[Literal["refused", "held_back"]] | None = None


class QuarantineRow(Closed):
    """A record that was refused, or a plan that was held back, and nobody has settled yet.

    `payload` is what was sent as JSON text, secrets masked, cut at 65,536 characters.
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
    payload: str


CoverageState = Literal["on_time", "late", "never", "pushed", "disabled"]


class CoverageQuery(Paging):
    """Which parts of which sources."""

    source: Several | None = None
    state: AnyOf[CoverageState] | None = None


class CoverageRow(Closed):
    """One scope of a source: when it was last read completely, and what it cannot see.

    `late`: nothing was complete for two of the source's intervals. A source without a scope was
    never harvested. `refused`, `skipped` (by code) and `left_out` (by reason: what is excluded on
    purpose) are of its last report.
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
    skipped: dict[str, Count]
    left_out: dict[str, Count]


class NamespaceRow(Closed):
    """A namespace, and how much that is not gone the caller may see in it."""

    namespace: Word
    models: Count
    versions: Count
    uses: Count
    deployments: Count
    sources: Count


Given = Annotated[Line, Field(min_length=1, max_length=1_200)]


class ExplainQuery(Closed):
    """What to explain: exactly one of these.

    `mlflow` is `source/workspace/name`, with the version's number behind it for a version;
    `model` is `namespace/name`; `identifier` is `scheme:value`, or `kind:scheme:value`.
    """

    mlflow: Given | None = None
    model: Given | None = None
    repository: Given | None = None
    dataset: Given | None = None
    image: Given | None = None
    digest: Given | None = None
    identifier: Given | None = None


Verdict = Literal[
    "in_catalog", "gone", "referred_to", "replaced", "quarantined", "excluded", "never_seen",
    "failing", "never_harvested", "disabled", "unknown_source", "unknown",
]  # fmt: skip


class ExplainedEntry(Closed):
    """An entry that is meant, and what became of it."""

    id: UUID
    kind: Word
    name: Line | None
    url: Line | None
    stub: bool
    first_seen_at: Instant
    gone_since: Instant | None
    merged_into: UUID | None
    replaced_by: UUID | None


class ExplainedSighting(Closed):
    """What one source says about one of its identifiers, and which harvest brought it.

    `confirmed_at`: the last time that a complete full harvest, or a push, showed it.
    """

    identifier: Line
    source: Word
    scope: Word | None
    first_seen: Instant
    observed_at: Instant
    confirmed_at: Instant
    harvest: UUID | None
    missed_harvests: Count
    unseen_since: Instant | None
    gone_since: Instant | None


class ExplainedRefusal(Closed):
    """A record about it that was refused."""

    source: Word
    subject: Text | None
    code: Word
    pointer: Text
    message: Text
    times: Count
    first_at: Instant
    last_at: Instant
    settled_at: Instant | None


class ExplainedDecision(Closed):
    """A merge, a replacement, or a merge that waits for a person."""

    op: Word
    entry: UUID
    other: UUID | None
    decided_at: Instant
    evidence: JsonValue


class ExplainedRule(Closed):
    """A rule of its source that leaves it out."""

    source: Word
    setting: Line
    rule: Text


class Explanation(Closed):
    """Why something is, or is not, in the catalog; `summary` says it in a sentence."""

    verdict: Verdict
    summary: Text
    identifiers: tuple[Line, ...]
    entries: tuple[ExplainedEntry, ...]
    sightings: tuple[ExplainedSighting, ...]
    refusals: tuple[ExplainedRefusal, ...]
    decisions: tuple[ExplainedDecision, ...]
    filtered_by: tuple[ExplainedRule, ...]
    coverage: tuple[CoverageRow, ...]
