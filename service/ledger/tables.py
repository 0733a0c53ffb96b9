"""The change ledger's tables: what changed, and the tree of hashes that seals it."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from service.db import Table, Timestamp

# The transaction has its number before the clock is read: whoever asks which moments are settled
# (`service/catalog/moments.py`) sees it, or came before this time.
RECORDED: Final = sa.text("CASE WHEN pg_current_xact_id() IS NOT NULL THEN clock_timestamp() END")


class ChangeRow(Table, table=True):
    """One change, as the canonical text that is sealed; the plain columns are for queries."""

    __tablename__ = "change"
    __table_args__: Any = (
        sa.Index(None, "xid", "id"),
        sa.Index(None, "entry_id", "id"),
        sa.CheckConstraint("octet_length(canon) <= 1048576", name="canon_bounded"),
    )

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    )
    recorded_at: datetime | None = Field(
        default=None,
        sa_column=sa.Column(Timestamp, server_default=RECORDED, nullable=False),
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


class LeafRow(Table, table=True):
    """The place of one change in the sealed order, and its hash."""

    __tablename__ = "ledger_leaf"
    __table_args__: Any = (sa.CheckConstraint("octet_length(leaf) = 32", name="leaf_whole"),)

    seq: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id", unique=True)
    leaf: bytes


class TileRow(Table, table=True):
    """256 neighbouring hashes of one level of the tree; only full ones are kept."""

    __tablename__ = "ledger_tile"
    __table_args__: Any = (sa.CheckConstraint("octet_length(hashes) = 8192", name="tile_full"),)

    level: int = Field(sa_column=sa.Column(sa.Integer, primary_key=True, autoincrement=False))
    index: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    hashes: bytes


class CheckpointRow(Table, table=True):
    """The root of the tree at one size, signed."""

    __tablename__ = "ledger_checkpoint"
    __table_args__: Any = (
        sa.Index(None, "made_at"),
        sa.CheckConstraint("octet_length(root) = 32", name="root_whole"),
    )

    size: int = Field(sa_column=sa.Column(sa.BigInteger, primary_key=True, autoincrement=False))
    root: bytes
    made_at: datetime | None = Field(
        default=None,
        sa_column=sa.Column(Timestamp, server_default=sa.text("clock_timestamp()"), nullable=False),
    )
    note: str  # the signed note: origin, size, root, signature
