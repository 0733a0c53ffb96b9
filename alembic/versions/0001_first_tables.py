"""The first tables.

Revision: 0001, after .
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from service.catalog import card_triggers, moments
from service.history import DROP_FUNCTIONS, FUNCTIONS, append_only_sql, versioning_sql
from service.roles import grants_sql
from service.tables import APPEND_ONLY, RISK, RISK_APPEND_ONLY, VERSIONED

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


LAST = "\U0010ffff"
PLACE = f"COALESCE(\"left\"(natural_key::text, 500), '{LAST}'::text)"  # of a name in a list
PAST = (  # by which columns old rows are found
    ("build", "repository_id"),
    ("deployment", "build_id"),
    ("deployment", "repository_id"),
    ("deployment", "version_id"),
    ("entry", "kind", "namespace"),
    ("entry", "kind", "natural_key"),
    ("identity_decision", "entry_id"),
    ("identity_decision", "other_id"),
    ("link", "target_id"),
    ("subject", "entry_id", "id"),
    ("subject", "kind", "scheme", "value"),
    ("training_run", "parent_id"),
    ("training_run", "repository_id"),
    ("use", "model_id"),
    ("version", "build_id"),
    ("version", "model_id"),
    ("version", "repository_id"),
    ("version", "training_run_id"),
)
KINDS = (
    "build",
    "dataset",
    "deployment",
    "model",
    "owner",
    "repository",
    "training_run",
    "use",
    "version",
)


def upgrade() -> None:  # noqa: PLR0915  # one list of steps, in the order of references
    op.execute(card_triggers.EXTENSION)
    op.create_table(
        "absence_history",
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("harvests", sa.Integer(), nullable=True),
        sa.Column("unseen_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_absence_history_source_id_subject_id_valid_from"),
        "absence_history",
        ["source_id", "subject_id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "account_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("display_name", sa.String(), nullable=True),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_account_history_id_valid_from"),
        "account_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "build_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("on_protected_branch", sa.Boolean(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("workflow", sa.Text(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column(
            "artifacts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "model_uris", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "provenance_statements",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("offered", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_build_history_id_valid_from"), "build_history", ["id", "valid_from"], unique=False
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text(
                "CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END"
            ),
            nullable=False,
        ),
        sa.Column(
            "xid",
            sa.BigInteger(),
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
        sa.Column("canon", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("field", sa.String(), nullable=True),
        sa.CheckConstraint("octet_length(canon) <= 1048576", name=op.f("ck_change_canon_bounded")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_index(op.f("ix_change_entry_id_id"), "change", ["entry_id", "id"], unique=False)
    op.create_index(op.f("ix_change_xid_id"), "change", ["xid", "id"], unique=False)
    op.create_table(
        "dataset_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("source_type", sa.Text(), nullable=True),
        sa.Column("schema", sa.Text(), nullable=True),
        sa.Column("data_sensitivity", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("collected_from", sa.Text(), nullable=True),
        sa.Column("collected_to", sa.Text(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_dataset_history_id_valid_from"),
        "dataset_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "deployment_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("environment_class", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_model", sa.Text(), nullable=True),
        sa.Column("claimed_version", sa.Text(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("build_id", sa.Uuid(), nullable=True),
        sa.Column("artifact_uri", sa.Text(), nullable=True),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("traffic_percent", sa.Double(), nullable=True),
        sa.Column("deployed_by", sa.Text(), nullable=True),
        sa.Column("blueprint", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("sought", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("matched", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_deployment_history_id_valid_from"),
        "deployment_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("natural_key", sa.String(collation="C"), nullable=True),
        sa.Column("stub", sa.Boolean(), nullable=False),
        sa.Column("by_time", sa.Boolean(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("replaced_by", sa.Uuid(), nullable=True),
        sa.Column("numbered_by", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('model', 'version', 'training_run', 'dataset', 'owner', 'repository', "
            "'build', 'deployment', 'use')",
            name=op.f("ck_entry_kind_known"),
        ),
        sa.ForeignKeyConstraint(["merged_into"], ["entry.id"], name=op.f("fk_entry_merged_into")),
        sa.ForeignKeyConstraint(
            ["replaced_by"],
            ["entry.id"],
            name=op.f("fk_entry_replaced_by"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry")),
    )
    op.create_index(op.f("ix_entry_kind_namespace"), "entry", ["kind", "namespace"], unique=False)
    op.create_index(op.f("ix_entry_merged_into"), "entry", ["merged_into"], unique=False)
    op.create_index(
        "ix_entry_replaced_by",
        "entry",
        ["replaced_by"],
        unique=False,
        postgresql_where=sa.text("replaced_by IS NOT NULL"),
    )
    op.create_index(
        "uq_entry_kind_natural_key",
        "entry",
        ["kind", "natural_key"],
        unique=True,
        postgresql_where=sa.text("replaced_by IS NULL AND merged_into IS NULL"),
    )
    op.create_table(
        "entry_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("natural_key", sa.String(collation="C"), nullable=True),
        sa.Column("stub", sa.Boolean(), nullable=True),
        sa.Column("by_time", sa.Boolean(), nullable=True),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("gone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("replaced_by", sa.Uuid(), nullable=True),
        sa.Column("numbered_by", sa.Integer(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_entry_history_id_valid_from"), "entry_history", ["id", "valid_from"], unique=False
    )
    op.create_table(
        "entry_namespace_history",
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("granted_by", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_entry_namespace_history_entry_id_namespace_granted_by_valid_from"),
        "entry_namespace_history",
        ["entry_id", "namespace", "granted_by", "valid_from"],
        unique=False,
    )
    op.create_table(
        "idempotency",
        sa.Column("caller", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("request_sha256", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column(
            "answer", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_asked_at"), "idempotency", ["asked_at"], unique=False)
    op.create_table(
        "identity_decision_history",
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.Column("op", sa.String(), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("other_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("homes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_identity_decision_history_id_valid_from"),
        "identity_decision_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "ledger_checkpoint",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column(
            "made_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("octet_length(root) = 32", name=op.f("ck_ledger_checkpoint_root_whole")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_ledger_checkpoint")),
    )
    op.create_index(
        op.f("ix_ledger_checkpoint_made_at"), "ledger_checkpoint", ["made_at"], unique=False
    )
    op.create_table(
        "ledger_tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("index", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(hashes) = 8192", name=op.f("ck_ledger_tile_tile_full")),
        sa.PrimaryKeyConstraint("level", "index", name=op.f("pk_ledger_tile")),
    )
    op.create_table(
        "link_history",
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_link_history_entry_id_field_key_valid_from"),
        "link_history",
        ["entry_id", "field", "key", "valid_from"],
        unique=False,
    )
    op.create_table(
        "model_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("namespace", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("asset_kind", sa.Text(), nullable=True),
        sa.Column("lifecycle", sa.Text(), nullable=True),
        sa.Column("task", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("update_mode", sa.Text(), nullable=True),
        sa.Column("explainability", sa.Text(), nullable=True),
        sa.Column("model_class", sa.Text(), nullable=True),
        sa.Column("data_sensitivity", sa.Text(), nullable=True),
        sa.Column("exposure", sa.Text(), nullable=True),
        sa.Column(
            "protected_features",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("downstream_dependents", sa.BigInteger(), nullable=True),
        sa.Column("vendor_name", sa.Text(), nullable=True),
        sa.Column("contract_ref", sa.Text(), nullable=True),
        sa.Column(
            "disclosed", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column(
            "limitations", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "assumptions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "performance_thresholds",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("monitoring_interval_days", sa.BigInteger(), nullable=True),
        sa.Column("monitoring_url", sa.Text(), nullable=True),
        sa.Column("last_monitored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("log_retention_days", sa.BigInteger(), nullable=True),
        sa.Column("pmm_plan_ref", sa.Text(), nullable=True),
        sa.Column("incident_contact", sa.Text(), nullable=True),
        sa.Column("blueprint", sa.Text(), nullable=True),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "uses", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "waivers", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "links", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_model_history_id_valid_from"), "model_history", ["id", "valid_from"], unique=False
    )
    op.create_table(
        "owner_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_owner_history_id_valid_from"), "owner_history", ["id", "valid_from"], unique=False
    )
    op.create_table(
        "owner_mapping_history",
        sa.Column("scheme", sa.String(), nullable=True),
        sa.Column("value", sa.Text(collation="C"), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_owner_mapping_history_scheme_value_account_id_valid_from"),
        "owner_mapping_history",
        ["scheme", "value", "account_id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "pin_history",
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("field", sa.String(), nullable=True),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("joined", sa.Boolean(), nullable=True),
        sa.Column("beneath", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("pinned_by", sa.String(), nullable=True),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_pin_history_entry_id_field_valid_from"),
        "pin_history",
        ["entry_id", "field", "valid_from"],
        unique=False,
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("harvest_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("document", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
        prefixes=["UNLOGGED"],
    )
    op.create_index(
        op.f("ix_plan_harvest_id_subject"), "plan", ["harvest_id", "subject"], unique=False
    )
    op.create_table(
        "repository_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("head_commit", sa.Text(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "topics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "manifests", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("expects_models", sa.Boolean(), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_repository_history_id_valid_from"),
        "repository_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "role_grant_history",
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted_by", sa.String(), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_role_grant_history_id_valid_from"),
        "role_grant_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "seen",
        sa.Column("harvest_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("observation_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("harvest_id", "subject_id", name=op.f("pk_seen")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "source_history",
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("namespaces", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("may_name", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("precedence", sa.Integer(), nullable=True),
        sa.Column("field_precedence", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("expected_interval_seconds", sa.Integer(), nullable=True),
        sa.Column("absences", sa.Integer(), nullable=True),
        sa.Column("held_back_share", sa.Float(), nullable=True),
        sa.Column("held_back_count", sa.Integer(), nullable=True),
        sa.Column("credential", sa.String(), nullable=True),
        sa.Column("webhook_secret", sa.String(), nullable=True),
        sa.Column("may_grant_ownership", sa.Boolean(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=True),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_source_history_id_valid_from"),
        "source_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "subject_history",
        sa.Column("id", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("scheme", sa.String(), nullable=True),
        sa.Column("value", sa.Text(collation="C"), nullable=True),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("home_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_subject_history_id_valid_from"),
        "subject_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "training_run_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("experiment", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("lifecycle", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("source_name", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "params", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "metrics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "logged_models",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("source_commit", sa.Text(), nullable=True),
        sa.Column("source_branch", sa.Text(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("job", sa.Text(), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_training_run_history_id_valid_from"),
        "training_run_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "use_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("line_of_business", sa.Text(), nullable=True),
        sa.Column(
            "jurisdictions",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("user_groups", sa.Text(), nullable=True),
        sa.Column(
            "restrictions",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("operating_boundaries", sa.Text(), nullable=True),
        sa.Column("human_oversight", sa.Text(), nullable=True),
        sa.Column("appeal_route", sa.Text(), nullable=True),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.Column("exposure", sa.Text(), nullable=True),
        sa.Column("decision_role", sa.Text(), nullable=True),
        sa.Column(
            "people_affected_per_year",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "financial_exposure_per_year",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("regulatory_use", sa.Text(), nullable=True),
        sa.Column("harm_reversibility", sa.Text(), nullable=True),
        sa.Column(
            "regulated_purposes",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("eu_role", sa.Text(), nullable=True),
        sa.Column("annex_iii_point", sa.Text(), nullable=True),
        sa.Column("profiling", sa.Boolean(), nullable=True),
        sa.Column("art6_3_basis", sa.Text(), nullable=True),
        sa.Column("art6_3_ref", sa.Text(), nullable=True),
        sa.Column("writes_system_of_record", sa.Boolean(), nullable=True),
        sa.Column("per_action_approval", sa.Boolean(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("benefits", sa.Text(), nullable=True),
        sa.Column("potential_impacts", sa.Text(), nullable=True),
        sa.Column("in_use_since", sa.Text(), nullable=True),
        sa.Column("withheld", sa.Text(), nullable=True),
        sa.Column("us_high_impact_reason", sa.Text(), nullable=True),
        sa.Column(
            "practices",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "authorisation",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("dpia_ref", sa.Text(), nullable=True),
        sa.Column("fria_ref", sa.Text(), nullable=True),
        sa.Column("impact_assessed_on", sa.Text(), nullable=True),
        sa.Column(
            "member_states",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("eu_registration_id", sa.Text(), nullable=True),
        sa.Column("declaration_ref", sa.Text(), nullable=True),
        sa.Column("bias_audit_on", sa.Text(), nullable=True),
        sa.Column("auditor", sa.Text(), nullable=True),
        sa.Column("distribution_on", sa.Text(), nullable=True),
        sa.Column("summary_url", sa.Text(), nullable=True),
        sa.Column(
            "fairness",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "cells",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_use_history_id_valid_from"), "use_history", ["id", "valid_from"], unique=False
    )
    op.create_table(
        "used_assertion",
        sa.Column("issuer", sa.Text(collation="C"), nullable=False),
        sa.Column("digest", sa.Text(collation="C"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "digest", name=op.f("pk_used_assertion")),
    )
    op.create_index(
        op.f("ix_used_assertion_expires_at"), "used_assertion", ["expires_at"], unique=False
    )
    op.create_table(
        "version_history",
        sa.Column("id", sa.Uuid(), nullable=True),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "aliases", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("training_run_id", sa.Uuid(), nullable=True),
        sa.Column("logged_model", sa.Text(), nullable=True),
        sa.Column("source_uri", sa.Text(), nullable=True),
        sa.Column("source_commit", sa.Text(), nullable=True),
        sa.Column("source_branch", sa.Text(), nullable=True),
        sa.Column("source_dirty", sa.Boolean(), nullable=True),
        sa.Column("on_protected_branch", sa.Boolean(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("build_id", sa.Uuid(), nullable=True),
        sa.Column("provenance_ref", sa.Text(), nullable=True),
        sa.Column("model_class", sa.Text(), nullable=True),
        sa.Column("framework", sa.Text(), nullable=True),
        sa.Column("input_schema", sa.Text(), nullable=True),
        sa.Column("output_schema", sa.Text(), nullable=True),
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column("base_model_version", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column(
            "metrics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "protected_features",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "digests", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("number_key", sa.Text(collation="C"), nullable=True),
        sa.Column("offered", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("sought", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("matched", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_to", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        op.f("ix_version_history_id_valid_from"),
        "version_history",
        ["id", "valid_from"],
        unique=False,
    )
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=True),
        sa.Column("issuer", sa.String(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('person', 'machine')", name=op.f("ck_account_kind_known")),
        sa.CheckConstraint(
            "name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'", name=op.f("ck_account_name_form")
        ),
        sa.CheckConstraint(
            "(issuer IS NULL) = (subject IS NULL)", name=op.f("ck_account_identity_whole")
        ),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_account_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_account_issuer_subject")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "dataset",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("uri", sa.Text(), nullable=True),
        sa.Column("source_type", sa.Text(), nullable=True),
        sa.Column("schema", sa.Text(), nullable=True),
        sa.Column("data_sensitivity", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("source_url", sa.Text(), nullable=True),
        sa.Column("collected_from", sa.Text(), nullable=True),
        sa.Column("collected_to", sa.Text(), nullable=True),
        sa.Column("records", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_dataset_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dataset")),
    )
    op.create_table(
        "entry_namespace",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("granted_by", sa.Uuid(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entry.id"], name=op.f("fk_entry_namespace_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["granted_by"], ["entry.id"], name=op.f("fk_entry_namespace_granted_by")
        ),
        sa.PrimaryKeyConstraint(
            "entry_id", "namespace", "granted_by", name=op.f("pk_entry_namespace")
        ),
    )
    op.create_index(
        op.f("ix_entry_namespace_granted_by"), "entry_namespace", ["granted_by"], unique=False
    )
    op.create_table(
        "index_card",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("sort_key", sa.Text(collation="C"), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.Column("names", sa.Text(), nullable=False),
        sa.Column("facets", sa.Text(collation="C"), nullable=True),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_index_card_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_card")),
    )
    op.create_index(
        op.f("ix_index_card_kind_namespace_facets"),
        "index_card",
        ["kind", "namespace", "facets"],
        unique=False,
    )
    op.create_index(
        op.f("ix_index_card_kind_namespace_sort_key_id"),
        "index_card",
        ["kind", "namespace", "sort_key", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_index_card_kind_sort_key_id"),
        "index_card",
        ["kind", "sort_key", "id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_index_card_names"),
        "index_card",
        ["names"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"names": "gin_trgm_ops"},
    )
    op.create_index(
        op.f("ix_index_card_words"), "index_card", ["words"], unique=False, postgresql_using="gin"
    )
    op.create_table(
        "ledger_leaf",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("octet_length(leaf) = 32", name=op.f("ck_ledger_leaf_leaf_whole")),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_ledger_leaf_change_id")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_leaf")),
        sa.UniqueConstraint("change_id", name=op.f("uq_ledger_leaf_change_id")),
    )
    op.create_table(
        "link",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_link_entry_id")),
        sa.ForeignKeyConstraint(["target_id"], ["entry.id"], name=op.f("fk_link_target_id")),
        sa.PrimaryKeyConstraint("entry_id", "field", "key", name=op.f("pk_link")),
    )
    op.create_index(op.f("ix_link_target_id"), "link", ["target_id"], unique=False)
    op.create_table(
        "model",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("asset_kind", sa.Text(), nullable=True),
        sa.Column("lifecycle", sa.Text(), nullable=True),
        sa.Column("task", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("update_mode", sa.Text(), nullable=True),
        sa.Column("explainability", sa.Text(), nullable=True),
        sa.Column("model_class", sa.Text(), nullable=True),
        sa.Column("data_sensitivity", sa.Text(), nullable=True),
        sa.Column("exposure", sa.Text(), nullable=True),
        sa.Column(
            "protected_features",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("downstream_dependents", sa.BigInteger(), nullable=True),
        sa.Column("vendor_name", sa.Text(), nullable=True),
        sa.Column("contract_ref", sa.Text(), nullable=True),
        sa.Column(
            "disclosed", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column(
            "limitations", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "assumptions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "performance_thresholds",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("monitoring_interval_days", sa.BigInteger(), nullable=True),
        sa.Column("monitoring_url", sa.Text(), nullable=True),
        sa.Column("last_monitored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("log_retention_days", sa.BigInteger(), nullable=True),
        sa.Column("pmm_plan_ref", sa.Text(), nullable=True),
        sa.Column("incident_contact", sa.Text(), nullable=True),
        sa.Column("blueprint", sa.Text(), nullable=True),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "uses", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "waivers", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "links", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
    )
    op.create_table(
        "owner",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("display_name", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_owner")),
    )
    op.create_table(
        "pin",
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("joined", sa.Boolean(), nullable=False),
        sa.Column("beneath", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("pinned_by", sa.String(), nullable=False),
        sa.Column("pinned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "NOT joined OR value = 'null'::jsonb", name=op.f("ck_pin_joined_without_value")
        ),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_pin_change_id")),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], name=op.f("fk_pin_entry_id")),
        sa.PrimaryKeyConstraint("entry_id", "field", name=op.f("pk_pin")),
    )
    op.create_index(
        op.f("ix_pin_expires_at"),
        "pin",
        ["expires_at"],
        unique=False,
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.create_table(
        "repository",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("default_branch", sa.Text(), nullable=True),
        sa.Column("head_commit", sa.Text(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=True),
        sa.Column("archived", sa.Boolean(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "topics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pushed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "manifests", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("expects_models", sa.Boolean(), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_repository_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_repository")),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=False),
        sa.Column("namespaces", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("may_name", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("precedence", sa.Integer(), nullable=False),
        sa.Column("field_precedence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("expected_interval_seconds", sa.Integer(), nullable=False),
        sa.Column("absences", sa.Integer(), nullable=False),
        sa.Column("held_back_share", sa.Float(), nullable=False),
        sa.Column("held_back_count", sa.Integer(), nullable=False),
        sa.Column("credential", sa.String(), nullable=True),
        sa.Column("webhook_secret", sa.String(), nullable=True),
        sa.Column("may_grant_ownership", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("settings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name=op.f("ck_source_name_form")),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_source_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
        sa.UniqueConstraint("name", name=op.f("uq_source_name")),
    )
    op.create_table(
        "subject",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("value", sa.Text(collation="C"), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=True),
        sa.Column("home_id", sa.Uuid(), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('model', 'version', 'training_run', 'dataset', 'owner', 'repository', "
            "'build', 'deployment', 'use')",
            name=op.f("ck_subject_kind_known"),
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"],
            ["entry.id"],
            name=op.f("fk_subject_entry_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.ForeignKeyConstraint(
            ["home_id"],
            ["entry.id"],
            name=op.f("fk_subject_home_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        sa.UniqueConstraint("kind", "scheme", "value", name=op.f("uq_subject_kind_scheme_value")),
    )
    op.create_index(op.f("ix_subject_entry_id_id"), "subject", ["entry_id", "id"], unique=False)
    op.create_index(op.f("ix_subject_home_id"), "subject", ["home_id"], unique=False)
    op.create_table(
        "absence",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("harvests", sa.Integer(), nullable=False),
        sa.Column("unseen_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("gone_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_absence_source_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_absence_subject_id")),
        sa.PrimaryKeyConstraint("source_id", "subject_id", name=op.f("pk_absence")),
    )
    op.create_index(
        op.f("ix_absence_subject_id"),
        "absence",
        ["subject_id"],
        postgresql_where=sa.text("gone_since IS NULL"),
    )
    op.create_table(
        "build",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("ref", sa.Text(), nullable=True),
        sa.Column("on_protected_branch", sa.Boolean(), nullable=True),
        sa.Column("event", sa.Text(), nullable=True),
        sa.Column("workflow", sa.Text(), nullable=True),
        sa.Column("attempt", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column(
            "artifacts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "model_uris", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "provenance_statements",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("offered", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_build_id")),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_build_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_build")),
    )
    op.create_index(op.f("ix_build_commit"), "build", ["commit"], unique=False)
    op.create_index(
        op.f("ix_build_offered"), "build", ["offered"], unique=False, postgresql_using="gin"
    )
    op.create_index(op.f("ix_build_repository_id"), "build", ["repository_id"], unique=False)
    op.create_table(
        "gone",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_gone_source_id")),
        sa.ForeignKeyConstraint(["subject_id"], ["subject.id"], name=op.f("fk_gone_subject_id")),
        sa.PrimaryKeyConstraint("source_id", "subject_id", name=op.f("pk_gone")),
    )
    op.create_table(
        "identity_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("op", sa.String(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=True),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("homes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "op IN ('merge', 'proposed', 'separated', 'replaced', 'numbering', 'claim', "
            "'rejected')",
            name=op.f("ck_identity_decision_op_known"),
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_identity_decision_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entry.id"], name=op.f("fk_identity_decision_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["entry.id"], name=op.f("fk_identity_decision_other_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_identity_decision_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_decision")),
    )
    op.create_index(
        op.f("ix_identity_decision_entry_id"), "identity_decision", ["entry_id"], unique=False
    )
    op.create_index(
        op.f("ix_identity_decision_other_id"), "identity_decision", ["other_id"], unique=False
    )
    op.create_index(
        op.f("ix_identity_decision_op_id"), "identity_decision", ["op", "id"], unique=False
    )
    op.create_table(
        "owner_mapping",
        sa.Column("scheme", sa.String(), nullable=False),
        sa.Column("value", sa.Text(collation="C"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_owner_mapping_account_id")
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_owner_mapping_change_id")
        ),
        sa.PrimaryKeyConstraint("scheme", "value", "account_id", name=op.f("pk_owner_mapping")),
    )
    op.create_index(
        op.f("ix_owner_mapping_account_id"), "owner_mapping", ["account_id"], unique=False
    )
    op.create_table(
        "refold",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "xid",
            sa.BigInteger(),
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("folded", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_refold_change_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_refold_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refold")),
    )
    op.create_index(
        "uq_refold_source_id_open",
        "refold",
        ["source_id"],
        unique=True,
        postgresql_where=sa.text("done_at IS NULL"),
    )
    op.create_table(
        "role_grant",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("namespace", sa.String(), nullable=True),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted_by", sa.String(), nullable=False),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('reader', 'reviewer', 'approver', 'auditor', 'admin')",
            name=op.f("ck_role_grant_role_known"),
        ),
        sa.CheckConstraint(
            "namespace IS NULL OR role IN ('reader', 'reviewer', 'approver')",
            name=op.f("ck_role_grant_namespace_bindable"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_role_grant_account_id")
        ),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_role_grant_change_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_role_grant")),
        sa.UniqueConstraint(
            "account_id",
            "role",
            "namespace",
            name=op.f("uq_role_grant_account_id_role_namespace"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_table(
        "scope",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("full_cursor", sa.String(), nullable=True),
        sa.Column("delta_cursor", sa.String(), nullable=True),
        sa.Column("full_opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("full_closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delta_closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("follows", postgresql.ARRAY(sa.String()), nullable=True),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_scope_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope")),
        sa.UniqueConstraint("source_id", "name", name=op.f("uq_scope_source_id_name")),
    )
    op.create_table(
        "token",
        sa.Column("public_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("secret_sha256", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("scopes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "namespaces", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("source_id", sa.BigInteger(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("single_use", sa.Boolean(), nullable=False),
        sa.Column(
            "proved", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "(kind = 'p') = (source_id IS NULL)", name=op.f("ck_token_source_bound")
        ),
        sa.CheckConstraint(
            "(kind = 'p' AND role IS DISTINCT FROM 'bootstrap') = (account_id IS NOT NULL)",
            name=op.f("ck_token_account_bound"),
        ),
        sa.CheckConstraint("kind IN ('p', 'r', 's')", name=op.f("ck_token_kind_known")),
        sa.CheckConstraint(
            "(kind = 's') = (proved IS NOT NULL)", name=op.f("ck_token_proof_bound")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_token_account_id")),
        sa.ForeignKeyConstraint(["change_id"], ["change.id"], name=op.f("fk_token_change_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_token_source_id")),
        sa.PrimaryKeyConstraint("public_id", name=op.f("pk_token")),
    )
    op.create_index(op.f("ix_token_account_id"), "token", ["account_id"], unique=False)
    op.create_table(
        "training_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("experiment", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("lifecycle", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("source_name", sa.Text(), nullable=True),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column(
            "params", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "metrics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "logged_models",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("source_commit", sa.Text(), nullable=True),
        sa.Column("source_branch", sa.Text(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("job", sa.Text(), nullable=True),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_training_run_id")),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["training_run.id"], name=op.f("fk_training_run_parent_id")
        ),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_training_run_repository_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_run")),
    )
    op.create_index(op.f("ix_training_run_parent_id"), "training_run", ["parent_id"], unique=False)
    op.create_index(
        op.f("ix_training_run_repository_id"), "training_run", ["repository_id"], unique=False
    )
    op.create_table(
        "turn",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("held_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_turn_failures_counted")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_turn_source_id")),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_turn")),
    )
    op.create_table(
        "use",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("line_of_business", sa.Text(), nullable=True),
        sa.Column(
            "jurisdictions",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("user_groups", sa.Text(), nullable=True),
        sa.Column(
            "restrictions",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("operating_boundaries", sa.Text(), nullable=True),
        sa.Column("human_oversight", sa.Text(), nullable=True),
        sa.Column("appeal_route", sa.Text(), nullable=True),
        sa.Column("fallback", sa.Text(), nullable=True),
        sa.Column("exposure", sa.Text(), nullable=True),
        sa.Column("decision_role", sa.Text(), nullable=True),
        sa.Column(
            "people_affected_per_year",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "financial_exposure_per_year",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("regulatory_use", sa.Text(), nullable=True),
        sa.Column("harm_reversibility", sa.Text(), nullable=True),
        sa.Column(
            "regulated_purposes",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("eu_role", sa.Text(), nullable=True),
        sa.Column("annex_iii_point", sa.Text(), nullable=True),
        sa.Column("profiling", sa.Boolean(), nullable=True),
        sa.Column("art6_3_basis", sa.Text(), nullable=True),
        sa.Column("art6_3_ref", sa.Text(), nullable=True),
        sa.Column("writes_system_of_record", sa.Boolean(), nullable=True),
        sa.Column("per_action_approval", sa.Boolean(), nullable=True),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.Column("benefits", sa.Text(), nullable=True),
        sa.Column("potential_impacts", sa.Text(), nullable=True),
        sa.Column("in_use_since", sa.Text(), nullable=True),
        sa.Column("withheld", sa.Text(), nullable=True),
        sa.Column("us_high_impact_reason", sa.Text(), nullable=True),
        sa.Column(
            "practices",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "authorisation",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("dpia_ref", sa.Text(), nullable=True),
        sa.Column("fria_ref", sa.Text(), nullable=True),
        sa.Column("impact_assessed_on", sa.Text(), nullable=True),
        sa.Column(
            "member_states",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("eu_registration_id", sa.Text(), nullable=True),
        sa.Column("declaration_ref", sa.Text(), nullable=True),
        sa.Column("bias_audit_on", sa.Text(), nullable=True),
        sa.Column("auditor", sa.Text(), nullable=True),
        sa.Column("distribution_on", sa.Text(), nullable=True),
        sa.Column("summary_url", sa.Text(), nullable=True),
        sa.Column(
            "fairness",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "cells",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_use_id")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_use_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_use")),
    )
    op.create_index(op.f("ix_use_model_id"), "use", ["model_id"], unique=False)
    op.create_table(
        "harvest",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=False),
        sa.Column("coverage", sa.String(), nullable=False),
        sa.Column("harvester_version", sa.String(), nullable=False),
        sa.Column("dry_run", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("conflicts", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("ahead", sa.BigInteger(), nullable=False),
        sa.Column(
            "report", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.CheckConstraint("coverage IN ('full', 'delta')", name=op.f("ck_harvest_coverage_known")),
        sa.CheckConstraint(
            "outcome IN ('complete', 'failed')", name=op.f("ck_harvest_outcome_known")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scope.id"], name=op.f("fk_harvest_scope_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_harvest")),
    )
    op.create_index(
        op.f("ix_harvest_scope_id_opened_at"), "harvest", ["scope_id", "opened_at"], unique=False
    )
    op.create_index(
        "uq_harvest_scope_id_open",
        "harvest",
        ["scope_id"],
        unique=True,
        postgresql_where=sa.text("closed_at IS NULL AND NOT dry_run"),
    )
    op.create_table(
        "version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column(
            "aliases", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("stage", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("training_run_id", sa.Uuid(), nullable=True),
        sa.Column("logged_model", sa.Text(), nullable=True),
        sa.Column("source_uri", sa.Text(), nullable=True),
        sa.Column("source_commit", sa.Text(), nullable=True),
        sa.Column("source_branch", sa.Text(), nullable=True),
        sa.Column("source_dirty", sa.Boolean(), nullable=True),
        sa.Column("on_protected_branch", sa.Boolean(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("build_id", sa.Uuid(), nullable=True),
        sa.Column("provenance_ref", sa.Text(), nullable=True),
        sa.Column("model_class", sa.Text(), nullable=True),
        sa.Column("framework", sa.Text(), nullable=True),
        sa.Column("input_schema", sa.Text(), nullable=True),
        sa.Column("output_schema", sa.Text(), nullable=True),
        sa.Column("base_model", sa.Text(), nullable=True),
        sa.Column("base_model_version", sa.Text(), nullable=True),
        sa.Column("license", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column(
            "metrics", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column(
            "protected_features",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
        ),
        sa.Column(
            "digests", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("number_key", sa.Text(collation="C"), nullable=True),
        sa.Column("offered", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sought", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("matched", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_version_build_id")),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_version_id")),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_version_model_id")),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_version_repository_id")
        ),
        sa.ForeignKeyConstraint(
            ["training_run_id"], ["training_run.id"], name=op.f("fk_version_training_run_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
    )
    op.create_index(
        op.f("ix_version_offered"), "version", ["offered"], unique=False, postgresql_using="gin"
    )
    op.create_index(
        op.f("ix_version_sought"), "version", ["sought"], unique=False, postgresql_using="gin"
    )
    for kind in ("training_run", "version"):
        op.create_index(f"ix_{kind}_source_commit", kind, ["source_commit"], unique=False)
    for kind in ("model", "version"):
        op.create_index(
            f"ix_{kind}_base_model", kind, [sa.literal_column("lower(base_model)")], unique=False
        )
    op.create_index(op.f("ix_version_build_id"), "version", ["build_id"], unique=False)
    op.create_index(op.f("ix_version_model_id"), "version", ["model_id"], unique=False)
    op.create_index(op.f("ix_version_repository_id"), "version", ["repository_id"], unique=False)
    op.create_index(
        op.f("ix_version_training_run_id"), "version", ["training_run_id"], unique=False
    )
    op.create_table(
        "deployment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("environment_class", sa.Text(), nullable=True),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("claimed_model", sa.Text(), nullable=True),
        sa.Column("claimed_version", sa.Text(), nullable=True),
        sa.Column("repository_id", sa.Uuid(), nullable=True),
        sa.Column("commit", sa.Text(), nullable=True),
        sa.Column("build_id", sa.Uuid(), nullable=True),
        sa.Column("artifact_uri", sa.Text(), nullable=True),
        sa.Column("image", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("endpoint", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=True),
        sa.Column("traffic_percent", sa.Double(), nullable=True),
        sa.Column("deployed_by", sa.Text(), nullable=True),
        sa.Column("blueprint", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "warnings", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("sought", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("matched", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("statements", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("provenance", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("narrowed", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], name=op.f("fk_deployment_build_id")),
        sa.ForeignKeyConstraint(["id"], ["entry.id"], name=op.f("fk_deployment_id")),
        sa.ForeignKeyConstraint(
            ["repository_id"], ["repository.id"], name=op.f("fk_deployment_repository_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_deployment_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.create_index(
        op.f("ix_deployment_sought"), "deployment", ["sought"], unique=False, postgresql_using="gin"
    )
    op.create_index(op.f("ix_deployment_build_id"), "deployment", ["build_id"], unique=False)
    op.create_index(
        op.f("ix_deployment_repository_id"), "deployment", ["repository_id"], unique=False
    )
    op.create_index(op.f("ix_deployment_version_id"), "deployment", ["version_id"], unique=False)
    op.create_table(
        "observation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("harvest_id", sa.Uuid(), nullable=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text(
                "CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END"
            ),
            nullable=False,
        ),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column(
            "facts", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("inferred", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("same_as", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "evidence", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("facts_version", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "observed_at BETWEEN '1970-01-01Z' AND '10000-01-01Z'",
            name=op.f("ck_observation_observed_at_readable"),
        ),
        sa.ForeignKeyConstraint(
            ["harvest_id"], ["harvest.id"], name=op.f("fk_observation_harvest_id")
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_observation_source_id")
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_observation_subject_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_observation")),
        sa.UniqueConstraint(
            "source_id",
            "subject_id",
            "observed_at",
            "digest",
            name=op.f("uq_observation_source_id_subject_id_observed_at_digest"),
        ),
    )
    op.create_index(op.f("ix_observation_subject_id"), "observation", ["subject_id"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("harvest_id", sa.Uuid(), nullable=True),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("pointer", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("retriable", sa.Boolean(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("harvester_version", sa.String(), nullable=True),
        sa.Column("facts_version", sa.Integer(), nullable=True),
        sa.Column(
            "plan", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("resolution", sa.String(), nullable=True),
        sa.Column("resolved_by", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.CheckConstraint(
            "resolution IN ('settled', 'superseded', 'released', 'dropped', 'retried')",
            name=op.f("ck_quarantine_resolution_known"),
        ),
        sa.CheckConstraint(
            "what IN ('refused', 'held_back')", name=op.f("ck_quarantine_what_known")
        ),
        sa.ForeignKeyConstraint(
            ["harvest_id"], ["harvest.id"], name=op.f("fk_quarantine_harvest_id")
        ),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_quarantine_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
        sa.UniqueConstraint("source_id", "digest", name=op.f("uq_quarantine_source_id_digest")),
    )
    op.create_index(op.f("ix_quarantine_subject"), "quarantine", ["subject"], unique=False)
    op.create_table(
        "held_entry",
        sa.Column("quarantine_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("after_change", sa.BigInteger(), nullable=False),
        sa.Column("changes", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["quarantine_id"],
            ["quarantine.id"],
            name=op.f("fk_held_entry_quarantine_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("quarantine_id", "entry_id", name=op.f("pk_held_entry")),
    )
    op.create_table(
        "held_subject",
        sa.Column("quarantine_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("observation_id", sa.BigInteger(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_held_subject_observation_id")
        ),
        sa.ForeignKeyConstraint(
            ["quarantine_id"],
            ["quarantine.id"],
            name=op.f("fk_held_subject_quarantine_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_held_subject_subject_id")
        ),
        sa.PrimaryKeyConstraint("quarantine_id", "subject_id", name=op.f("pk_held_subject")),
    )
    op.create_index(
        op.f("ix_held_subject_quarantine_id_entry_id"),
        "held_subject",
        ["quarantine_id", "entry_id"],
        unique=False,
    )
    op.create_table(
        "sighting",
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("observation_id", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("observed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("effective_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scope_id", sa.BigInteger(), nullable=True),
        sa.Column("marker", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["observation_id"], ["observation.id"], name=op.f("fk_sighting_observation_id")
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scope.id"], name=op.f("fk_sighting_scope_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_sighting_source_id")),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_sighting_subject_id")
        ),
        sa.PrimaryKeyConstraint("source_id", "subject_id", name=op.f("pk_sighting")),
    )
    op.create_index(op.f("ix_sighting_scope_id"), "sighting", ["scope_id"], unique=False)
    op.create_index(op.f("ix_sighting_subject_id"), "sighting", ["subject_id"], unique=False)
    op.create_table(
        "hook_delivery",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.String(), nullable=True),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.String(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("hints", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        sa.CheckConstraint(
            "body IS NOT NULL OR state IN ('done', 'dropped')",
            name=op.f("ck_hook_delivery_body_while_needed"),
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'done', 'parked', 'dropped')",
            name=op.f("ck_hook_delivery_state_known"),
        ),
        sa.CheckConstraint("tries >= 0", name=op.f("ck_hook_delivery_tries_counted")),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_hook_delivery_source_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hook_delivery")),
        sa.UniqueConstraint(
            "source_id", "delivery_id", name=op.f("uq_hook_delivery_source_id_delivery_id")
        ),
    )
    op.create_index(
        op.f("ix_hook_delivery_source_id_digest"),
        "hook_delivery",
        ["source_id", "digest"],
        unique=False,
    )
    op.create_index(
        op.f("ix_hook_delivery_source_id_received_at"),
        "hook_delivery",
        ["source_id", "received_at"],
        unique=False,
    )
    op.create_index(
        "ix_hook_delivery_next_try_at_waiting",
        "hook_delivery",
        ["next_try_at"],
        unique=False,
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_table(
        "hint",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("delivery_id", sa.BigInteger(), nullable=True),
        sa.Column("about", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("scheme", sa.String(), nullable=True),
        sa.Column("value", sa.String(), nullable=True),
        sa.Column("thing_kind", sa.String(), nullable=True),
        sa.Column("thing_scheme", sa.String(), nullable=True),
        sa.Column("thing_value", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("harvest_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint(
            "about IN ('repository', 'build', 'deployment', 'release', 'model')",
            name=op.f("ck_hint_about_known"),
        ),
        sa.CheckConstraint(
            "(scheme IS NULL) = (value IS NULL)", name=op.f("ck_hint_repository_whole")
        ),
        sa.CheckConstraint(
            "num_nulls(thing_kind, thing_scheme, thing_value) IN (0, 3)",
            name=op.f("ck_hint_thing_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["hook_delivery.id"],
            name=op.f("fk_hint_delivery_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(["harvest_id"], ["harvest.id"], name=op.f("fk_hint_harvest_id")),
        sa.ForeignKeyConstraint(["source_id"], ["source.id"], name=op.f("fk_hint_source_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hint")),
    )
    op.create_index(op.f("ix_hint_delivery_id"), "hint", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_hint_received_at"), "hint", ["received_at"], unique=False)
    op.create_index(
        "ix_hint_source_id_about_id_open",
        "hint",
        ["source_id", "about", "id"],
        unique=False,
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.create_table(
        "deployment_decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("running", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("version_id", sa.Uuid(), nullable=True),
        sa.Column("grounds", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("change_id", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('register', 'link', 'accept')",
            name=op.f("ck_deployment_decision_decision_known"),
        ),
        sa.CheckConstraint(
            "(decision = 'accept') = (expires_at IS NOT NULL)",
            name=op.f("ck_deployment_decision_acceptance_ends"),
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["change.id"], name=op.f("fk_deployment_decision_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["entry_id"], ["entry.id"], name=op.f("fk_deployment_decision_entry_id")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["entry.id"], name=op.f("fk_deployment_decision_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment_decision")),
    )
    op.create_index(
        op.f("ix_deployment_decision_entry_id_id"),
        "deployment_decision",
        ["entry_id", "id"],
        unique=False,
    )
    op.create_index(
        "uq_deployment_decision_entry_id_decision_standing",
        "deployment_decision",
        ["entry_id", "decision"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    for name, *columns in PAST:
        index = op.f(f"ix_{name}_history_{'_'.join(columns)}")
        op.create_index(index, f"{name}_history", columns, unique=False)
    for name, times in (("entry", ["valid_from"]), ("entry_history", ["valid_from", "valid_to"])):
        op.create_index(
            f"ix_{name}_place",
            name,
            ["kind", sa.text(PLACE), "id", *times],
            unique=False,
            postgresql_where=sa.text("kind IN ('model', 'use')"),
        )
    for kind in KINDS:
        op.create_index(
            f"ix_{kind}_id_contested",
            kind,
            ["id"],
            unique=False,
            postgresql_where=sa.text("conflicts <> '[]'::jsonb"),
        )
    op.execute(FUNCTIONS)
    for table in (one for one in VERSIONED if one not in RISK):
        op.execute(versioning_sql(table))
    op.execute(moments.FUNCTIONS)
    op.execute(card_triggers.functions_sql())
    op.execute(card_triggers.triggers_sql())
    for name in (one for one in APPEND_ONLY if one not in RISK_APPEND_ONLY):
        op.execute(append_only_sql(name))
    op.execute(grants_sql())


def downgrade() -> None:  # noqa: PLR0915  # the same list, backwards
    op.drop_index(
        "uq_deployment_decision_entry_id_decision_standing",
        table_name="deployment_decision",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index(op.f("ix_deployment_decision_entry_id_id"), table_name="deployment_decision")
    op.drop_table("deployment_decision")
    op.drop_index(
        "ix_hint_source_id_about_id_open",
        table_name="hint",
        postgresql_where=sa.text("settled_at IS NULL"),
    )
    op.drop_index(op.f("ix_hint_received_at"), table_name="hint")
    op.drop_index(op.f("ix_hint_delivery_id"), table_name="hint")
    op.drop_table("hint")
    op.drop_index(
        "ix_hook_delivery_next_try_at_waiting",
        table_name="hook_delivery",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_index(op.f("ix_hook_delivery_source_id_received_at"), table_name="hook_delivery")
    op.drop_index(op.f("ix_hook_delivery_source_id_digest"), table_name="hook_delivery")
    op.drop_table("hook_delivery")
    op.drop_index(op.f("ix_sighting_subject_id"), table_name="sighting")
    op.drop_index(op.f("ix_sighting_scope_id"), table_name="sighting")
    op.drop_table("sighting")
    op.drop_index(op.f("ix_held_subject_quarantine_id_entry_id"), table_name="held_subject")
    op.drop_table("held_subject")
    op.drop_table("held_entry")
    op.drop_index(op.f("ix_quarantine_subject"), table_name="quarantine")
    op.drop_table("quarantine")
    op.drop_index(op.f("ix_observation_subject_id"), table_name="observation")
    op.drop_table("observation")
    op.drop_index(op.f("ix_deployment_version_id"), table_name="deployment")
    op.drop_index(op.f("ix_deployment_repository_id"), table_name="deployment")
    op.drop_index(op.f("ix_deployment_build_id"), table_name="deployment")
    op.drop_table("deployment")
    op.drop_index(op.f("ix_version_training_run_id"), table_name="version")
    op.drop_index(op.f("ix_version_repository_id"), table_name="version")
    op.drop_index(op.f("ix_version_model_id"), table_name="version")
    for kind in ("model", "version"):
        op.drop_index(f"ix_{kind}_base_model", table_name=kind)
    for kind in ("training_run", "version"):
        op.drop_index(f"ix_{kind}_source_commit", table_name=kind)
    op.drop_index(op.f("ix_version_build_id"), table_name="version")
    op.drop_table("version")
    op.drop_index(
        "uq_harvest_scope_id_open",
        table_name="harvest",
        postgresql_where=sa.text("closed_at IS NULL AND NOT dry_run"),
    )
    op.drop_index(op.f("ix_harvest_scope_id_opened_at"), table_name="harvest")
    op.drop_table("harvest")
    op.drop_index(op.f("ix_use_model_id"), table_name="use")
    op.drop_table("use")
    op.drop_table("turn")
    op.drop_index(op.f("ix_training_run_repository_id"), table_name="training_run")
    op.drop_index(op.f("ix_training_run_parent_id"), table_name="training_run")
    op.drop_table("training_run")
    op.drop_index(op.f("ix_token_account_id"), table_name="token")
    op.drop_table("token")
    op.drop_table("scope")
    op.drop_table("role_grant")
    op.drop_index(
        "uq_refold_source_id_open", table_name="refold", postgresql_where=sa.text("done_at IS NULL")
    )
    op.drop_table("refold")
    op.drop_index(op.f("ix_owner_mapping_account_id"), table_name="owner_mapping")
    op.drop_table("owner_mapping")
    op.drop_index(op.f("ix_identity_decision_op_id"), table_name="identity_decision")
    op.drop_index(op.f("ix_identity_decision_other_id"), table_name="identity_decision")
    op.drop_index(op.f("ix_identity_decision_entry_id"), table_name="identity_decision")
    op.drop_table("identity_decision")
    op.drop_table("gone")
    op.drop_index(op.f("ix_build_repository_id"), table_name="build")
    op.drop_table("build")
    op.drop_index(
        op.f("ix_absence_subject_id"),
        table_name="absence",
        postgresql_where=sa.text("gone_since IS NULL"),
    )
    op.drop_table("absence")
    op.drop_index(op.f("ix_subject_home_id"), table_name="subject")
    op.drop_index(op.f("ix_subject_entry_id_id"), table_name="subject")
    op.drop_table("subject")
    op.drop_table("source")
    op.drop_table("repository")
    op.drop_index(
        op.f("ix_pin_expires_at"),
        table_name="pin",
        postgresql_where=sa.text("expires_at IS NOT NULL"),
    )
    op.drop_table("pin")
    op.drop_table("owner")
    op.drop_table("model")
    op.drop_index(op.f("ix_link_target_id"), table_name="link")
    op.drop_table("link")
    op.drop_table("ledger_leaf")
    op.drop_index(op.f("ix_index_card_words"), table_name="index_card", postgresql_using="gin")
    op.drop_index(
        op.f("ix_index_card_names"),
        table_name="index_card",
        postgresql_using="gin",
        postgresql_ops={"names": "gin_trgm_ops"},
    )
    op.drop_index(op.f("ix_index_card_kind_sort_key_id"), table_name="index_card")
    op.drop_index(op.f("ix_index_card_kind_namespace_sort_key_id"), table_name="index_card")
    op.drop_index(op.f("ix_index_card_kind_namespace_facets"), table_name="index_card")
    op.drop_table("index_card")
    op.drop_index(op.f("ix_entry_namespace_granted_by"), table_name="entry_namespace")
    op.drop_table("entry_namespace")
    op.drop_table("dataset")
    op.drop_table("account")
    op.drop_index(op.f("ix_version_history_id_valid_from"), table_name="version_history")
    op.drop_table("version_history")
    op.drop_index(op.f("ix_used_assertion_expires_at"), table_name="used_assertion")
    op.drop_table("used_assertion")
    op.drop_index(op.f("ix_use_history_id_valid_from"), table_name="use_history")
    op.drop_table("use_history")
    op.drop_index(op.f("ix_training_run_history_id_valid_from"), table_name="training_run_history")
    op.drop_table("training_run_history")
    op.drop_index(op.f("ix_subject_history_id_valid_from"), table_name="subject_history")
    op.drop_table("subject_history")
    op.drop_index(op.f("ix_source_history_id_valid_from"), table_name="source_history")
    op.drop_table("source_history")
    op.drop_table("seen")
    op.drop_index(op.f("ix_role_grant_history_id_valid_from"), table_name="role_grant_history")
    op.drop_table("role_grant_history")
    op.drop_index(op.f("ix_repository_history_id_valid_from"), table_name="repository_history")
    op.drop_table("repository_history")
    op.drop_index(op.f("ix_plan_harvest_id_subject"), table_name="plan")
    op.drop_table("plan")
    op.drop_index(op.f("ix_pin_history_entry_id_field_valid_from"), table_name="pin_history")
    op.drop_table("pin_history")
    op.drop_index(
        op.f("ix_owner_mapping_history_scheme_value_account_id_valid_from"),
        table_name="owner_mapping_history",
    )
    op.drop_table("owner_mapping_history")
    op.drop_index(op.f("ix_owner_history_id_valid_from"), table_name="owner_history")
    op.drop_table("owner_history")
    op.drop_index(op.f("ix_model_history_id_valid_from"), table_name="model_history")
    op.drop_table("model_history")
    op.drop_index(op.f("ix_link_history_entry_id_field_key_valid_from"), table_name="link_history")
    op.drop_table("link_history")
    op.drop_table("ledger_tile")
    op.drop_index(op.f("ix_ledger_checkpoint_made_at"), table_name="ledger_checkpoint")
    op.drop_table("ledger_checkpoint")
    op.drop_index(
        op.f("ix_identity_decision_history_id_valid_from"), table_name="identity_decision_history"
    )
    op.drop_table("identity_decision_history")
    op.drop_index(op.f("ix_idempotency_asked_at"), table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_index(
        op.f("ix_entry_namespace_history_entry_id_namespace_granted_by_valid_from"),
        table_name="entry_namespace_history",
    )
    op.drop_table("entry_namespace_history")
    op.drop_index(op.f("ix_entry_history_id_valid_from"), table_name="entry_history")
    op.drop_table("entry_history")
    op.drop_index(
        "uq_entry_kind_natural_key",
        table_name="entry",
        postgresql_where=sa.text("replaced_by IS NULL AND merged_into IS NULL"),
    )
    op.drop_index(
        "ix_entry_replaced_by",
        table_name="entry",
        postgresql_where=sa.text("replaced_by IS NOT NULL"),
    )
    op.drop_index(op.f("ix_entry_merged_into"), table_name="entry")
    op.drop_index(op.f("ix_entry_kind_namespace"), table_name="entry")
    op.drop_table("entry")
    op.drop_index(op.f("ix_deployment_history_id_valid_from"), table_name="deployment_history")
    op.drop_table("deployment_history")
    op.drop_index(op.f("ix_dataset_history_id_valid_from"), table_name="dataset_history")
    op.drop_table("dataset_history")
    op.drop_index(op.f("ix_change_xid_id"), table_name="change")
    op.drop_index(op.f("ix_change_entry_id_id"), table_name="change")
    op.drop_table("change")
    op.drop_index(op.f("ix_build_history_id_valid_from"), table_name="build_history")
    op.drop_table("build_history")
    op.drop_index(op.f("ix_account_history_id_valid_from"), table_name="account_history")
    op.drop_table("account_history")
    op.drop_index(
        op.f("ix_absence_history_source_id_subject_id_valid_from"), table_name="absence_history"
    )
    op.drop_table("absence_history")
    op.execute(DROP_FUNCTIONS)
    op.execute(card_triggers.DROP_FUNCTIONS)
    op.execute(moments.DROP_FUNCTIONS)
