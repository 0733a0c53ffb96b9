"""What owners say about their models from time to time, beside what harvests say against it."""

from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from schemas.catalog import Paging
from schemas.findings import Category, ModelRef
from schemas.imports import Reason
from schemas.policy_scale import Tier
from schemas.queries import AnyOf, Dialect, Several, YesNo
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word

MOST_MODELS: Final = 1_000  # of one request
StatementId = Annotated[Line, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
Code = Annotated[Line, StringConstraints(pattern=r"^[a-z_]{1,40}$")]
Result = Literal["confirmed", "deviating"]


class Statement(Closed):
    """One thing to attest; `against` says what may speak against it, by code."""

    id: StatementId
    text: Text
    against: Annotated[dict[Code, Text], Field(max_length=20)] = Field(default_factory=dict)
    no_opens: Category | None = None


class Statements(Closed):
    """A version of what owners attest."""

    version: Annotated[Line, StringConstraints(pattern=r"^\d{1,4}(\.\d{1,4}){2}$")]
    statements: Annotated[tuple[Statement, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [one.id for one in self.statements]
        codes = [code for one in self.statements for code in one.against]
        if len(set(names)) < len(names) or len(set(codes)) < len(codes):
            raise ValueError("must name each statement and each code once")
        return self


class Contradiction(Closed):
    """What harvests or decisions hold against a statement, in words, and how many of it."""

    statement: StatementId
    code: Code
    says: Text
    count: Count


class Answer(Closed):
    """Yes or no to a statement; no, and yes against a contradiction, need a comment."""

    answer: Literal["yes", "no"]
    comment: Reason | None = None


Answers = Annotated[dict[StatementId, Answer], Field(max_length=50)]


class AttestApart(Closed):
    """A model of which some answers differ from those for all."""

    model: ModelRef
    answers: Answers


class Attest(Closed):
    """Attest many models at once: each statement for all of them, save what is said apart.

    Without `models`: every model that you own and whose attestation is due, but for those excluded.
    `statements` is the version of what was read.
    """

    statements: Word
    models: Annotated[tuple[ModelRef, ...], Field(min_length=1, max_length=MOST_MODELS)] | None = (
        None
    )
    exclude: Annotated[tuple[ModelRef, ...], Field(max_length=MOST_MODELS)] = ()
    answers: Answers
    apart: Annotated[tuple[AttestApart, ...], Field(max_length=MOST_MODELS)] = ()


class AttestationOutline(Closed):
    """What every reader of the model may know: that somebody attested, and when."""

    id: UUID
    model: Line | None
    model_id: UUID
    namespace: Line | None
    statements: Line
    attested_at: Instant


class AttestationRow(AttestationOutline):
    """All of an attestation, for owners, reviewers, approvers and auditors."""

    result: Result
    answers: dict[StatementId, Answer]
    contradictions: tuple[Contradiction, ...]
    attested_by: Line


class Attested(Closed):
    """What was attested with one request, and the findings that it opened."""

    items: tuple[AttestationRow, ...]
    findings: tuple[UUID, ...]
    dry_run: Flag = False


class DueOutline(Closed):
    """When a model has to be attested again: months of its workflow tier after the last time.

    Of a model that nobody attested, after it was first seen; null: its tier asks for none.
    """

    model: Line | None
    model_id: UUID
    namespace: Line | None
    workflow_tier: Tier
    last_attested_at: Instant | None
    due_at: Instant | None
    past_due: Flag


class DueRow(DueOutline):
    """The same with what speaks against its statements now, and whether it is the reader's own."""

    owned: Flag
    contradictions: tuple[Contradiction, ...]


class AttestationFilters(Closed):
    """Which attestations."""

    namespace: Several | None = None
    model: Several | None = None
    result: AnyOf[Result] | None = None


class AttestationQuery(AttestationFilters, Paging):
    """All query parameters of the list."""


class AttestationExport(AttestationFilters):
    """All query parameters of its files."""

    dialect: Dialect = "plain"


class DueQuery(Paging):
    """Which models: those in use, or not known not to be. `owned`: yours alone."""

    namespace: Several | None = None
    model: Several | None = None
    owned: YesNo | None = None
    past_due: YesNo | None = None
