"""Events for other systems, who receives them, and what became of each delivery."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp, identity


class ReceiverRow(Table, table=True):
    """Where events of some types go, of some namespaces or of all."""

    __tablename__ = "receiver"

    id: int | None = identity()
    name: str = Field(unique=True)
    url: str
    types: list[str] = Field(sa_type=JSONB)  # empty: all
    namespaces: list[str] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    enabled: bool = True
    secret_version: int = 1  # which derived secret signs; the one before does too for a while
    rotated_at: datetime | None = Field(default=None, sa_type=Timestamp)
    failing_since: datetime | None = Field(default=None, sa_type=Timestamp)
    resting_until: datetime | None = Field(default=None, sa_type=Timestamp)  # of one that fails
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")


class EventRow(Table, table=True):
    """Something that happened, written in the transaction that made it happen."""

    __tablename__ = "outgoing_event"
    __table_args__: Any = (sa.Index(None, "at"),)

    id: UUID = Field(primary_key=True)
    type: str
    subject: str
    namespace: str | None = None
    model_id: UUID | None = Field(default=None, foreign_key="entry.id", index=True)
    data: dict[str, Any] = Field(sa_type=JSONB)
    at: datetime = Field(sa_type=Timestamp)


class OutgoingDeliveryRow(Table, table=True):
    """One event for one receiver: tried how often, when again, what it answered."""

    __tablename__ = "outgoing_delivery"
    __table_args__: Any = (
        sa.Index(None, "receiver_id", "next_at", postgresql_where=sa.text("state = 'WAITING'")),
        sa.CheckConstraint("state IN ('WAITING', 'DELIVERED', 'FAILED')", name="state_known"),
    )

    event_id: UUID = Field(foreign_key="outgoing_event.id", primary_key=True)
    receiver_id: int = Field(
        sa_type=sa.BigInteger, foreign_key="receiver.id", primary_key=True, index=True
    )
    state: str
    attempts: int = 0
    next_at: datetime = Field(sa_type=Timestamp)
    last_at: datetime | None = Field(default=None, sa_type=Timestamp)
    last_status: int | None = None
    last_error: str | None = None
    delivered_at: datetime | None = Field(default=None, sa_type=Timestamp)


class AnnouncedRow(Table, table=True):
    """For which reasons something was announced that still stands: none is announced twice."""

    __tablename__ = "announced"

    entry_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    type: str = Field(primary_key=True)
    causes: list[str] = Field(sa_type=JSONB)
    at: datetime = Field(sa_type=Timestamp)
