"""Samples of models that are reviewed by lot: cycles with their frames, and what was drawn."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp, identity


class SampleCycleRow(Table, table=True):
    """A quarter's sample of the models that are reviewed by chance alone."""

    __tablename__ = "sample_cycle"
    __table_args__: Any = (sa.UniqueConstraint("cycle", "tier"),)

    id: int | None = identity()
    cycle: str  # 2026Q4
    tier: str
    framed_at: datetime = Field(sa_type=Timestamp)
    frame: list[str] = Field(sa_type=JSONB)  # sorted ids of the models
    frame_digest: str
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    size: int | None = None  # n; with `seed` once the frame is sealed
    seed: str | None = None
    checkpoint_size: int | None = Field(default=None, sa_type=sa.BigInteger)
    drawn_at: datetime | None = Field(default=None, sa_type=Timestamp)
    extended_at: datetime | None = Field(default=None, sa_type=Timestamp)


class SampleDrawRow(Table, table=True):
    """A model of a sample, its rank, and the review that it got."""

    __tablename__ = "sample_draw"
    __table_args__: Any = (
        sa.UniqueConstraint("cycle_id", "rank"),
        sa.CheckConstraint("state IN ('DRAWN', 'LEFT', 'DECIDED')", name="state_known"),
    )

    cycle_id: int = Field(sa_type=sa.BigInteger, foreign_key="sample_cycle.id", primary_key=True)
    model_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    rank: int
    state: str
    review_id: UUID | None = Field(default=None, foreign_key="review.id")
    tier_confirmed: bool | None = None
