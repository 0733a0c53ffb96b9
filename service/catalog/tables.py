"""What every entry has: the parent row, the namespaces it is seen through, its links."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlmodel import Field

from schemas.identifiers import Kind
from service.db import Table, Timestamp

LAST: Final = "\U0010ffff"  # what has no name comes last
MOST_LABEL: Final = 500  # characters of a name that order it
PLACE: Final = f"COALESCE(\"left\"(natural_key::text, {MOST_LABEL}), '{LAST}'::text)"
KINDS_CHECK: Final = ", ".join(f"'{kind}'" for kind in Kind)


def in_place(table: str, *times: str) -> sa.Index:
    """The order in which lists of the past show what has a name: other kinds have no such order."""
    return sa.Index(
        f"ix_{table}_place", "kind", sa.text(PLACE), "id", *times,
        postgresql_where=sa.text("kind IN ('model', 'use')"),
    )  # fmt: skip


class Entry(Table, table=True):
    """The parent row of every catalogued thing: identity, visibility, the row that is locked."""

    __tablename__ = "entry"
    __table_args__: Any = (
        sa.Index(
            "uq_entry_kind_natural_key",
            "kind",
            "natural_key",
            unique=True,
            postgresql_where=sa.text("replaced_by IS NULL AND merged_into IS NULL"),
        ),
        sa.Index(None, "kind", "namespace"),
        in_place("entry", "valid_from"),
        sa.CheckConstraint(f"kind IN ({KINDS_CHECK})", name="kind_known"),
    )

    id: UUID = Field(primary_key=True)
    kind: str
    namespace: str | None = None
    natural_key: str | None = Field(default=None, sa_type=sa.String(collation="C"))
    stub: bool = False  # only referred to so far: no source has described it
    by_time: bool = False  # a later confirmation could change whom a reference means
    first_seen_at: datetime = Field(sa_type=Timestamp)
    last_changed_at: datetime = Field(sa_type=Timestamp)
    gone_since: datetime | None = Field(default=None, sa_type=Timestamp)
    merged_into: UUID | None = Field(default=None, foreign_key="entry.id", index=True)
    replaced_by: UUID | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.ForeignKey("entry.id", deferrable=True, initially="DEFERRED"), nullable=True
        ),
    )
    numbered_by: int | None = None  # the source whose version numbers stand without a suffix
    valid_from: datetime = Field(sa_type=Timestamp)


class EntryNamespace(Table, table=True):
    """Through which namespaces a thing without one of its own may be seen, and thanks to what."""

    __tablename__ = "entry_namespace"

    entry_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    namespace: str = Field(primary_key=True)
    granted_by: UUID = Field(foreign_key="entry.id", primary_key=True, index=True)
    valid_from: datetime = Field(sa_type=Timestamp)


class Link(Table, table=True):
    """A member of a set-valued fact that names another entry; digest and role belong to it."""

    __tablename__ = "link"

    entry_id: UUID = Field(foreign_key="entry.id", primary_key=True)
    field: str = Field(primary_key=True)
    key: str = Field(primary_key=True)  # digest of the member's canonical JSON
    target_id: UUID = Field(foreign_key="entry.id", index=True)
    role: str | None = None
    digest: str | None = None
    attributes: dict[str, Any] = Field(sa_type=JSONB)
    valid_from: datetime = Field(sa_type=Timestamp)


class SubjectRow(Table, table=True):
    """A natural key that something is known by, and the entry it belongs to.

    Without an entry as long as a source has only said that it is gone.
    """

    __tablename__ = "subject"
    __table_args__: Any = (
        sa.UniqueConstraint("kind", "scheme", "value"),
        sa.Index(None, "entry_id", "id"),  # an entry is called by its first subject
        sa.CheckConstraint(f"kind IN ({KINDS_CHECK})", name="kind_known"),
    )

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    )
    kind: str
    scheme: str
    value: str = Field(sa_type=sa.Text(collation="C"))
    entry_id: UUID | None = Field(
        default=None,
        sa_column=sa.Column(
            sa.ForeignKey("entry.id", deferrable=True, initially="DEFERRED"), nullable=True
        ),
    )
    home_id: UUID | None = Field(  # where it stands once merges are undone; None: at its entry
        default=None,
        sa_column=sa.Column(
            sa.ForeignKey("entry.id", deferrable=True, initially="DEFERRED"),
            nullable=True,
            index=True,
        ),
    )
    valid_from: datetime = Field(sa_type=Timestamp)


class IndexCard(Table, table=True):
    """How lists find an entry: where it stands, by which words, what facets count.

    Derived by triggers (`service/catalog/cards.py`); a merged entry has none.
    """

    __tablename__ = "index_card"
    __table_args__: Any = (
        sa.Index(None, "kind", "sort_key", "id"),
        sa.Index(None, "kind", "namespace", "sort_key", "id"),
        sa.Index(None, "kind", "namespace", "facets"),
        sa.Index(None, "words", postgresql_using="gin"),
        sa.Index(None, "names", postgresql_using="gin", postgresql_ops={"names": "gin_trgm_ops"}),
    )

    id: UUID = Field(foreign_key="entry.id", primary_key=True)
    kind: str
    namespace: str | None = None
    sort_key: str = Field(sa_type=sa.Text(collation="C"))
    words: str = Field(sa_type=TSVECTOR)
    names: str = Field(sa_type=sa.Text)
    facets: str | None = Field(default=None, sa_type=sa.Text(collation="C"))  # None: too long
