"""The tables of the way in: sources, harvests, subjects, observations, sightings, decisions."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from service.db import Table, Timestamp, identity
from service.ledger.tables import RECORDED

UNLOGGED: Any = {"prefixes": ["UNLOGGED"]}


class SourceRow(Table, table=True):
    """One configured place that facts come from; its name stands in identifiers and stays."""

    __tablename__ = "source"
    __table_args__: Any = (
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name="name_form"),
    )

    id: int | None = identity()
    name: str = Field(unique=True)
    kind: str
    namespace: str
    namespaces: dict[str, str] = Field(sa_type=JSONB)
    may_name: list[str] = Field(sa_type=JSONB)
    precedence: int
    field_precedence: dict[str, int] = Field(sa_type=JSONB)
    expected_interval_seconds: int
    absences: int
    held_back_share: float
    held_back_count: int
    credential: str | None = None
    webhook_secret: str | None = None
    may_grant_ownership: bool
    enabled: bool
    settings: dict[str, Any] = Field(sa_type=JSONB)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class ScopeRow(Table, table=True):
    """A part of a source that full harvests claim to have seen, and where they stand."""

    __tablename__ = "scope"
    __table_args__: Any = (sa.UniqueConstraint("source_id", "name"),)

    id: int | None = identity()
    source_id: int = Field(sa_type=sa.BigInteger, foreign_key="source.id")
    name: str
    full_cursor: str | None = None
    delta_cursor: str | None = None
    full_opened_at: datetime | None = Field(default=None, sa_type=Timestamp)
    full_closed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    delta_closed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    follows: list[str] | None = Field(  # hints about what; NULL: it was not said
        default=None, sa_column=sa.Column(ARRAY(sa.String), nullable=True)
    )


class HarvestRow(Table, table=True):
    """One execution of a harvester on a scope; open until closed or its lease is over."""

    __tablename__ = "harvest"
    __table_args__: Any = (
        sa.Index(
            "uq_harvest_scope_id_open",
            "scope_id",
            unique=True,
            postgresql_where=sa.text("closed_at IS NULL AND NOT dry_run"),
        ),
        sa.Index(None, "scope_id", "opened_at"),
        sa.CheckConstraint("coverage IN ('full', 'delta')", name="coverage_known"),
        sa.CheckConstraint("outcome IN ('complete', 'failed')", name="outcome_known"),
    )

    id: UUID = Field(primary_key=True)
    scope_id: int = Field(sa_type=sa.BigInteger, foreign_key="scope.id")
    coverage: str
    harvester_version: str
    dry_run: bool = False
    opened_at: datetime = Field(sa_type=Timestamp)
    lease_until: datetime = Field(sa_type=Timestamp)
    closed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    outcome: str | None = None
    seen: int = Field(default=0, sa_type=sa.BigInteger)
    created: int = Field(default=0, sa_type=sa.BigInteger)
    changed: int = Field(default=0, sa_type=sa.BigInteger)
    unchanged: int = Field(default=0, sa_type=sa.BigInteger)
    conflicts: int = Field(default=0, sa_type=sa.BigInteger)
    refused: int = Field(default=0, sa_type=sa.BigInteger)
    ahead: int = Field(default=0, sa_type=sa.BigInteger)  # observed after they were recorded
    report: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))


class ObservationRow(Table, table=True):
    """One immutable statement, as it was acknowledged."""

    __tablename__ = "observation"
    __table_args__: Any = (
        sa.UniqueConstraint("source_id", "subject_id", "observed_at", "digest"),
        sa.Index(None, "subject_id"),
        sa.CheckConstraint(
            "observed_at BETWEEN '1970-01-01Z' AND '10000-01-01Z'", name="observed_at_readable"
        ),
    )

    id: int | None = identity()
    source_id: int = Field(sa_type=sa.BigInteger, foreign_key="source.id")
    subject_id: int = Field(sa_type=sa.BigInteger, foreign_key="subject.id")
    harvest_id: UUID | None = Field(default=None, foreign_key="harvest.id")
    observed_at: datetime = Field(sa_type=Timestamp)
    recorded_at: datetime = Field(
        sa_column=sa.Column(Timestamp, server_default=RECORDED, nullable=False)
    )
    digest: str
    facts: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    inferred: list[str] = Field(sa_type=JSONB)
    same_as: list[Any] = Field(sa_type=JSONB)
    evidence: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    facts_version: int


class SightingRow(Table, table=True):
    """What is current of one subject in one source; never gone ones, so the last facts stay."""

    __tablename__ = "sighting"
    __table_args__: Any = (sa.Index(None, "subject_id"), sa.Index(None, "scope_id"))

    source_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("source.id"), primary_key=True)
    )
    subject_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("subject.id"), primary_key=True)
    )
    observation_id: int = Field(sa_type=sa.BigInteger, foreign_key="observation.id")
    digest: str
    observed_at: datetime = Field(sa_type=Timestamp)
    effective_at: datetime = Field(sa_type=Timestamp)  # never later than it was recorded
    first_seen: datetime = Field(sa_type=Timestamp)
    scope_id: int | None = Field(default=None, sa_type=sa.BigInteger, foreign_key="scope.id")
    marker: str | None = None


class AbsenceRow(Table, table=True):
    """A subject that a source no longer shows: unseen so far, or gone."""

    __tablename__ = "absence"
    __table_args__: Any = (
        sa.Index(None, "subject_id", postgresql_where=sa.text("gone_since IS NULL")),
    )

    source_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("source.id"), primary_key=True)
    )
    subject_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("subject.id"), primary_key=True)
    )
    harvests: int  # complete full harvests in a row that did not see it; 0: said to be gone
    unseen_since: datetime = Field(sa_type=Timestamp)
    gone_since: datetime | None = Field(default=None, sa_type=Timestamp)
    valid_from: datetime = Field(sa_type=Timestamp)


class GoneRow(Table, table=True):
    """When a source, asked by name, last said that a subject is not there; it may be back since.

    Kept, so that what is stated late is still known to be older.
    """

    __tablename__ = "gone"

    source_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("source.id"), primary_key=True)
    )
    subject_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("subject.id"), primary_key=True)
    )
    said_at: datetime = Field(sa_type=Timestamp)


class IdentityDecision(Table, table=True):
    """A decision about identity, recorded once and never computed again from order of arrival."""

    __tablename__ = "identity_decision"
    __table_args__: Any = (
        sa.CheckConstraint(
            "op IN ('merge', 'proposed', 'separated', 'replaced', 'numbering', "
            "'claim', 'rejected')",
            name="op_known",
        ),
        sa.Index(None, "entry_id"),
        sa.Index(None, "other_id"),
        sa.Index(None, "op", "id"),
    )

    id: int | None = identity()
    op: str
    entry_id: UUID = Field(foreign_key="entry.id")  # the one that stays, or that is numbered
    other_id: UUID | None = Field(default=None, foreign_key="entry.id")
    source_id: int | None = Field(default=None, sa_type=sa.BigInteger, foreign_key="source.id")
    homes: dict[str, Any] = Field(sa_type=JSONB)  # subject id → the entry it came from
    evidence: dict[str, Any] = Field(sa_type=JSONB)
    lifted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    reason: str | None = None  # of a person
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class PinRow(Table, table=True):
    """A person's statement about one field of an entry: it outranks all harvested ones.

    `joined`: no value of its own; all that sources say holds together.
    """

    __tablename__ = "pin"
    __table_args__: Any = (
        sa.Index(None, "expires_at", postgresql_where=sa.text("expires_at IS NOT NULL")),
        sa.CheckConstraint("NOT joined OR value = 'null'::jsonb", name="joined_without_value"),
    )

    entry_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    field: str = Field(primary_key=True)
    value: Any = Field(sa_column=sa.Column(JSONB(none_as_null=False), nullable=False))
    joined: bool = False
    beneath: Any = Field(  # the field without the pin, when it was pinned: value, or not stated
        sa_column=sa.Column(JSONB(none_as_null=False), nullable=False)
    )
    reason: str
    pinned_by: str  # the account's name
    pinned_at: datetime = Field(sa_type=Timestamp)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class RefoldRow(Table, table=True):
    """Entries that a source's changed settings may have changed wait to be folded again.

    Resumable: `after_id` is the last entry that was folded.
    """

    __tablename__ = "refold"
    __table_args__: Any = (
        sa.Index(
            "uq_refold_source_id_open",
            "source_id",
            unique=True,
            postgresql_where=sa.text("done_at IS NULL"),
        ),
    )

    id: int | None = identity()
    source_id: int = Field(sa_type=sa.BigInteger, foreign_key="source.id")
    asked_at: datetime = Field(sa_type=Timestamp)
    xid: int | None = Field(  # of the change: who began before it may still fold by old settings
        default=None,
        sa_column=sa.Column(
            sa.BigInteger,
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
    )
    after_id: UUID | None = None
    folded: int = Field(default=0, sa_type=sa.BigInteger)
    changed: int = Field(default=0, sa_type=sa.BigInteger)
    done_at: datetime | None = Field(default=None, sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")


class QuarantineRow(Table, table=True):
    """A refused record or a held-back plan, kept for people to see."""

    __tablename__ = "quarantine"
    __table_args__: Any = (
        sa.UniqueConstraint("source_id", "digest"),
        sa.CheckConstraint("what IN ('refused', 'held_back')", name="what_known"),
        sa.CheckConstraint(
            "resolution IN ('settled', 'superseded', 'released', 'dropped', 'retried')",
            name="resolution_known",
        ),
    )

    id: int | None = identity()
    source_id: int = Field(sa_type=sa.BigInteger, foreign_key="source.id")
    harvest_id: UUID | None = Field(default=None, foreign_key="harvest.id")
    what: str
    subject: str | None = Field(default=None, index=True)
    pointer: str
    code: str
    message: str
    digest: str
    payload: str  # JSON in ASCII, secrets masked, cut at 64 KiB
    retriable: bool = False  # the payload is what was sent, and states facts
    times: int = 1
    first_at: datetime = Field(sa_type=Timestamp)
    last_at: datetime = Field(sa_type=Timestamp)
    harvester_version: str | None = None  # that refused records came from
    facts_version: int | None = None  # by which they were refused
    plan: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    resolved_at: datetime | None = Field(default=None, sa_type=Timestamp)
    resolution: str | None = None
    resolved_by: str | None = None
    reason: str | None = None


class HeldEntryRow(Table, table=True):
    """An entry that a held-back plan concerns, as it stood, and what would change of it."""

    __tablename__ = "held_entry"

    quarantine_id: int = Field(
        sa_column=sa.Column(
            sa.BigInteger, sa.ForeignKey("quarantine.id", ondelete="CASCADE"), primary_key=True
        )
    )
    entry_id: UUID = Field(primary_key=True)  # no reference: a plan keeps nobody in the catalog
    kind: str
    name: str = Field(sa_type=sa.Text(collation="C"))
    after_change: int = Field(sa_type=sa.BigInteger)  # its newest ledger row
    changes: list[Any] = Field(sa_type=JSONB)


class HeldSubjectRow(Table, table=True):
    """A subject that a held-back plan retires, and the sighting that it had."""

    __tablename__ = "held_subject"
    __table_args__: Any = (sa.Index(None, "quarantine_id", "entry_id"),)

    quarantine_id: int = Field(
        sa_column=sa.Column(
            sa.BigInteger, sa.ForeignKey("quarantine.id", ondelete="CASCADE"), primary_key=True
        )
    )
    subject_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("subject.id"), primary_key=True)
    )
    entry_id: UUID
    observation_id: int | None = Field(  # that says: gone; none where it was missed too often
        default=None, sa_type=sa.BigInteger, foreign_key="observation.id"
    )
    since: datetime = Field(sa_type=Timestamp)  # when it would be gone
    digest: str
    effective_at: datetime = Field(sa_type=Timestamp)


class SeenRow(Table, table=True):
    """What an open harvest saw, and of what it was told that it is gone. Unlogged."""

    __tablename__ = "seen"
    __table_args__: Any = UNLOGGED

    harvest_id: UUID = Field(primary_key=True)
    subject_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False)
    )
    observation_id: int | None = Field(default=None, sa_type=sa.BigInteger)  # that says: gone


class PlanRow(Table, table=True):
    """An observation that a dry run would have recorded. Unlogged, gone when it closes."""

    __tablename__ = "plan"
    __table_args__: Any = (sa.Index(None, "harvest_id", "subject"), UNLOGGED)

    id: int | None = identity()
    harvest_id: UUID
    subject: str = Field(sa_type=sa.Text(collation="C"))
    digest: str
    document: dict[str, Any] = Field(sa_type=JSONB)
    changes: list[Any] = Field(sa_type=JSONB)
