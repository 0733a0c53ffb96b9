"""The change ledger's table."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from service.db import Table, Timestamp


class ChangeRow(Table, table=True):
    """One change, as the canonical text that is sealed; the plain columns are for queries."""

    __tablename__ = "change"
    __table_args__: Any = (
        sa.Index(None, "xid"),
        sa.Index(None, "entry_id", "id"),
        sa.CheckConstraint("octet_length(canon) <= 1048576", name="canon_bounded"),
    )

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    )
    recorded_at: datetime | None = Field(
        default=None,
        sa_column=sa.Column(Timestamp, server_default=sa.text("clock_timestamp()"), nullable=False),
    )
    xid: int | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger,
            server_default=sa.text("pg_current_xact_id()::text::bigint"),
            nullable=False,
        ),
    )
    canon: str
    kind: str
    entry_id: UUID | None = None
    field: str | None = None
