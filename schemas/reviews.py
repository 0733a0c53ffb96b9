"""Reviews: what has to be reviewed, until when, by whom; what was shown, and what was decided."""

from typing import Annotated, Final, Literal, Self, get_args
from uuid import UUID

from pydantic import Field, JsonValue, model_validator

from schemas.catalog import Paging
from schemas.policy_scale import Tier
from schemas.queries import AnyOf, Dialect, Moment, Name, Several, YesNo
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word
from schemas.values import Digest

ReviewKind = Literal["PRE", "POST", "SAMPLE", "PERIODIC", "TRIGGERED"]
ReviewState = Literal[
    "REQUIRED", "ASSIGNED", "IN_REVIEW", "CHANGES_REQUESTED", "RECOMMENDED", "DECIDED",
    "CANCELLED", "SUPERSEDED",
]  # fmt: skip
Reviewed = Literal["REVIEWED", "REVIEWED_WITH_CONDITIONS", "OBJECTED"]
Approved = Literal["APPROVED", "APPROVED_WITH_CONDITIONS", "REJECTED"]
Outcome = Literal[Reviewed, Approved]
REVIEWERS: Final[tuple[str, ...]] = get_args(Reviewed)  # outcomes of a reviewer
APPROVERS: Final[tuple[str, ...]] = get_args(Approved)
Independent = Literal["PASS", "FAIL", "UNKNOWN"]
Clearing = Literal["CLEAR", "CLEAR_REVIEW_FOLLOWS", "NEEDS_APPROVAL", "RESTRICTED"]
ChangeClass = Literal["material", "minor", "unknown"]
Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]
Comment = Annotated[Text, Field(min_length=1, max_length=20_000)]
Account = Annotated[Line, Field(min_length=1, max_length=100)]
Named = Annotated[Line, Field(min_length=1, max_length=1_200)]


class ReviewFilters(Closed):
    """Which reviews: open ones unless a state is asked for. `reviewer=me` is your own queue.

    It holds what is assigned to you, and to those whom you stand in for just now.
    """

    reviewer: Several | None = None
    approver: Several | None = None
    state: AnyOf[ReviewState] | None = None
    kind: AnyOf[ReviewKind] | None = None
    workflow_tier: AnyOf[Tier] | None = None
    namespace: Several | None = None
    model: Name | None = None
    due_before: Moment | None = None
    overdue: YesNo | None = None
    on_hold: YesNo | None = None


class ReviewQuery(ReviewFilters, Paging):
    """All query parameters of the list's pages."""


class ReviewExport(ReviewFilters):
    """All query parameters of the list's files."""

    dialect: Dialect = "plain"


class ReviewRow(Closed):
    """One review, as everybody sees it who sees the model.

    `cause` is why it was opened; a person's own words are for those who read notes. `overdue` is
    derived from the time. `stands_in`: who does it for the reviewer, who is away.
    """

    id: UUID
    url: Line
    model: Line
    model_id: UUID
    namespace: Word | None
    version: Line
    version_id: UUID
    version_digest: Line | None
    use: Line | None
    kind: ReviewKind
    state: ReviewState
    cause: Text
    workflow_tier: Tier
    reviewer: Line | None
    stands_in: Line | None
    approver: Line | None
    independence: Independent | None
    on_hold: Flag
    opened_at: Instant
    opened_by: Line
    due_at: Instant | None
    overdue: Flag
    outcome: Outcome | None
    tier_confirmed: Flag | None
    decided_at: Instant | None
    conditions: Count
    successor: UUID | None


class Evidence(Closed):
    """A link, and the digest of what stands there."""

    url: Annotated[Line, Field(min_length=1, max_length=2_000)]
    digest: Digest | None = None


class Condition(Closed):
    """What a decision asks for, until when, and how far that is."""

    id: UUID
    text: Text
    due_at: Instant
    state: Literal["OPEN", "MET", "VERIFIED", "DROPPED"]
    evidence: tuple[Evidence, ...]
    met_by: Line | None
    met_at: Instant | None
    verified_by: Line | None
    verified_at: Instant | None


class Builder(Closed):
    """Somebody who had a part in what is reviewed: by what name a source knows them, as what.

    `accounts`: whose that is, as owners are mapped to accounts. `resolved` is false where nobody
    says who it is; `stated` where a reviewer does.
    """

    identity: Line
    part: Word
    accounts: tuple[Line, ...]
    resolved: Flag
    stated: Flag = False


class Taken(Closed):
    """One step of a review: what was done, when, by whom, and what was said."""

    op: Word
    at: Instant
    by: Line
    said: Text | None


