"""What people decide about risk: reviews, findings, waivers, exceptions, overrides, attestations.

Each step of them is a row of the ledger too, under the model's entry.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp, identity

OPEN_REVIEWS = "state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"
REVIEWED = "'REVIEWED', 'REVIEWED_WITH_CONDITIONS', 'OBJECTED'"
APPROVED = "'APPROVED', 'APPROVED_WITH_CONDITIONS', 'REJECTED'"


class ReviewRow(Table, table=True):
    """A review of a version: why it was opened, until when, who does it, and how far it is."""

    __tablename__ = "review"
    __table_args__: Any = (
        sa.Index(
            "uq_review_kind_version_id_open",
            "kind",
            "version_id",
            unique=True,
            postgresql_where=sa.text(OPEN_REVIEWS),
        ),
        sa.Index(None, "model_id"),
        sa.Index(None, "due_at", "id", postgresql_where=sa.text(OPEN_REVIEWS)),
        sa.Index(None, "reviewer", postgresql_where=sa.text(OPEN_REVIEWS)),
        sa.CheckConstraint(
            "kind IN ('PRE', 'POST', 'SAMPLE', 'PERIODIC', 'TRIGGERED')", name="kind_known"
        ),
        sa.CheckConstraint(
            "state IN ('REQUIRED', 'ASSIGNED', 'IN_REVIEW', 'CHANGES_REQUESTED', 'RECOMMENDED',"
            " 'DECIDED', 'CANCELLED', 'SUPERSEDED')",
            name="state_known",
        ),
        sa.CheckConstraint(
            "independence IN ('PASS', 'FAIL', 'UNKNOWN')", name="independence_known"
        ),
        sa.CheckConstraint("approver <> reviewer", name="approver_is_another"),
        sa.CheckConstraint("approver <> opened_by", name="approver_did_not_ask"),
        sa.CheckConstraint(
            "state IN ('REQUIRED', 'CANCELLED', 'SUPERSEDED') OR reviewer IS NOT NULL",
            name="somebody_reviews",
        ),
        sa.CheckConstraint("NOT on_hold OR hold_reason IS NOT NULL", name="hold_has_a_reason"),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id")
    version_id: UUID = Field(foreign_key="entry.id", index=True)
    use_id: UUID | None = Field(default=None, foreign_key="entry.id")  # None: all
    kind: str
    state: str
    cause: str
    opened_at: datetime = Field(sa_type=Timestamp)
    opened_by: str
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)  # None: at first production
    workflow_tier: str  # when it was opened
    reviewer: str | None = None  # an account's name
    approver: str | None = None
    independence: str | None = None
    identified: dict[str, Any] = Field(sa_type=JSONB)  # who unresolved identities are, as stated
    version_digest: str | None = None
    content_digest: str | None = None
    content: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    recommended: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    on_hold: bool = False
    hold_reason: str | None = None
    reminded: int = 0  # of half, three quarters and all of the time; then of weeks
    closed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    successor_id: UUID | None = Field(default=None, foreign_key="review.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class DecisionRow(Table, table=True):
    """What was decided in a review, on what it rests, and by whom; never changed afterwards."""

    __tablename__ = "decision"
    __table_args__: Any = (
        sa.Index(None, "version_id", "decided_at"),
        sa.Index(None, "model_id", "decided_at"),
        sa.CheckConstraint(f"outcome IN ({REVIEWED}, {APPROVED})", name="outcome_known"),
        sa.CheckConstraint(
            "(outcome LIKE '%\\_WITH\\_CONDITIONS') = (conditions > 0)", name="conditions_if"
        ),
        sa.CheckConstraint(
            f"(outcome IN ({APPROVED})) = (approver IS NOT NULL)", name="approver_if"
        ),
        sa.CheckConstraint("approver <> reviewer", name="approver_is_another"),
        sa.CheckConstraint("decider_kind = 'person'", name="people_decide"),
        sa.CheckConstraint("independence <> 'FAIL'", name="independent"),
    )

    id: UUID = Field(primary_key=True)
    review_id: UUID = Field(foreign_key="review.id", index=True)
    model_id: UUID = Field(foreign_key="entry.id")
    version_id: UUID = Field(foreign_key="entry.id")
    use_id: UUID | None = Field(default=None, foreign_key="entry.id")
    outcome: str
    reviewer: str
    approver: str | None = None
    decider_kind: str
    independence: str
    builders: list[dict[str, Any]] = Field(sa_type=JSONB)
    version_digest: str | None = None
    content_digest: str
    content: dict[str, Any] = Field(sa_type=JSONB)
    workflow_tier: str
    tier: str
    tier_confirmed: bool
    comment: str
    conditions: int
    evidence: list[dict[str, Any]] = Field(sa_type=JSONB)  # link and digest
    decided_at: datetime = Field(sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")


class ConditionRow(Table, table=True):
    """What a decision asks for, until when; met with evidence, verified by somebody else."""

    __tablename__ = "condition"
    __table_args__: Any = (
        sa.CheckConstraint("state IN ('OPEN', 'MET', 'VERIFIED', 'DROPPED')", name="state_known"),
        sa.CheckConstraint("verified_by <> met_by", name="verified_by_another"),
    )

    id: UUID = Field(primary_key=True)
    decision_id: UUID = Field(foreign_key="decision.id", index=True)
    model_id: UUID = Field(foreign_key="entry.id", index=True)
    text: str
    due_at: datetime = Field(sa_type=Timestamp)
    state: str
    evidence: list[dict[str, Any]] = Field(sa_type=JSONB)
    met_by: str | None = None
    met_at: datetime | None = Field(default=None, sa_type=Timestamp)
    verified_by: str | None = None
    verified_at: datetime | None = Field(default=None, sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)


class ChangeClassRow(Table, table=True):
    """How much a difference from a decision matters, as a reviewer says; it is never changed.

    It holds for the value that was there: `digest` is that of the difference.
    """

    __tablename__ = "change_class"
    __table_args__: Any = (
        sa.CheckConstraint("change_class IN ('material', 'minor')", name="class_known"),
    )

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id")
    version_id: UUID = Field(foreign_key="entry.id")
    decision_id: UUID = Field(foreign_key="decision.id", index=True)
    path: str
    digest: str
    change_class: str
    reason: str
    classed_by: str
    classed_at: datetime = Field(sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")


class FindingRow(Table, table=True):
    """Something that has to be mended, by whom and until when."""

    __tablename__ = "finding"
    __table_args__: Any = (
        sa.Index(
            "uq_finding_model_id_cause_open",
            "model_id",
            "cause",
            unique=True,
            postgresql_where=sa.text("state NOT IN ('CLOSED', 'WITHDRAWN')"),
        ),
        sa.Index(None, "due_at", "id", postgresql_where=sa.text(
            "state NOT IN ('CLOSED', 'WITHDRAWN')"
        )),
        sa.CheckConstraint(
            "state IN ('OPEN', 'ACKNOWLEDGED', 'PLANNED', 'IN_PROGRESS', 'PENDING_CLOSURE',"
            " 'REBUTTED', 'RISK_ACCEPTED', 'CLOSED', 'WITHDRAWN')",
            name="state_known",
        ),
        sa.CheckConstraint("severity IN ('low', 'medium', 'high')", name="severity_known"),
        sa.CheckConstraint("closed_by <> assignee", name="closed_by_another"),
        sa.CheckConstraint("accepted_by <> assignee", name="accepted_by_another"),
        sa.CheckConstraint(
            "(state IN ('CLOSED', 'WITHDRAWN')) = (closed_at IS NOT NULL)", name="closed_when"
        ),
        sa.CheckConstraint(
            "(state = 'RISK_ACCEPTED') = (accepted_until IS NOT NULL)", name="acceptance_ends"
        ),
    )  # fmt: skip

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id")
    version_id: UUID | None = Field(default=None, foreign_key="entry.id")
    source: str  # control, review, attestation, exception, overdue, person
    cause: str  # what it is one finding of: `control:LIN-01`, `review:<id>`, an own id
    category: str  # among them incident
    severity: str
    state: str
    title: str
    description: str
    assignee: str | None = None
    opened_by: str
    opened_at: datetime = Field(sa_type=Timestamp)
    original_due: datetime = Field(sa_type=Timestamp)
    due_at: datetime = Field(sa_type=Timestamp)
    extensions: int = 0
    evidence: list[dict[str, Any]] = Field(sa_type=JSONB)
    accepted_by: str | None = None
    accepted_until: datetime | None = Field(default=None, sa_type=Timestamp)
    closed_by: str | None = None
    closed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)


class Concession(Table):
    """What one person asks for and another grants, until a day; all four kinds have this in common.

    REQUESTED, then IN_FORCE or REJECTED; in force until LAPSED or REVOKED.
    """

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id", index=True)
    state: str
    reason: str
    evidence: list[dict[str, Any]] = Field(sa_type=JSONB)
    requested_by: str
    requested_at: datetime = Field(sa_type=Timestamp)
    approved_by: str | None = None
    granted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    renewals: int = 0
    renews: UUID | None = None  # the earlier one of the chain
    ended_by: str | None = None  # who rejected or revoked it; `software` when it lapsed
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
    end_reason: str | None = None
    valid_from: datetime = Field(sa_type=Timestamp)


def _concession(table: str, *, days: int) -> tuple[Any, ...]:
    return (
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'IN_FORCE', 'REJECTED', 'LAPSED', 'REVOKED')",
            name="state_known",
        ),
        sa.CheckConstraint("approved_by <> requested_by", name="granted_by_another"),
        sa.CheckConstraint(
            f"expires_at <= coalesce(granted_at, requested_at) + interval '{days} days'",
            name="ends_in_time",
        ),
        sa.CheckConstraint("(granted_at IS NULL) = (state IN ('REQUESTED', 'REJECTED'))",
                           name="granted_when"),
        sa.Index(
            f"ix_{table}_expires_at_in_force",
            "expires_at",
            postgresql_where=sa.text("state = 'IN_FORCE'"),
        ),
    )  # fmt: skip


class WaiverRow(Concession, table=True):
    """A control need not pass for a model, or for one item of it, until a day."""

    __tablename__ = "waiver"
    __table_args__: Any = (
        *_concession("waiver", days=366),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL", name="approved"
        ),
        sa.CheckConstraint("renewals <= 1", name="renewed_once"),
    )

    control: str
    item: str | None = None
    compensating: str
    stated_in: str | None = None  # the manifest that asks for it: digest of what it says


class RiskExceptionRow(Concession, table=True):
    """A version of a HIGH model may be used before it is approved, within limits, until a day."""

    __tablename__ = "risk_exception"
    __table_args__: Any = (
        *_concession("risk_exception", days=90),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL", name="approved"
        ),
        sa.CheckConstraint("renewals <= 1", name="renewed_once"),
    )

    version_id: UUID = Field(foreign_key="entry.id", index=True)
    version_digest: str | None = None
    limits: str
    monitoring: str
    informed: list[str] = Field(sa_type=JSONB)


class TierOverrideRow(Concession, table=True):
    """People say that a use is riskier, or less so, than its facts say."""

    __tablename__ = "tier_override"
    __table_args__: Any = (
        *_concession("tier_override", days=366),
        sa.Index(
            "uq_tier_override_use_id_in_force",
            "use_id",
            unique=True,
            postgresql_where=sa.text("state = 'IN_FORCE'"),
        ),
        sa.CheckConstraint("direction IN ('up', 'down')", name="direction_known"),
        sa.CheckConstraint("tier IN ('LOW', 'MEDIUM', 'HIGH')", name="tier_known"),
        sa.CheckConstraint(
            "direction = 'up' OR state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL",
            name="approved",
        ),
    )

    use_id: UUID = Field(foreign_key="entry.id")
    direction: str
    tier: str


class ExemptionRow(Concession, table=True):
    """A use that matters so little that hardly any rule holds for it."""

    __tablename__ = "exemption"
    __table_args__: Any = (
        *_concession("exemption", days=732),
        sa.Index(
            "uq_exemption_use_id_in_force",
            "use_id",
            unique=True,
            postgresql_where=sa.text("state = 'IN_FORCE'"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL", name="approved"
        ),
    )

    use_id: UUID = Field(foreign_key="entry.id")


class AttestationRow(Table, table=True):
    """What an owner says about a model at a date, beside what harvests say against it."""

    __tablename__ = "attestation"
    __table_args__: Any = (sa.Index(None, "model_id", "attested_at"),)

    id: UUID = Field(primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id")
    statements: str  # the version of the statements
    answers: dict[str, Any] = Field(sa_type=JSONB)
    contradictions: list[dict[str, Any]] = Field(sa_type=JSONB)
    result: str
    attested_by: str
    attested_at: datetime = Field(sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")


class ReviewerAbsenceRow(Table, table=True):
    """A reviewer is away; who stands in decides by the same rules."""

    __tablename__ = "reviewer_absence"
    __table_args__: Any = (
        sa.CheckConstraint("delegate <> account", name="delegate_is_another"),
        sa.CheckConstraint("until_at > from_at", name="ends_after_it_begins"),
    )

    id: int | None = identity()
    account: str = Field(index=True)
    delegate: str | None = None
    from_at: datetime = Field(sa_type=Timestamp)
    until_at: datetime = Field(sa_type=Timestamp)
    reason: str
    stated_by: str
    stated_at: datetime = Field(sa_type=Timestamp)
