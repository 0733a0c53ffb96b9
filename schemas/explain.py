"""What the catalog answers to the question why something is, or is not, in it."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, JsonValue

from schemas.operations import CoverageRow
from schemas.strict import Closed, Count, Instant, Line, Text, Word

Given = Annotated[Line, Field(min_length=1, max_length=1_200)]


class ExplainQuery(Closed):
    """What to explain: exactly one of these.

    `mlflow` is `source/workspace/name`, with the version's number behind it for a version; `run` a
    training run's id, alone or as `source/workspace/id`; `model` is `namespace/name`; `identifier`
    is `scheme:value`, or `kind:scheme:value`; `source` a source's name.
    """

    mlflow: Given | None = None
    run: Given | None = None
    model: Given | None = None
    repository: Given | None = None
    dataset: Given | None = None
    image: Given | None = None
    digest: Given | None = None
    identifier: Given | None = None
    source: Given | None = None


Verdict = Literal[
    "in_catalog", "merged", "held_back", "referred_to", "gone", "replaced",  # there, or once there
    "contested", "quarantined", "excluded", "not_visible", "unreadable",  # heard of, and left out
    "never_seen", "failing", "never_harvested", "disabled", "unknown_source", "unknown",
    "harvested", "late", "pushed",  # of a source
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


class ExplainedPlan(Closed):
    """A harvest that would retire it, among too many others to be believed: a person decides."""

    item: Count  # in the quarantine
    source: Word
    scope: Word
    harvest: UUID | None
    held_at: Instant


class ExplainedSkip(Closed):
    """What the last harvest of a scope said instead of reading it."""

    source: Word
    scope: Word
    harvest: UUID
    code: Word
    message: Text
    closed_at: Instant


class ExplainedDecision(Closed):
    """A merge, a replacement, a merge that waits for a person, or one that was taken back."""

    op: Word
    entry: UUID
    other: UUID | None
    decided_at: Instant
    lifted_at: Instant | None = None
    reason: str | None = None
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
    held_back: tuple[ExplainedPlan, ...]
    skipped: tuple[ExplainedSkip, ...]
    decisions: tuple[ExplainedDecision, ...]
    filtered_by: tuple[ExplainedRule, ...]
    coverage: tuple[CoverageRow, ...]
