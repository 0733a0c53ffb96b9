"""Findings: what has to be mended about a model, by whom, until when, and each step on the way."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from schemas.catalog import Paging
from schemas.imports import Reason
from schemas.observation import Evidence
from schemas.queries import AnyOf, Dialect, Several, YesNo
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

State = Literal[
    "OPEN", "ACKNOWLEDGED", "PLANNED", "IN_PROGRESS", "PENDING_CLOSURE", "REBUTTED",
    "RISK_ACCEPTED", "CLOSED", "WITHDRAWN",
]  # fmt: skip
Severity = Literal["low", "medium", "high"]
Category = Annotated[Line, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
ModelRef = Annotated[Word, StringConstraints(pattern=r"^[^/]+/.+$")]  # namespace/name
AccountName = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
Title = Annotated[Line, StringConstraints(min_length=1, max_length=200)]
Long = Annotated[Text, StringConstraints(min_length=1, max_length=10_000)]


class Proof(Evidence):
    """Where something can be looked up, and the digest of what stands there: one at least."""

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.url is None and self.digest is None:
            raise ValueError("must have an address, a digest, or both")
        return self


Proofs = Annotated[tuple[Proof, ...], Field(max_length=20)]
SomeProofs = Annotated[tuple[Proof, ...], Field(min_length=1, max_length=20)]


class SentProof(Closed):
    """Evidence as it is kept: by whom, when, and with which step it was sent."""

    url: Text | None = None
    digest: Text | None = None
    by: Line | None = None
    at: Instant | None = None
    step: Line | None = None


class RecordFinding(Closed):
    """Something that a reviewer found. `version` is a number of the model's, or an `@alias`.

    A severe one of category `incident` raises the tier until it is closed.
    """

    model: ModelRef
    version: Word | None = None
    category: Category
    severity: Severity
    title: Title
    description: Long
    assignee: AccountName | None = None
    evidence: Proofs = ()


class NotedStep(Closed):
    """A step that needs no words, and may have some."""

    reason: Reason | None = None


class ReasonedStep(Closed):
    """A step, and why."""

    reason: Reason


class SubmitFinding(ReasonedStep):
    """What was done, and what shows it."""

    evidence: SomeProofs


class AcceptRisk(ReasonedStep):
    """The risk is borne until a time, at most a year away; then it is open again."""

    until: Instant


class ExtendFinding(ReasonedStep):
    """A later time; the first one stays on record, and each extension is counted."""

    due_at: Instant


class AssignFinding(NotedStep):
    """Who is to mend it: an account."""

    assignee: AccountName


class FindingStep(Closed):
    """What somebody did with a finding, as the ledger has it."""

    at: Instant
    op: Line
    by: Line
    reason: Text | None
    state: Line | None


class FindingOutline(Closed):
    """What every reader of the model may know of a finding: that there is one, and how it stands.

    `past_due` compares with now. A risk that was accepted until a time that is over is open again.
    """

    id: UUID
    url: Line
    model: Line | None
    model_id: UUID
    namespace: Line | None
    version: Line | None
    severity: Severity
    state: State
    opened_at: Instant
    original_due: Instant
    due_at: Instant
    past_due: Flag
    extensions: Count
    accepted_until: Instant | None
    closed_at: Instant | None


class FindingRow(FindingOutline):
    """All of a finding, for owners, reviewers, approvers, auditors and whoever it is assigned to.

    `cause` is what it is one finding of; `cause_passes`: the control that opened it passes again,
    and it waits for a person to close it.
    """

    source: Line
    cause: Line
    cause_passes: Flag
    category: Line
    title: Text
    description: Text
    assignee: Line | None
    opened_by: Line
    accepted_by: Line | None
    closed_by: Line | None
    evidence: tuple[SentProof, ...]


class FindingDetail(FindingRow):
    """All of a finding, what was done with it, and which steps its state has."""

    steps: tuple[FindingStep, ...]
    possible: tuple[Line, ...]


class FindingFilters(Closed):
    """Which findings; open ones unless a state is asked for.

    What only some may read is found by those alone: `category`, `source`, `assignee` (`me`).
    """

    state: AnyOf[State] | None = None
    severity: AnyOf[Severity] | None = None
    past_due: YesNo | None = None
    namespace: Several | None = None
    model: Several | None = None
    category: Several | None = None
    source: Several | None = None
    assignee: Several | None = None


class FindingQuery(FindingFilters, Paging):
    """All query parameters of the list."""


class FindingExport(FindingFilters):
    """All query parameters of its files."""

    dialect: Dialect = "plain"
