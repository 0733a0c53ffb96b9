"""Holds: while one stands, nothing about its models is thrown away."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field

from service.db import Table, Timestamp, identity


class LegalHoldRow(Table, table=True):
    """While it stands, nothing about a model is thrown away."""

    __tablename__ = "legal_hold"

    id: int | None = identity()
    model_id: UUID | None = Field(default=None, foreign_key="entry.id", index=True)  # None: all
    reason: str
    placed_by: str
    placed_at: datetime = Field(sa_type=Timestamp)
    lifted_by: str | None = None
    lifted_at: datetime | None = Field(default=None, sa_type=Timestamp)