class ReviewDetail(ReviewRow):
    """A review with the steps that its state has; `now` are the digests of what is shown now."""

    actions: tuple[Word, ...]
    two_people: Flag
    content_digest: Line | None
    now: "Digests | None"


class Digests(Closed):
    """By what a decision says what it is about."""

    version_digest: Line | None
    content_digest: Line


class ReviewNotes(ReviewDetail):
    """The same with everything that was written: for reviewers, approvers, auditors and owners."""

    content: dict[str, JsonValue] | None
    recommended: dict[str, JsonValue] | None
    comment: Text | None
    evidence: tuple[Evidence, ...]
    condition_list: tuple[Condition, ...]
    builders: tuple[Builder, ...]
    hold_reason: Text | None
    steps: tuple[Taken, ...]


class Changed(Closed):
    """One difference: where, from what to what, who says so, and how much it matters.

    `material` by the policy; `unknown` where it would be and one side does not state it.
    """

    path: Line
    old: JsonValue
    new: JsonValue
    source: Word | None
    change_class: ChangeClass


class Changes(Closed):
    """What differs from the last decision about a version, else about its model.

    `basis` is null where nobody has decided anything.
    """

    model: Line
    basis: UUID | None
    changes: tuple[Changed, ...]


class ClassifyChange(Closed):
    """How much a difference matters, whatever the policy says of such, and why."""

    path: Line
    change_class: Literal["material", "minor"]
    reason: Reason


class ReviewDiff(Closed):
    """What is other now than in the basis: the last decision about the model, or what was frozen.

    `since_decision` is empty and `basis` null where nobody reviewed the model before.
    """

    review: UUID
    basis: UUID | None
    basis_version: Line | None
    since_decision: tuple[Changed, ...]
    since_start: tuple[Changed, ...]
    commits: tuple[Line, ...]
    now: Digests


class OpenReview(Closed):
    """A review that somebody asks for. POST, PERIODIC and TRIGGERED ones are due by the policy.

    A model that has no versions is reviewed as it is: `version` is left out.
    """

    model: Named
    version: Named | None = None
    kind: Literal["PRE", "POST", "PERIODIC", "TRIGGERED"]
    use: Named | None = None
    reason: Reason


class AssignReview(Closed):
    """Who reviews it; you, if nobody is named."""

    reviewer: Account | None = None


class Commented(Closed):
    """What is asked for, or answered."""

    comment: Comment


class Reasoned(Closed):
    """Why."""

    reason: Reason


class IdentifyBuilder(Closed):
    """Who stands behind an identity that no mapping resolves: an account, or a person without one.

    The ledger keeps who said so.
    """

    identity: Annotated[Line, Field(min_length=1, max_length=1_200)]
    account: Account | None = None
    person: Annotated[Line, Field(min_length=1, max_length=200)] | None = None
    reason: Reason

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.account is None) == (self.person is None):
            message = "names either an account, or a person who has none"
            raise ValueError(message)
        return self


class WantedCondition(Closed):
    """What has to be done, until when."""

    text: Comment
    due_at: Instant


class Decide(Closed):
    """What is decided about exactly this version and content, as they were read.

    `version_digest` and `content_digest` are those of the review's `now`. Conditions belong to
    outcomes WITH_CONDITIONS, and to no other. `tier_confirmed`: does the tier fit what you saw?
    """

    outcome: Outcome
    version_digest: Digest | None
    content_digest: Digest
    tier_confirmed: Flag
    comment: Comment
    conditions: Annotated[tuple[WantedCondition, ...], Field(max_length=50)] = ()
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.outcome.endswith("_WITH_CONDITIONS") != bool(self.conditions):
            message = "has conditions if, and only if, its outcome is WITH_CONDITIONS"
            raise ValueError(message)
        return self


class MeetCondition(Closed):
    """How a condition was met."""

    evidence: Annotated[tuple[Evidence, ...], Field(min_length=1, max_length=50)]
    comment: Comment


class ConditionChanged(Condition):
    """A condition after a step."""

    review: UUID
    model: Line


class Clearance(Closed):
    """May a version go to an environment? `reasons` say why, or what follows.

    The catalog stops nothing: whoever deploys asks.
    """

    model: Line
    version: Line
    environment: Word
    clearance: Clearing
    review_state: Word | None
    workflow_tier: Tier | None
    reasons: tuple[Text, ...]


class ClearanceQuery(Closed):
    """Where it is to go."""

    environment: Literal["production", "staging", "development"] = "production"
