"""The table of tokens: digests only, a dump holds nothing to use."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp


class TokenRow(Table, table=True):
    """One token. The secret's SHA-256 stands here, the secret nowhere."""

    __tablename__ = "token"
    __table_args__: Any = (
        sa.CheckConstraint("kind IN ('p', 'r', 's')", name="kind_known"),
        sa.CheckConstraint("(kind = 'p') = (source_id IS NULL)", name="source_bound"),
    )

    public_id: str = Field(primary_key=True)
    kind: str
    secret_sha256: str
    role: str
    scopes: list[str] = Field(sa_type=JSONB)
    namespaces: list[str] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    source_id: int | None = Field(default=None, sa_type=sa.BigInteger, foreign_key="source.id")
    created_by: str
    created_at: datetime = Field(sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    single_use: bool = False
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
