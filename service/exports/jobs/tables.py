"""The tables of bundles: what was asked for, what was built, and what is asked for by itself."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp
from service.ledger.tables import ChangeRow

CHUNK: Final = 1024 * 1024  # bytes, at most
OF_PROFILES: Final = "profile IN ('models', 'osfi-e23', 'omb-2025')"
OF_DIALECTS: Final = "dialect IN ('plain', 'excel', 'raw')"
UNFINISHED: Final = "state IN ('QUEUED', 'RUNNING')"

# Who reads the log reads its newest rows, and those alone.
LOGGED: Final = sa.Index(
    "ix_change_id_export",
    ChangeRow.__table__.c.id,
    postgresql_where=sa.text("kind = 'export'"),
)


class ExportRow(Table, table=True):
    """A bundle that somebody asked for, from the request to its end.

    `role`, `scopes` and `namespaces` are what the token was narrowed to: it is built with the
    rights that the account has then, as far as these leave them.
    """

    __tablename__ = "export"
    __table_args__: Any = (
        sa.UniqueConstraint("schedule", "period"),
        sa.Index(None, "account_id", "id"),
        sa.Index(None, "asked_at", "id", postgresql_where=sa.text(UNFINISHED)),
        sa.Index(None, "expires_at", postgresql_where=sa.text("state = 'DONE'")),
        sa.CheckConstraint(
            "state IN ('QUEUED', 'RUNNING', 'DONE', 'FAILED', 'CANCELLED', 'EXPIRED')",
            name="state_known",
        ),
        sa.CheckConstraint(OF_PROFILES, name="profile_known"),
        sa.CheckConstraint(OF_DIALECTS, name="dialect_known"),
        sa.CheckConstraint("(schedule IS NULL) = (period IS NULL)", name="period_whole"),
        sa.CheckConstraint("(state = 'RUNNING') = (worker IS NOT NULL)", name="worker_known"),
        sa.CheckConstraint(
            "state NOT IN ('DONE', 'EXPIRED') OR (size IS NOT NULL AND sha256 IS NOT NULL"
            " AND manifest IS NOT NULL AND expires_at IS NOT NULL)",
            name="done_whole",
        ),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID = Field(foreign_key="account.id")
    asked_by: str
    role: str | None = None
    scopes: list[str] = Field(sa_type=JSONB)
    namespaces: list[str] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    profile: str
    dialect: str
    filters: dict[str, str] = Field(sa_type=JSONB)
    as_of: datetime = Field(sa_type=Timestamp)
    known_at: datetime = Field(sa_type=Timestamp)
    since: datetime | None = Field(default=None, sa_type=Timestamp)
    file_name: str
    schedule: str | None = None
    period: str | None = None
    state: str
    file: str = ""  # that is being written
    records: int = Field(default=0, sa_type=sa.BigInteger)  # of it
    tries: int = 0
    worker: str | None = None
    held_until: datetime | None = Field(default=None, sa_type=Timestamp)  # queued: not before
    asked_at: datetime = Field(sa_type=Timestamp)
    begun_at: datetime | None = Field(default=None, sa_type=Timestamp)
    done_at: datetime | None = Field(default=None, sa_type=Timestamp)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    size: int | None = Field(default=None, sa_type=sa.BigInteger)
    sha256: str | None = None
    manifest: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    error: str | None = None


class ExportChunkRow(Table, table=True):
    """A piece of a finished bundle; together, in order, they are the file."""

    __tablename__ = "export_chunk"
    __table_args__: Any = (
        sa.CheckConstraint(f"octet_length(bytes) <= {CHUNK}", name="bytes_bounded"),
    )

    export_id: UUID = Field(foreign_key="export.id", primary_key=True)
    number: int = Field(primary_key=True)
    bytes: bytes


class ExportScheduleRow(Table, table=True):
    """A bundle of each month, quarter or year, in the name of an account."""

    __tablename__ = "export_schedule"
    __table_args__: Any = (
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9-]{0,39}$'", name="name_form"),
        sa.CheckConstraint("every IN ('month', 'quarter', 'year')", name="every_known"),
        sa.CheckConstraint(OF_PROFILES, name="profile_known"),
        sa.CheckConstraint(OF_DIALECTS, name="dialect_known"),
        sa.CheckConstraint("next_from < due_at", name="period_ends"),
    )

    name: str = Field(primary_key=True)
    account_id: UUID = Field(foreign_key="account.id", index=True)
    role: str | None = None
    scopes: list[str] = Field(sa_type=JSONB)
    namespaces: list[str] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    profile: str
    dialect: str
    filters: dict[str, str] = Field(sa_type=JSONB)
    every: str
    enabled: bool = True
    next_from: datetime = Field(sa_type=Timestamp)  # the period that is exported next
    due_at: datetime = Field(sa_type=Timestamp)  # its end
