"""The table of the workers, and what letting entries go needs of the others."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field

from service.catalog.tables import Entry
from service.db import Table, Timestamp

# Letting an entry go asks who was replaced by it: without an index that reads every entry.
sa.Index(
    "ix_entry_replaced_by",
    Entry.__table__.c.replaced_by,
    postgresql_where=sa.text("replaced_by IS NOT NULL"),
)


class TurnRow(Table, table=True):
    """A source's turn with the workers: held by one of them for a while, and how the last went.

    A harvest that fails before it opens leaves no other trace, and would be tried again at once.
    """

    __tablename__ = "turn"
    __table_args__: Any = (sa.CheckConstraint("failures >= 0", name="failures_counted"),)

    source_id: int = Field(
        sa_column=sa.Column(sa.BigInteger, sa.ForeignKey("source.id"), primary_key=True)
    )
    worker: str | None = None
    held_until: datetime | None = Field(default=None, sa_type=Timestamp)
    begun_at: datetime | None = Field(default=None, sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
    exit_code: int | None = None  # of the last one, as docs/commands.md lists them
    failures: int = 0  # in a row
