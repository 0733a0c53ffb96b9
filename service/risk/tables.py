"""What is computed and decided about risk: assessments, results of controls, and where each stands.

Decisions about models stand in `decided_tables.py`.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp, identity

TIERS = "'NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH'"
STATUSES = "'FIRM', 'PROVISIONAL', 'OVERRIDDEN'"


class RuleSet(Table):
    """A version of rules that are data: who wrote it, who put it in force, and from when."""

    name: str
    version: str
    digest: str
    document: dict[str, Any] = Field(sa_type=JSONB)
    state: str
    author: str
    created_at: datetime = Field(sa_type=Timestamp)
    activated_by: str | None = None
    activated_at: datetime | None = Field(default=None, sa_type=Timestamp)
    effective_from: datetime | None = Field(default=None, sa_type=Timestamp)
    superseded_at: datetime | None = Field(default=None, sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)


def _rule_set(table: str) -> tuple[Any, ...]:
    return (
        sa.UniqueConstraint("name", "version"),
        sa.Index(
            f"uq_{table}_state_active",
            "state",
            unique=True,
            postgresql_where=sa.text("state = 'ACTIVE'"),
        ),
        sa.CheckConstraint(
            "state IN ('DRAFT', 'PREVIEWED', 'ACTIVE', 'SUPERSEDED')", name="state_known"
        ),
        sa.CheckConstraint("activated_by <> author", name="activated_by_another"),
    )


class PolicyRow(RuleSet, table=True):
    """A version of the tiering policy; one is active."""

    __tablename__ = "policy"
    __table_args__: Any = _rule_set("policy")

    id: int | None = identity()


class ControlPackRow(RuleSet, table=True):
    """A version of the pack of controls; one is active."""

    __tablename__ = "control_pack"
    __table_args__: Any = _rule_set("control_pack")

    id: int | None = identity()


class PolicyPreviewRow(Table, table=True):
    """What a policy would change, asked by whom; rated step by step, after `after_id`."""

    __tablename__ = "policy_preview"

    id: UUID = Field(primary_key=True)
    policy_id: int = Field(sa_type=sa.BigInteger, foreign_key="policy.id", index=True)
    base_id: int = Field(sa_type=sa.BigInteger, foreign_key="policy.id")
    digest: str
    asked_by: str
    asked_at: datetime = Field(sa_type=Timestamp)
    after_id: UUID | None = None
    total: int = Field(sa_type=sa.BigInteger)
    rated: int = Field(default=0, sa_type=sa.BigInteger)
    changed: int = Field(default=0, sa_type=sa.BigInteger)
    counts: dict[str, Any] = Field(sa_type=JSONB)
    done_at: datetime | None = Field(default=None, sa_type=Timestamp)


class PolicyPreviewLine(Table, table=True):
    """A use whose tier, status or workflow tier a policy would change, and why."""

    __tablename__ = "policy_preview_line"

    preview_id: UUID = Field(foreign_key="policy_preview.id", primary_key=True)
    use_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id")
    before: dict[str, Any] = Field(sa_type=JSONB)
    after: dict[str, Any] = Field(sa_type=JSONB)
    differences: list[dict[str, Any]] = Field(sa_type=JSONB)


class RevaluationRow(Table, table=True):
    """All uses are rated by a policy, or all models checked by a pack: how far that has come."""

    __tablename__ = "revaluation"
    __table_args__: Any = (
        sa.Index(
            "uq_revaluation_what_open",
            "what",
            unique=True,
            postgresql_where=sa.text("done_at IS NULL"),
        ),
        sa.CheckConstraint("what IN ('policy', 'control_pack')", name="what_known"),
    )

    id: int | None = identity()
    what: str
    rules_id: int = Field(sa_type=sa.BigInteger)  # of the policy or pack
    asked_by: str
    asked_at: datetime = Field(sa_type=Timestamp)
    xid: int | None = Field(  # when it is seen first: who began before may still use the old rules
        default=None, sa_column=sa.Column(sa.BigInteger, nullable=True)
    )
    after_id: UUID | None = None  # the last model that is done
    total: int = Field(sa_type=sa.BigInteger)
    rated: int = Field(default=0, sa_type=sa.BigInteger)
    changed: int = Field(default=0, sa_type=sa.BigInteger)
    done_at: datetime | None = Field(default=None, sa_type=Timestamp)


class PackPreviewRow(Table, table=True):
    """What a pack of controls would find, asked by whom; evaluated step by step."""

    __tablename__ = "pack_preview"

    id: UUID = Field(primary_key=True)
    pack_id: int = Field(sa_type=sa.BigInteger, foreign_key="control_pack.id", index=True)
    base_id: int = Field(sa_type=sa.BigInteger, foreign_key="control_pack.id")
    digest: str
    asked_by: str
    asked_at: datetime = Field(sa_type=Timestamp)
    after_id: UUID | None = None  # the last model that is done
    total: int = Field(sa_type=sa.BigInteger)
    rated: int = Field(default=0, sa_type=sa.BigInteger)
    changed: int = Field(default=0, sa_type=sa.BigInteger)
    counts: dict[str, Any] = Field(sa_type=JSONB)
    done_at: datetime | None = Field(default=None, sa_type=Timestamp)


class PackPreviewLine(Table, table=True):
    """What a control would find about a model, where that is not PASS or differs from before."""

    __tablename__ = "pack_preview_line"

    preview_id: UUID = Field(foreign_key="pack_preview.id", primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    control: str = Field(primary_key=True)
    severity: str
    before: str | None = None  # None: no such result stands
    after: str
    items: list[str] = Field(sa_type=JSONB)
    missing: list[dict[str, Any]] = Field(sa_type=JSONB)
    message: str
    pack_defect: str | None = None


class AssessmentRow(Table, table=True):
    """How risky a use is, by which policy and from which facts.

    What a model without a declared use is used for, nobody says: that stands under the model's id.
    """

    __tablename__ = "assessment"
    __table_args__: Any = (
        sa.Index(None, "model_id"),
        sa.Index(None, "facts_digest"),
        *(
            sa.CheckConstraint(f"{name} IN ({TIERS})", name=f"{name}_known")
            for name in (
                "tier", "computed_tier", "tier_low", "tier_high", "own_low", "own_high",
                "workflow_tier",
            )
        ),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="status_known"),
    )  # fmt: skip

    use_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id")
    policy_id: int = Field(sa_type=sa.BigInteger, foreign_key="policy.id")
    facts: dict[str, Any] = Field(sa_type=JSONB)  # as the policy reads them: absent is not stated
    facts_digest: str
    outside: dict[str, Any] = Field(sa_type=JSONB)  # values that the policy does not know, raw
    tier: str
    computed_tier: str
    status: str
    tier_low: str
    tier_high: str
    own_low: str  # before what it feeds and what is open about it raise it
    own_high: str
    workflow_tier: str
    blocked: bool
    materiality_low: int
    materiality_high: int
    inherent_low: int
    inherent_high: int
    floors: list[str] = Field(sa_type=JSONB)
    floors_undecided: list[str] = Field(sa_type=JSONB)
    override_id: UUID | None = None
    exemption_id: UUID | None = None
    provisional_since: datetime | None = Field(default=None, sa_type=Timestamp)
    provisional_ended: datetime | None = Field(default=None, sa_type=Timestamp)
    grace_end: datetime | None = Field(default=None, sa_type=Timestamp)
    evaluated_at: datetime = Field(sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)


class ModelRiskRow(Table, table=True):
    """Where a model stands: the greatest tier of its uses, its reviews, what people confirmed."""

    __tablename__ = "model_risk"
    __table_args__: Any = (
        sa.Index(None, "tier", "model_id"),
        sa.Index(None, "workflow_tier", "model_id"),
        *(
            sa.CheckConstraint(f"{name} IN ({TIERS})", name=f"{name}_known")
            for name in ("tier", "computed_tier", "tier_low", "tier_high", "workflow_tier")
        ),
        sa.CheckConstraint(f"status IN ({STATUSES})", name="status_known"),
    )

    model_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    tier: str
    computed_tier: str
    status: str
    tier_low: str
    tier_high: str
    workflow_tier: str
    deciding_use: UUID = Field(foreign_key="entry.id")
    blocked: bool
    uses: int  # declared ones
    live: list[str] = Field(  # ids of its live versions
        sa_type=JSONB, sa_column_kwargs={"server_default": "[]"}
    )
    in_production: bool | None = None  # None: nobody who could see it has looked
    production_since: datetime | None = Field(default=None, sa_type=Timestamp)
    grace_end: datetime | None = Field(default=None, sa_type=Timestamp)
    facts_digest: str  # of all uses' facts
    confirmed_digest: str | None = None  # as a person confirmed them
    confirmed_by: str | None = None
    confirmed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    review_state: str | None = None
    last_review_at: datetime | None = Field(default=None, sa_type=Timestamp)
    next_review_due: datetime | None = Field(default=None, sa_type=Timestamp)
    review_grace_end: datetime | None = Field(default=None, sa_type=Timestamp)
    evaluated_at: datetime = Field(sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)


class RiskClockRow(Table, table=True):
    """When a model was evaluated last, and when it has to be again; it is locked by this row.

    Whoever evaluates models locks these rows in id order, after all entries: who comes later sees
    what the others wrote.
    """

    __tablename__ = "risk_clock"
    __table_args__: Any = (
        sa.Index(None, "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
    )

    model_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    evaluated_at: datetime | None = Field(default=None, sa_type=Timestamp)
    due_at: datetime | None = Field(default=None, sa_type=Timestamp)


class RiskLookRow(Table, table=True):
    """Whether everything that could see such a thing has looked; a change is a new evaluation."""

    __tablename__ = "risk_look"

    what: str = Field(primary_key=True)
    complete: bool
    changed_at: datetime = Field(sa_type=Timestamp)


class ControlResultRow(Table, table=True):
    """What a control found about a model; a row changes only when the result does."""

    __tablename__ = "control_result"
    __table_args__: Any = (
        sa.Index(None, "control", "result"),
        sa.CheckConstraint(
            "result IN ('PASS', 'FAIL', 'UNKNOWN', 'WAIVED', 'NOT_APPLICABLE')",
            name="result_known",
        ),
        sa.CheckConstraint("severity IN ('none', 'low', 'medium', 'high')", name="severity_known"),
        sa.CheckConstraint("(result = 'WAIVED') = (waiver_id IS NOT NULL)", name="waived_by"),
    )

    model_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    control: str = Field(primary_key=True)
    pack_id: int = Field(sa_type=sa.BigInteger, foreign_key="control_pack.id")
    severity: str
    result: str
    items: list[str] = Field(sa_type=JSONB)  # those that failed or of which too little is known
    missing: list[dict[str, Any]] = Field(sa_type=JSONB)  # what is not stated, and who could say it
    message: str
    fix: str
    pack_defect: str | None = None
    waiver_id: UUID | None = None
    waived_until: datetime | None = Field(default=None, sa_type=Timestamp)
    since: datetime = Field(sa_type=Timestamp)  # when the result became this
    recheck_at: datetime | None = Field(default=None, sa_type=Timestamp)
    evaluated_at: datetime = Field(sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)
