"""The tables of webhooks: what was delivered, and what it hints at."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from service.db import Table, Timestamp, identity


class HookDeliveryRow(Table, table=True):
    """One delivery that was proved. Its body goes once it is read, the row is kept a while longer.

    A row without `delivery_id` came without one that can be kept: its digest alone tells it.
    """

    __tablename__ = "hook_delivery"
    __table_args__: Any = (
        sa.UniqueConstraint("source_id", "delivery_id"),
        sa.Index(None, "source_id", "digest"),
        sa.Index(None, "source_id", "received_at"),
        sa.Index(
            "ix_hook_delivery_next_try_at_waiting",
            "next_try_at",
            postgresql_where=sa.text("state = 'waiting'"),
        ),
        sa.CheckConstraint("state IN ('waiting', 'done', 'parked', 'dropped')", name="state_known"),
        sa.CheckConstraint(
            "body IS NOT NULL OR state IN ('done', 'dropped')", name="body_while_needed"
        ),
        sa.CheckConstraint("tries >= 0", name="tries_counted"),
    )

    id: int | None = identity()
    source_id: int = Field(sa_type=sa.BigInteger, foreign_key="source.id")
    delivery_id: str | None = None
    event: str
    digest: str  # of the raw body
    received_at: datetime = Field(sa_type=Timestamp)
    body: str | None = None  # JSON in ASCII, secrets masked
    state: str
    tries: int = 0
    next_try_at: datetime = Field(sa_type=Timestamp)
    processed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    hints: int = 0
    reason: str | None = None  # why it failed last, or was dropped
    decided_by: str | None = None


class HintRow(Table, table=True):
    """Something that may have changed, by its host's number and its address; never what it is."""

    __tablename__ = "hint"
    __table_args__: Any = (
        sa.Index(
            "ix_hint_source_id_about_id_open",
            "source_id",
            "about",
            "id",
            postgresql_where=sa.text("settled_at IS NULL"),
        ),
        sa.Index(None, "received_at"),
        sa.Index(None, "delivery_id"),
        sa.CheckConstraint(
            "about IN ('repository', 'build', 'deployment', 'release', 'model')", name="about_known"
        ),
        sa.CheckConstraint("(scheme IS NULL) = (value IS NULL)", name="repository_whole"),
        sa.CheckConstraint(
            "num_nulls(thing_kind, thing_scheme, thing_value) IN (0, 3)", name="thing_whole"
        ),
    )

    id: int | None = identity()
    source_id: int = Field(sa_type=sa.BigInteger, foreign_key="source.id")
    delivery_id: int | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.BigInteger, sa.ForeignKey("hook_delivery.id", ondelete="SET NULL"), nullable=True
        ),
    )
    about: str  # what has to be read again
    event: str
    scheme: str | None = None  # with `value`: the repository's identifier
    value: str | None = None
    thing_kind: str | None = None  # with the two below: the build, model or version itself
    thing_scheme: str | None = None
    thing_value: str | None = None
    url: str | None = None
    received_at: datetime = Field(sa_type=Timestamp)
    settled_at: datetime | None = Field(default=None, sa_type=Timestamp)
    harvest_id: UUID | None = Field(default=None, foreign_key="harvest.id")  # that settled it
