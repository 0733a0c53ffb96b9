"""Risk: policies and packs, assessments and results, reviews and what people decide; events out.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.history import append_only_sql, versioning_sql
from service.risk.rules.first import first_rules
from service.roles import grants_sql
from service.tables import RISK, RISK_APPEND_ONLY

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:  # noqa: PLR0915  # one list of steps, in the order of references
    op.create_table(
        "assessment_history",
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("policy_id", sa.BigInteger(), nullable=True),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("facts_digest", sa.String(), nullable=True),
        sa.Column("outside", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("computed_tier", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("tier_low", sa.String(), nullable=True),
        sa.Column("tier_high", sa.String(), nullable=True),
        sa.Column("own_low", sa.String(), nullable=True),
        sa.Column("own_high", sa.String(), nullable=True),
        sa.Column("workflow_tier", sa.String(), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=True),
        sa.Column("materiality_low", sa.Integer(), nullable=True),
        sa.Column("materiality_high", sa.Integer(), nullable=True),
        sa.Column("inherent_low", sa.Integer(), nullable=True),
        sa.Column("inherent_high", sa.Integer(), nullable=True),
        sa.Column("floors", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("floors_undecided", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("override_id", sa.Uuid(), nullable=True),
        sa.Column("exemption_id", sa.Uuid(), nullable=True),
        sa.Column("provisional_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provisional_ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grace_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_assessment_history_model_id"), "assessment_history", ["model_id"], unique=False
    )
    op.create_index(
        op.f("ix_assessment_history_use_id_valid_from"),
        "assessment_history",
        ["use_id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "condition_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("decision_id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("met_by", sa.String(), nullable=True),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.String(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_condition_history_id_valid_from"),
        "condition_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_condition_history_model_id"), "condition_history", ["model_id"], unique=False
    )
    op.create_table(
        "control_pack",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_by", sa.String(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "state IN ('DRAFT', 'PREVIEWED', 'ACTIVE', 'SUPERSEDED')",
            name=op.f("ck_control_pack_state_known"),
        ),
        sa.CheckConstraint(
            "activated_by <> author", name=op.f("ck_control_pack_activated_by_another")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_control_pack")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_control_pack_name_version")),
    )
    op.create_index(
        "uq_control_pack_state_active",
        "control_pack",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.create_table(
        "control_pack_history",
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("author", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_by", sa.String(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_control_pack_history_id_valid_from"),
        "control_pack_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "control_result_history",
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("control", sa.String(), nullable=True),
        sa.Column("pack_id", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("result", sa.String(), nullable=True),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("missing", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("fix", sa.String(), nullable=True),
        sa.Column("pack_defect", sa.String(), nullable=True),
        sa.Column("waiver_id", sa.Uuid(), nullable=True),
        sa.Column("waived_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recheck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_control_result_history_model_id_control_valid_from"),
        "control_result_history",
        ["model_id", "control", "valid_from"],
        unique=False,
    )
    op.create_table(
        "exemption_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=True),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_exemption_history_id_valid_from"),
        "exemption_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_exemption_history_model_id"), "exemption_history", ["model_id"], unique=False
    )
    op.create_table(
        "finding_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.Column("opened_by", sa.String(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("original_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extensions", sa.Integer(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("accepted_by", sa.String(), nullable=True),
        sa.Column("accepted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_finding_history_id_valid_from"),
        "finding_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_finding_history_model_id"), "finding_history", ["model_id"], unique=False
    )
    op.create_table(
        "model_risk_history",
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("computed_tier", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column("tier_low", sa.String(), nullable=True),
        sa.Column("tier_high", sa.String(), nullable=True),
        sa.Column("workflow_tier", sa.String(), nullable=True),
        sa.Column("deciding_use", sa.Uuid(), nullable=True),
        sa.Column("blocked", sa.Boolean(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=True),
        sa.Column("live", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("in_production", sa.Boolean(), nullable=True),
        sa.Column("production_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grace_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts_digest", sa.String(), nullable=True),
        sa.Column("confirmed_digest", sa.String(), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_state", sa.String(), nullable=True),
        sa.Column("last_review_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_review_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_grace_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_model_risk_history_model_id_valid_from"),
        "model_risk_history",
        ["model_id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "policy",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("activated_by", sa.String(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.CheckConstraint(
            "state IN ('DRAFT', 'PREVIEWED', 'ACTIVE', 'SUPERSEDED')",
            name=op.f("ck_policy_state_known"),
        ),
        sa.CheckConstraint("activated_by <> author", name=op.f("ck_policy_activated_by_another")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_policy_name_version")),
    )
    op.create_index(
        "uq_policy_state_active",
        "policy",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.create_table(
        "policy_history",
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("author", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("activated_by", sa.String(), nullable=True),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("effective_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_policy_history_id_valid_from"),
        "policy_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "revaluation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("rules_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=True),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("rated", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "what IN ('policy', 'control_pack')", name=op.f("ck_revaluation_what_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revaluation")),
    )
    op.create_index(
        "uq_revaluation_what_open",
        "revaluation",
        ["what"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "review_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", sa.String(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workflow_tier", sa.String(), nullable=True),
        sa.Column("reviewer", sa.String(), nullable=True),
        sa.Column("approver", sa.String(), nullable=True),
        sa.Column("independence", sa.String(), nullable=True),
        sa.Column("identified", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("version_digest", sa.String(), nullable=True),
        sa.Column("content_digest", sa.String(), nullable=True),
        sa.Column(
            "content", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "recommended", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("on_hold", sa.Boolean(), nullable=True),
        sa.Column("hold_reason", sa.String(), nullable=True),
        sa.Column("reminded", sa.Integer(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_review_history_id_valid_from"),
        "review_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_review_history_model_id"), "review_history", ["model_id"], unique=False
    )
    op.create_table(
        "reviewer_absence",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("delegate", sa.String(), nullable=True),
        sa.Column("from_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("stated_by", sa.String(), nullable=False),
        sa.Column("stated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "delegate <> account", name=op.f("ck_reviewer_absence_delegate_is_another")
        ),
        sa.CheckConstraint(
            "until_at > from_at", name=op.f("ck_reviewer_absence_ends_after_it_begins")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reviewer_absence")),
    )
    op.create_index(
        op.f("ix_reviewer_absence_account"), "reviewer_absence", ["account"], unique=False
    )
    op.create_table(
        "risk_exception_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=True),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("version_digest", sa.String(), nullable=True),
        sa.Column("limits", sa.String(), nullable=True),
        sa.Column("monitoring", sa.String(), nullable=True),
        sa.Column("informed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_risk_exception_history_id_valid_from"),
        "risk_exception_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_risk_exception_history_model_id"),
        "risk_exception_history",
        ["model_id"],
        unique=False,
    )
    op.create_table(
        "risk_look",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_risk_look")),
    )
    op.create_table(
        "tier_override_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=True),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("direction", sa.String(), nullable=True),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_tier_override_history_id_valid_from"),
        "tier_override_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_tier_override_history_model_id"),
        "tier_override_history",
        ["model_id"],
        unique=False,
    )
    op.create_table(
        "waiver_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("requested_by", sa.String(), nullable=True),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewals", sa.Integer(), nullable=True),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("control", sa.String(), nullable=True),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("compensating", sa.String(), nullable=True),
        sa.Column("stated_in", sa.String(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_waiver_history_id_valid_from"),
        "waiver_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_index(
        op.f("ix_waiver_history_model_id"), "waiver_history", ["model_id"], unique=False
    )
    op.create_table(
        "announced",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("causes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_announced_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "type", name=op.f("pk_announced")),
    )
    op.create_table(
        "assessment",
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("facts_digest", sa.String(), nullable=False),
        sa.Column("outside", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("computed_tier", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("tier_low", sa.String(), nullable=False),
        sa.Column("tier_high", sa.String(), nullable=False),
        sa.Column("own_low", sa.String(), nullable=False),
        sa.Column("own_high", sa.String(), nullable=False),
        sa.Column("workflow_tier", sa.String(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("materiality_low", sa.Integer(), nullable=False),
        sa.Column("materiality_high", sa.Integer(), nullable=False),
        sa.Column("inherent_low", sa.Integer(), nullable=False),
        sa.Column("inherent_high", sa.Integer(), nullable=False),
        sa.Column("floors", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("floors_undecided", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("override_id", sa.Uuid(), nullable=True),
        sa.Column("exemption_id", sa.Uuid(), nullable=True),
        sa.Column("provisional_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provisional_ended", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grace_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "computed_tier IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_assessment_computed_tier_known"),
        ),
        sa.CheckConstraint(
            "own_high IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_assessment_own_high_known"),
        ),
        sa.CheckConstraint(
            "own_low IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_assessment_own_low_known"),
        ),
        sa.CheckConstraint(
            "status IN ('FIRM', 'PROVISIONAL', 'OVERRIDDEN')",
            name=op.f("ck_assessment_status_known"),
        ),
        sa.CheckConstraint(
            "tier IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')", name=op.f("ck_assessment_tier_known")
        ),
        sa.CheckConstraint(
            "tier_high IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_assessment_tier_high_known"),
        ),
        sa.CheckConstraint(
            "tier_low IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_assessment_tier_low_known"),
        ),
        sa.CheckConstraint(
            "workflow_tier IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_assessment_workflow_tier_known"),
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_assessment_model_id")),
        sa.ForeignKeyConstraint(["policy_id"], ["policy.id"], name=op.f("fk_assessment_policy_id")),
        sa.ForeignKeyConstraint(["use_id"], ["entry.id"], name=op.f("fk_assessment_use_id")),
        sa.PrimaryKeyConstraint("use_id", name=op.f("pk_assessment")),
    )
    op.create_index(
        op.f("ix_assessment_facts_digest"), "assessment", ["facts_digest"], unique=False
    )
    op.create_index(op.f("ix_assessment_model_id"), "assessment", ["model_id"], unique=False)
    op.create_table(
        "attestation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("statements", sa.String(), nullable=False),
        sa.Column("answers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("contradictions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("attested_by", sa.String(), nullable=False),
        sa.Column("attested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_attestation_change_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_attestation_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attestation")),
    )
    op.create_index(
        op.f("ix_attestation_model_id_attested_at"),
        "attestation",
        ["model_id", "attested_at"],
        unique=False,
    )
    op.create_table(
        "control_result",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("control", sa.String(), nullable=False),
        sa.Column("pack_id", sa.BigInteger(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("result", sa.String(), nullable=False),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("missing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("fix", sa.String(), nullable=False),
        sa.Column("pack_defect", sa.String(), nullable=True),
        sa.Column("waiver_id", sa.Uuid(), nullable=True),
        sa.Column("waived_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recheck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(result = 'WAIVED') = (waiver_id IS NOT NULL)",
            name=op.f("ck_control_result_waived_by"),
        ),
        sa.CheckConstraint(
            "result IN ('PASS', 'FAIL', 'UNKNOWN', 'WAIVED', 'NOT_APPLICABLE')",
            name=op.f("ck_control_result_result_known"),
        ),
        sa.CheckConstraint(
            "severity IN ('none', 'low', 'medium', 'high')",
            name=op.f("ck_control_result_severity_known"),
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["entry.id"], name=op.f("fk_control_result_model_id")
        ),
        sa.ForeignKeyConstraint(
            ["pack_id"], ["control_pack.id"], name=op.f("fk_control_result_pack_id")
        ),
        sa.PrimaryKeyConstraint("model_id", "control", name=op.f("pk_control_result")),
    )
    op.create_index(
        op.f("ix_control_result_control_result"),
        "control_result",
        ["control", "result"],
        unique=False,
    )
    op.create_table(
        "exemption",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "(granted_at IS NULL) = (state IN ('REQUESTED', 'REJECTED'))",
            name=op.f("ck_exemption_granted_when"),
        ),
        sa.CheckConstraint(
            "expires_at <= coalesce(granted_at, requested_at) + interval '732 days'",
            name=op.f("ck_exemption_ends_in_time"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'IN_FORCE', 'REJECTED', 'LAPSED', 'REVOKED')",
            name=op.f("ck_exemption_state_known"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL",
            name=op.f("ck_exemption_approved"),
        ),
        sa.CheckConstraint(
            "approved_by <> requested_by", name=op.f("ck_exemption_granted_by_another")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_exemption_model_id")),
        sa.ForeignKeyConstraint(["use_id"], ["entry.id"], name=op.f("fk_exemption_use_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exemption")),
    )
    op.create_index(
        "ix_exemption_expires_at_in_force",
        "exemption",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.create_index(op.f("ix_exemption_model_id"), "exemption", ["model_id"], unique=False)
    op.create_index(
        "uq_exemption_use_id_in_force",
        "exemption",
        ["use_id"],
        unique=True,
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("assignee", sa.String(), nullable=True),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("original_due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extensions", sa.Integer(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("accepted_by", sa.String(), nullable=True),
        sa.Column("accepted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(state = 'RISK_ACCEPTED') = (accepted_until IS NOT NULL)",
            name=op.f("ck_finding_acceptance_ends"),
        ),
        sa.CheckConstraint(
            "(state IN ('CLOSED', 'WITHDRAWN')) = (closed_at IS NOT NULL)",
            name=op.f("ck_finding_closed_when"),
        ),
        sa.CheckConstraint(
            "severity IN ('low', 'medium', 'high')", name=op.f("ck_finding_severity_known")
        ),
        sa.CheckConstraint(
            "state IN ('OPEN', 'ACKNOWLEDGED', 'PLANNED', 'IN_PROGRESS', 'PENDING_CLOSURE', 'REBUTTED', 'RISK_ACCEPTED', 'CLOSED', 'WITHDRAWN')",  # noqa: E501  # a condition as PostgreSQL writes it
            name=op.f("ck_finding_state_known"),
        ),
        sa.CheckConstraint("accepted_by <> assignee", name=op.f("ck_finding_accepted_by_another")),
        sa.CheckConstraint("closed_by <> assignee", name=op.f("ck_finding_closed_by_another")),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_finding_model_id")),
        sa.ForeignKeyConstraint(["version_id"], ["entry.id"], name=op.f("fk_finding_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
    )
    op.create_index(
        op.f("ix_finding_due_at_id"),
        "finding",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('CLOSED', 'WITHDRAWN')"),
    )
    op.create_index(
        "uq_finding_model_id_cause_open",
        "finding",
        ["model_id", "cause"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('CLOSED', 'WITHDRAWN')"),
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("placed_by", sa.String(), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.String(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_legal_hold_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index(op.f("ix_legal_hold_model_id"), "legal_hold", ["model_id"], unique=False)
    op.create_table(
        "model_risk",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("computed_tier", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("tier_low", sa.String(), nullable=False),
        sa.Column("tier_high", sa.String(), nullable=False),
        sa.Column("workflow_tier", sa.String(), nullable=False),
        sa.Column("deciding_use", sa.Uuid(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column(
            "live", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False
        ),
        sa.Column("in_production", sa.Boolean(), nullable=True),
        sa.Column("production_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("grace_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("facts_digest", sa.String(), nullable=False),
        sa.Column("confirmed_digest", sa.String(), nullable=True),
        sa.Column("confirmed_by", sa.String(), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_state", sa.String(), nullable=True),
        sa.Column("last_review_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_review_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_grace_end", sa.DateTime(timezone=True), nullable=True),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "computed_tier IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_model_risk_computed_tier_known"),
        ),
        sa.CheckConstraint(
            "status IN ('FIRM', 'PROVISIONAL', 'OVERRIDDEN')",
            name=op.f("ck_model_risk_status_known"),
        ),
        sa.CheckConstraint(
            "tier IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')", name=op.f("ck_model_risk_tier_known")
        ),
        sa.CheckConstraint(
            "tier_high IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_model_risk_tier_high_known"),
        ),
        sa.CheckConstraint(
            "tier_low IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_model_risk_tier_low_known"),
        ),
        sa.CheckConstraint(
            "workflow_tier IN ('NEGLIGIBLE', 'LOW', 'MEDIUM', 'HIGH')",
            name=op.f("ck_model_risk_workflow_tier_known"),
        ),
        sa.ForeignKeyConstraint(
            ["deciding_use"], ["entry.id"], name=op.f("fk_model_risk_deciding_use")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_model_risk_model_id")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_model_risk")),
    )
    op.create_index(
        op.f("ix_model_risk_tier_model_id"), "model_risk", ["tier", "model_id"], unique=False
    )
    op.create_index(
        op.f("ix_model_risk_workflow_tier_model_id"),
        "model_risk",
        ["workflow_tier", "model_id"],
        unique=False,
    )
    op.create_table(
        "outgoing_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("data", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["entry.id"], name=op.f("fk_outgoing_event_model_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outgoing_event")),
    )
    op.create_index(op.f("ix_outgoing_event_at"), "outgoing_event", ["at"], unique=False)
    op.create_index(
        op.f("ix_outgoing_event_model_id"), "outgoing_event", ["model_id"], unique=False
    )
    op.create_table(
        "pack_preview",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pack_id", sa.BigInteger(), nullable=False),
        sa.Column("base_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("rated", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["base_id"], ["control_pack.id"], name=op.f("fk_pack_preview_base_id")
        ),
        sa.ForeignKeyConstraint(
            ["pack_id"], ["control_pack.id"], name=op.f("fk_pack_preview_pack_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pack_preview")),
    )
    op.create_index(op.f("ix_pack_preview_pack_id"), "pack_preview", ["pack_id"], unique=False)
    op.create_table(
        "policy_preview",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("policy_id", sa.BigInteger(), nullable=False),
        sa.Column("base_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("rated", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["base_id"], ["policy.id"], name=op.f("fk_policy_preview_base_id")),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["policy.id"], name=op.f("fk_policy_preview_policy_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_preview")),
    )
    op.create_index(
        op.f("ix_policy_preview_policy_id"), "policy_preview", ["policy_id"], unique=False
    )
    op.create_table(
        "receiver",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("types", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "namespaces", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("secret_version", sa.Integer(), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resting_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_receiver_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receiver")),
        sa.UniqueConstraint("name", name=op.f("uq_receiver_name")),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("workflow_tier", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=True),
        sa.Column("approver", sa.String(), nullable=True),
        sa.Column("independence", sa.String(), nullable=True),
        sa.Column("identified", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version_digest", sa.String(), nullable=True),
        sa.Column("content_digest", sa.String(), nullable=True),
        sa.Column(
            "content", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "recommended", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.Column("hold_reason", sa.String(), nullable=True),
        sa.Column("reminded", sa.Integer(), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("successor_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "independence IN ('PASS', 'FAIL', 'UNKNOWN')", name=op.f("ck_review_independence_known")
        ),
        sa.CheckConstraint(
            "kind IN ('PRE', 'POST', 'SAMPLE', 'PERIODIC', 'TRIGGERED')",
            name=op.f("ck_review_kind_known"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUIRED', 'ASSIGNED', 'IN_REVIEW', 'CHANGES_REQUESTED', 'RECOMMENDED', 'DECIDED', 'CANCELLED', 'SUPERSEDED')",  # noqa: E501  # a condition as PostgreSQL writes it
            name=op.f("ck_review_state_known"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUIRED', 'CANCELLED', 'SUPERSEDED') OR reviewer IS NOT NULL",
            name=op.f("ck_review_somebody_reviews"),
        ),
        sa.CheckConstraint(
            "NOT on_hold OR hold_reason IS NOT NULL", name=op.f("ck_review_hold_has_a_reason")
        ),
        sa.CheckConstraint("approver <> opened_by", name=op.f("ck_review_approver_did_not_ask")),
        sa.CheckConstraint("approver <> reviewer", name=op.f("ck_review_approver_is_another")),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_review_model_id")),
        sa.ForeignKeyConstraint(
            ["successor_id"], ["review.id"], name=op.f("fk_review_successor_id")
        ),
        sa.ForeignKeyConstraint(["use_id"], ["entry.id"], name=op.f("fk_review_use_id")),
        sa.ForeignKeyConstraint(["version_id"], ["entry.id"], name=op.f("fk_review_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index(
        op.f("ix_review_due_at_id"),
        "review",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"),
    )
    op.create_index(op.f("ix_review_model_id"), "review", ["model_id"], unique=False)
    op.create_index(
        op.f("ix_review_reviewer"),
        "review",
        ["reviewer"],
        unique=False,
        postgresql_where=sa.text("state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"),
    )
    op.create_index(op.f("ix_review_version_id"), "review", ["version_id"], unique=False)
    op.create_index(
        "uq_review_kind_version_id_open",
        "review",
        ["kind", "version_id"],
        unique=True,
        postgresql_where=sa.text("state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"),
    )
    op.create_table(
        "risk_clock",
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("evaluated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_risk_clock_model_id")),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_risk_clock")),
    )
    op.create_index(
        op.f("ix_risk_clock_due_at"),
        "risk_clock",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "risk_exception",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("version_digest", sa.String(), nullable=True),
        sa.Column("limits", sa.String(), nullable=False),
        sa.Column("monitoring", sa.String(), nullable=False),
        sa.Column("informed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint(
            "(granted_at IS NULL) = (state IN ('REQUESTED', 'REJECTED'))",
            name=op.f("ck_risk_exception_granted_when"),
        ),
        sa.CheckConstraint(
            "expires_at <= coalesce(granted_at, requested_at) + interval '90 days'",
            name=op.f("ck_risk_exception_ends_in_time"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'IN_FORCE', 'REJECTED', 'LAPSED', 'REVOKED')",
            name=op.f("ck_risk_exception_state_known"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL",
            name=op.f("ck_risk_exception_approved"),
        ),
        sa.CheckConstraint(
            "approved_by <> requested_by", name=op.f("ck_risk_exception_granted_by_another")
        ),
        sa.CheckConstraint("renewals <= 1", name=op.f("ck_risk_exception_renewed_once")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["entry.id"], name=op.f("fk_risk_exception_model_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["entry.id"], name=op.f("fk_risk_exception_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_risk_exception")),
    )
    op.create_index(
        "ix_risk_exception_expires_at_in_force",
        "risk_exception",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.create_index(
        op.f("ix_risk_exception_model_id"), "risk_exception", ["model_id"], unique=False
    )
    op.create_index(
        op.f("ix_risk_exception_version_id"), "risk_exception", ["version_id"], unique=False
    )
    op.create_table(
        "sample_cycle",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("cycle", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("framed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frame", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("frame_digest", sa.String(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("seed", sa.String(), nullable=True),
        sa.Column("checkpoint_size", sa.BigInteger(), nullable=True),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("extended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_sample_cycle_change_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_cycle")),
        sa.UniqueConstraint("cycle", "tier", name=op.f("uq_sample_cycle_cycle_tier")),
    )
    op.create_table(
        "tier_override",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(granted_at IS NULL) = (state IN ('REQUESTED', 'REJECTED'))",
            name=op.f("ck_tier_override_granted_when"),
        ),
        sa.CheckConstraint(
            "direction = 'up' OR state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL",
            name=op.f("ck_tier_override_approved"),
        ),
        sa.CheckConstraint(
            "direction IN ('up', 'down')", name=op.f("ck_tier_override_direction_known")
        ),
        sa.CheckConstraint(
            "expires_at <= coalesce(granted_at, requested_at) + interval '366 days'",
            name=op.f("ck_tier_override_ends_in_time"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'IN_FORCE', 'REJECTED', 'LAPSED', 'REVOKED')",
            name=op.f("ck_tier_override_state_known"),
        ),
        sa.CheckConstraint(
            "tier IN ('LOW', 'MEDIUM', 'HIGH')", name=op.f("ck_tier_override_tier_known")
        ),
        sa.CheckConstraint(
            "approved_by <> requested_by", name=op.f("ck_tier_override_granted_by_another")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_tier_override_model_id")),
        sa.ForeignKeyConstraint(["use_id"], ["entry.id"], name=op.f("fk_tier_override_use_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tier_override")),
    )
    op.create_index(
        "ix_tier_override_expires_at_in_force",
        "tier_override",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.create_index(op.f("ix_tier_override_model_id"), "tier_override", ["model_id"], unique=False)
    op.create_index(
        "uq_tier_override_use_id_in_force",
        "tier_override",
        ["use_id"],
        unique=True,
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.create_table(
        "waiver",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("requested_by", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewals", sa.Integer(), nullable=False),
        sa.Column("renews", sa.Uuid(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("control", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=True),
        sa.Column("compensating", sa.String(), nullable=False),
        sa.Column("stated_in", sa.String(), nullable=True),
        sa.CheckConstraint(
            "(granted_at IS NULL) = (state IN ('REQUESTED', 'REJECTED'))",
            name=op.f("ck_waiver_granted_when"),
        ),
        sa.CheckConstraint(
            "expires_at <= coalesce(granted_at, requested_at) + interval '366 days'",
            name=op.f("ck_waiver_ends_in_time"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'IN_FORCE', 'REJECTED', 'LAPSED', 'REVOKED')",
            name=op.f("ck_waiver_state_known"),
        ),
        sa.CheckConstraint(
            "state IN ('REQUESTED', 'REJECTED') OR approved_by IS NOT NULL",
            name=op.f("ck_waiver_approved"),
        ),
        sa.CheckConstraint(
            "approved_by <> requested_by", name=op.f("ck_waiver_granted_by_another")
        ),
        sa.CheckConstraint("renewals <= 1", name=op.f("ck_waiver_renewed_once")),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_waiver_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiver")),
    )
    op.create_index(
        "ix_waiver_expires_at_in_force",
        "waiver",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.create_index(op.f("ix_waiver_model_id"), "waiver", ["model_id"], unique=False)
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reviewer", sa.String(), nullable=False),
        sa.Column("approver", sa.String(), nullable=True),
        sa.Column("decider_kind", sa.String(), nullable=False),
        sa.Column("independence", sa.String(), nullable=False),
        sa.Column("builders", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version_digest", sa.String(), nullable=True),
        sa.Column("content_digest", sa.String(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("workflow_tier", sa.String(), nullable=False),
        sa.Column("tier", sa.String(), nullable=False),
        sa.Column("tier_confirmed", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.String(), nullable=False),
        sa.Column("conditions", sa.Integer(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(outcome IN ('APPROVED', 'APPROVED_WITH_CONDITIONS', 'REJECTED')) = (approver IS NOT NULL)",  # noqa: E501  # a condition as PostgreSQL writes it
            name=op.f("ck_decision_approver_if"),
        ),
        sa.CheckConstraint(
            "(outcome LIKE '%%\\_WITH\\_CONDITIONS') = (conditions > 0)",
            name=op.f("ck_decision_conditions_if"),
        ),
        sa.CheckConstraint("decider_kind = 'person'", name=op.f("ck_decision_people_decide")),
        sa.CheckConstraint("independence <> 'FAIL'", name=op.f("ck_decision_independent")),
        sa.CheckConstraint(
            "outcome IN ('REVIEWED', 'REVIEWED_WITH_CONDITIONS', 'OBJECTED', 'APPROVED', 'APPROVED_WITH_CONDITIONS', 'REJECTED')",  # noqa: E501  # a condition as PostgreSQL writes it
            name=op.f("ck_decision_outcome_known"),
        ),
        sa.CheckConstraint("approver <> reviewer", name=op.f("ck_decision_approver_is_another")),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_decision_change_id")),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_decision_model_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_decision_review_id")),
        sa.ForeignKeyConstraint(["use_id"], ["entry.id"], name=op.f("fk_decision_use_id")),
        sa.ForeignKeyConstraint(["version_id"], ["entry.id"], name=op.f("fk_decision_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(
        op.f("ix_decision_model_id_decided_at"),
        "decision",
        ["model_id", "decided_at"],
        unique=False,
    )
    op.create_index(op.f("ix_decision_review_id"), "decision", ["review_id"], unique=False)
    op.create_index(
        op.f("ix_decision_version_id_decided_at"),
        "decision",
        ["version_id", "decided_at"],
        unique=False,
    )
    op.create_table(
        "outgoing_delivery",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("receiver_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('WAITING', 'DELIVERED', 'FAILED')",
            name=op.f("ck_outgoing_delivery_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["outgoing_event.id"], name=op.f("fk_outgoing_delivery_event_id")
        ),
        sa.ForeignKeyConstraint(
            ["receiver_id"], ["receiver.id"], name=op.f("fk_outgoing_delivery_receiver_id")
        ),
        sa.PrimaryKeyConstraint("event_id", "receiver_id", name=op.f("pk_outgoing_delivery")),
    )
    op.create_index(
        op.f("ix_outgoing_delivery_receiver_id"), "outgoing_delivery", ["receiver_id"], unique=False
    )
    op.create_index(
        op.f("ix_outgoing_delivery_receiver_id_next_at"),
        "outgoing_delivery",
        ["receiver_id", "next_at"],
        unique=False,
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.create_table(
        "pack_preview_line",
        sa.Column("preview_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("control", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("items", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("missing", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("pack_defect", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["model_id"], ["entry.id"], name=op.f("fk_pack_preview_line_model_id")
        ),
        sa.ForeignKeyConstraint(
            ["preview_id"], ["pack_preview.id"], name=op.f("fk_pack_preview_line_preview_id")
        ),
        sa.PrimaryKeyConstraint(
            "preview_id", "model_id", "control", name=op.f("pk_pack_preview_line")
        ),
    )
    op.create_table(
        "policy_preview_line",
        sa.Column("preview_id", sa.Uuid(), nullable=False),
        sa.Column("use_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("before", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("after", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("differences", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["entry.id"], name=op.f("fk_policy_preview_line_model_id")
        ),
        sa.ForeignKeyConstraint(
            ["preview_id"], ["policy_preview.id"], name=op.f("fk_policy_preview_line_preview_id")
        ),
        sa.ForeignKeyConstraint(
            ["use_id"], ["entry.id"], name=op.f("fk_policy_preview_line_use_id")
        ),
        sa.PrimaryKeyConstraint("preview_id", "use_id", name=op.f("pk_policy_preview_line")),
    )
    op.create_table(
        "sample_draw",
        sa.Column("cycle_id", sa.BigInteger(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("review_id", sa.Uuid(), nullable=True),
        sa.Column("tier_confirmed", sa.Boolean(), nullable=True),
        sa.CheckConstraint(
            "state IN ('DRAWN', 'LEFT', 'DECIDED')", name=op.f("ck_sample_draw_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["cycle_id"], ["sample_cycle.id"], name=op.f("fk_sample_draw_cycle_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_sample_draw_model_id")),
        sa.ForeignKeyConstraint(
            ["review_id"], ["review.id"], name=op.f("fk_sample_draw_review_id")
        ),
        sa.PrimaryKeyConstraint("cycle_id", "model_id", name=op.f("pk_sample_draw")),
        sa.UniqueConstraint("cycle_id", "rank", name=op.f("uq_sample_draw_cycle_id_rank")),
    )
    op.create_table(
        "change_class",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("change_class", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("classed_by", sa.String(), nullable=False),
        sa.Column("classed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "change_class IN ('material', 'minor')", name=op.f("ck_change_class_class_known")
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_change_class_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_change_class_decision_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_change_class_model_id")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["entry.id"], name=op.f("fk_change_class_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_class")),
    )
    op.create_index(
        op.f("ix_change_class_decision_id"), "change_class", ["decision_id"], unique=False
    )
    op.create_table(
        "condition",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("met_by", sa.String(), nullable=True),
        sa.Column("met_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_by", sa.String(), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('OPEN', 'MET', 'VERIFIED', 'DROPPED')", name=op.f("ck_condition_state_known")
        ),
        sa.CheckConstraint("verified_by <> met_by", name=op.f("ck_condition_verified_by_another")),
        sa.ForeignKeyConstraint(
            ["decision_id"], ["decision.id"], name=op.f("fk_condition_decision_id")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["entry.id"], name=op.f("fk_condition_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_condition")),
    )
    op.create_index(op.f("ix_condition_decision_id"), "condition", ["decision_id"], unique=False)
    op.create_index(op.f("ix_condition_model_id"), "condition", ["model_id"], unique=False)
    for table in RISK:
        op.execute(versioning_sql(table))
    for name in RISK_APPEND_ONLY:
        op.execute(append_only_sql(name))
    for statement in first_rules():
        op.execute(statement)
    op.execute(grants_sql())


def downgrade() -> None:  # noqa: PLR0915  # the same, backwards
    op.drop_index(op.f("ix_condition_model_id"), table_name="condition")
    op.drop_index(op.f("ix_condition_decision_id"), table_name="condition")
    op.drop_table("condition")
    op.drop_index(op.f("ix_change_class_decision_id"), table_name="change_class")
    op.drop_table("change_class")
    op.drop_table("sample_draw")
    op.drop_table("policy_preview_line")
    op.drop_table("pack_preview_line")
    op.drop_index(
        op.f("ix_outgoing_delivery_receiver_id_next_at"),
        table_name="outgoing_delivery",
        postgresql_where=sa.text("state = 'WAITING'"),
    )
    op.drop_index(op.f("ix_outgoing_delivery_receiver_id"), table_name="outgoing_delivery")
    op.drop_table("outgoing_delivery")
    op.drop_index(op.f("ix_decision_version_id_decided_at"), table_name="decision")
    op.drop_index(op.f("ix_decision_review_id"), table_name="decision")
    op.drop_index(op.f("ix_decision_model_id_decided_at"), table_name="decision")
    op.drop_table("decision")
    op.drop_index(op.f("ix_waiver_model_id"), table_name="waiver")
    op.drop_index(
        "ix_waiver_expires_at_in_force",
        table_name="waiver",
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.drop_table("waiver")
    op.drop_index(
        "uq_tier_override_use_id_in_force",
        table_name="tier_override",
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.drop_index(op.f("ix_tier_override_model_id"), table_name="tier_override")
    op.drop_index(
        "ix_tier_override_expires_at_in_force",
        table_name="tier_override",
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.drop_table("tier_override")
    op.drop_table("sample_cycle")
    op.drop_index(op.f("ix_risk_exception_version_id"), table_name="risk_exception")
    op.drop_index(op.f("ix_risk_exception_model_id"), table_name="risk_exception")
    op.drop_index(
        "ix_risk_exception_expires_at_in_force",
        table_name="risk_exception",
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.drop_table("risk_exception")
    op.drop_index(
        op.f("ix_risk_clock_due_at"),
        table_name="risk_clock",
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.drop_table("risk_clock")
    op.drop_index(
        "uq_review_kind_version_id_open",
        table_name="review",
        postgresql_where=sa.text("state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"),
    )
    op.drop_index(op.f("ix_review_version_id"), table_name="review")
    op.drop_index(
        op.f("ix_review_reviewer"),
        table_name="review",
        postgresql_where=sa.text("state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"),
    )
    op.drop_index(op.f("ix_review_model_id"), table_name="review")
    op.drop_index(
        op.f("ix_review_due_at_id"),
        table_name="review",
        postgresql_where=sa.text("state NOT IN ('DECIDED', 'CANCELLED', 'SUPERSEDED')"),
    )
    op.drop_table("review")
    op.drop_table("receiver")
    op.drop_index(op.f("ix_policy_preview_policy_id"), table_name="policy_preview")
    op.drop_table("policy_preview")
    op.drop_index(op.f("ix_pack_preview_pack_id"), table_name="pack_preview")
    op.drop_table("pack_preview")
    op.drop_index(op.f("ix_outgoing_event_model_id"), table_name="outgoing_event")
    op.drop_index(op.f("ix_outgoing_event_at"), table_name="outgoing_event")
    op.drop_table("outgoing_event")
    op.drop_index(op.f("ix_model_risk_workflow_tier_model_id"), table_name="model_risk")
    op.drop_index(op.f("ix_model_risk_tier_model_id"), table_name="model_risk")
    op.drop_table("model_risk")
    op.drop_index(op.f("ix_legal_hold_model_id"), table_name="legal_hold")
    op.drop_table("legal_hold")
    op.drop_index(
        "uq_finding_model_id_cause_open",
        table_name="finding",
        postgresql_where=sa.text("state NOT IN ('CLOSED', 'WITHDRAWN')"),
    )
    op.drop_index(
        op.f("ix_finding_due_at_id"),
        table_name="finding",
        postgresql_where=sa.text("state NOT IN ('CLOSED', 'WITHDRAWN')"),
    )
    op.drop_table("finding")
    op.drop_index(
        "uq_exemption_use_id_in_force",
        table_name="exemption",
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.drop_index(op.f("ix_exemption_model_id"), table_name="exemption")
    op.drop_index(
        "ix_exemption_expires_at_in_force",
        table_name="exemption",
        postgresql_where=sa.text("state = 'IN_FORCE'"),
    )
    op.drop_table("exemption")
    op.drop_index(op.f("ix_control_result_control_result"), table_name="control_result")
    op.drop_table("control_result")
    op.drop_index(op.f("ix_attestation_model_id_attested_at"), table_name="attestation")
    op.drop_table("attestation")
    op.drop_index(op.f("ix_assessment_model_id"), table_name="assessment")
    op.drop_index(op.f("ix_assessment_facts_digest"), table_name="assessment")
    op.drop_table("assessment")
    op.drop_table("announced")
    op.drop_index(op.f("ix_waiver_history_model_id"), table_name="waiver_history")
    op.drop_index(op.f("ix_waiver_history_id_valid_from"), table_name="waiver_history")
    op.drop_table("waiver_history")
    op.drop_index(op.f("ix_tier_override_history_model_id"), table_name="tier_override_history")
    op.drop_index(
        op.f("ix_tier_override_history_id_valid_from"), table_name="tier_override_history"
    )
    op.drop_table("tier_override_history")
    op.drop_table("risk_look")
    op.drop_index(op.f("ix_risk_exception_history_model_id"), table_name="risk_exception_history")
    op.drop_index(
        op.f("ix_risk_exception_history_id_valid_from"), table_name="risk_exception_history"
    )
    op.drop_table("risk_exception_history")
    op.drop_index(op.f("ix_reviewer_absence_account"), table_name="reviewer_absence")
    op.drop_table("reviewer_absence")
    op.drop_index(op.f("ix_review_history_model_id"), table_name="review_history")
    op.drop_index(op.f("ix_review_history_id_valid_from"), table_name="review_history")
    op.drop_table("review_history")
    op.drop_index(
        "uq_revaluation_what_open",
        table_name="revaluation",
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.drop_table("revaluation")
    op.drop_index(op.f("ix_policy_history_id_valid_from"), table_name="policy_history")
    op.drop_table("policy_history")
    op.drop_index(
        "uq_policy_state_active", table_name="policy", postgresql_where=sa.text("state = 'ACTIVE'")
    )
    op.drop_table("policy")
    op.drop_index(
        op.f("ix_model_risk_history_model_id_valid_from"), table_name="model_risk_history"
    )
    op.drop_table("model_risk_history")
    op.drop_index(op.f("ix_finding_history_model_id"), table_name="finding_history")
    op.drop_index(op.f("ix_finding_history_id_valid_from"), table_name="finding_history")
    op.drop_table("finding_history")
    op.drop_index(op.f("ix_exemption_history_model_id"), table_name="exemption_history")
    op.drop_index(op.f("ix_exemption_history_id_valid_from"), table_name="exemption_history")
    op.drop_table("exemption_history")
    op.drop_index(
        op.f("ix_control_result_history_model_id_control_valid_from"),
        table_name="control_result_history",
    )
    op.drop_table("control_result_history")
    op.drop_index(op.f("ix_control_pack_history_id_valid_from"), table_name="control_pack_history")
    op.drop_table("control_pack_history")
    op.drop_index(
        "uq_control_pack_state_active",
        table_name="control_pack",
        postgresql_where=sa.text("state = 'ACTIVE'"),
    )
    op.drop_table("control_pack")
    op.drop_index(op.f("ix_condition_history_model_id"), table_name="condition_history")
    op.drop_index(op.f("ix_condition_history_id_valid_from"), table_name="condition_history")
    op.drop_table("condition_history")
    op.drop_index(op.f("ix_assessment_history_use_id_valid_from"), table_name="assessment_history")
    op.drop_index(op.f("ix_assessment_history_model_id"), table_name="assessment_history")
    op.drop_table("assessment_history")
