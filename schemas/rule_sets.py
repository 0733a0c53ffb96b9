"""Policies and packs of controls as versions: uploaded, previewed, put in force; what that does."""

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from schemas.catalog import Page, Paging
from schemas.queries import AnyOf, Dialect, Several
from schemas.strict import Closed, Count, Flag, Instant, Json, Line, Text, Word

RuleSetState = Literal["DRAFT", "PREVIEWED", "ACTIVE", "SUPERSEDED"]
RulesKind = Literal["policy", "control_pack"]
YAML: Final = "application/yaml"
Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]


class RuleSetQuery(Paging):
    """Which versions: all, unless a state is asked for."""

    state: AnyOf[RuleSetState] | None = None


class RevaluationQuery(Paging):
    """Which evaluations of everything: by policies, by packs, or both."""

    what: AnyOf[RulesKind] | None = None


class Transition(Closed):
    """How many uses, or results of a control, go from one state to another."""

    before: dict[str, Line | None]
    after: dict[str, Line | None]
    count: Count


class PreviewState(Closed):
    """How far a preview is, and what it has found so far.

    It is of these very rules (`digest`) against those in force then (`base`): other rules in force,
    or `valid_until`, end its worth. `done_at` is null while it goes on.
    """

    id: UUID
    digest: Word
    base: Word
    asked_by: Word
    asked_at: Instant
    total: Count
    rated: Count
    changed: Count
    transitions: tuple[Transition, ...]
    done_at: Instant | None
    valid_until: Instant | None


class RevaluationState(Closed):
    """How far everything has been evaluated again by rules that came into force.

    What has not come by yet stands as the rules before had it. `done_at` is null while it goes on:
    the worker, or `model-catalog evaluate`, continues it.
    """

    id: Count
    what: RulesKind
    rules: Word
    asked_by: Word
    asked_at: Instant
    total: Count
    rated: Count
    changed: Count
    done_at: Instant | None


class RuleSetRow(Closed):
    """A version of the rules.

    `effective_from` in the future, with `activated_by`: it comes into force then.
    """

    name: Word
    version: Word
    url: Line
    digest: Word
    state: RuleSetState
    author: Word
    created_at: Instant
    activated_by: Word | None
    activated_at: Instant | None
    effective_from: Instant | None
    superseded_at: Instant | None


class RuleSetShown(RuleSetRow):
    """A version with its text, its newest preview, and how far it is applied to everything."""

    document: Json
    preview: PreviewState | None
    revaluation: RevaluationState | None


class ActivateRules(Closed):
    """Put rules in force: now, or from a moment on; why."""

    effective_from: Instant | None = None
    reason: Reason


class PreviewFilters(Closed):
    """Which lines of a preview."""

    namespace: Several | None = None


class PreviewQuery(PreviewFilters, Paging):
    """All query parameters of a preview's pages."""


class PreviewExport(PreviewFilters):
    """All query parameters of a preview's files."""

    dialect: Dialect = "plain"


class Standing(Closed):
    """Where a use stands by one policy."""

    tier: Word
    status: Word
    tier_low: Word
    tier_high: Word
    workflow_tier: Word
    blocked: Flag


class RatingChange(Closed):
    """A factor, band or floor that a policy sees otherwise; null: it has no such part.

    Of a factor the least and the greatest points, of an axis its two bands, of a floor its state
    and what it lifts to.
    """

    what: Literal["factor", "band", "floor"]
    name: Word
    before: tuple[Line, ...] | None
    after: tuple[Line, ...] | None


class PolicyPreviewRow(Closed):
    """A use that a policy would rate otherwise, and why."""

    model: Line
    use: Line
    use_id: UUID
    before: Standing
    after: Standing
    differences: tuple[RatingChange, ...]


class PolicyPreviewLine(Closed):
    """The same in a file."""

    model: Line
    use: Line
    tier_before: Word
    tier_after: Word
    status_before: Word
    status_after: Word
    tier_low_before: Word
    tier_low_after: Word
    tier_high_before: Word
    tier_high_after: Word
    workflow_tier_before: Word
    workflow_tier_after: Word
    blocked_before: Flag
    blocked_after: Flag
    factors: tuple[Line, ...]
    bands: tuple[Line, ...]
    floors: tuple[Line, ...]


class PackPreviewRow(Closed):
    """What a control of a pack would find; `before` is null where no such result stands."""

    model: Line
    control: Word
    severity: Word
    before: Word | None
    after: Word
    items: tuple[Text, ...]
    missing: tuple[Line, ...]
    message: Text
    pack_defect: Text | None


class PolicyPreviewPage(Page[PolicyPreviewRow]):
    """A part of what a policy would change, and how far the preview is."""

    preview: PreviewState


class PackPreviewPage(Page[PackPreviewRow]):
    """A part of what a pack would find, and how far the preview is."""

    preview: PreviewState
