"""Accounts, their roles, whom owners are mapped to, and tokens: digests only, nothing to use."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from service.db import Table, Timestamp


class AccountRow(Table, table=True):
    """A person or a machine that acts here: what tokens belong to and roles are granted to."""

    __tablename__ = "account"
    __table_args__: Any = (
        sa.CheckConstraint("name ~ '^[a-z0-9][a-z0-9._@+-]{0,99}$'", name="name_form"),
        sa.CheckConstraint("kind IN ('person', 'machine')", name="kind_known"),
        sa.CheckConstraint("(issuer IS NULL) = (subject IS NULL)", name="identity_whole"),
        sa.UniqueConstraint("issuer", "subject"),
    )

    id: UUID = Field(primary_key=True)
    name: str = Field(unique=True)
    kind: str
    display_name: str | None = None
    issuer: str | None = None
    subject: str | None = None  # what the issuer calls it; an e-mail address never links
    created_at: datetime = Field(sa_type=Timestamp)
    disabled_at: datetime | None = Field(default=None, sa_type=Timestamp)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class RoleGrantRow(Table, table=True):
    """A role that an account holds in one namespace, or in all."""

    __tablename__ = "role_grant"
    __table_args__: Any = (
        sa.UniqueConstraint("account_id", "role", "namespace", postgresql_nulls_not_distinct=True),
        sa.CheckConstraint(
            "role IN ('reader', 'reviewer', 'approver', 'auditor', 'admin')", name="role_known"
        ),
        sa.CheckConstraint(
            "namespace IS NULL OR role IN ('reader', 'reviewer', 'approver')",
            name="namespace_bindable",
        ),
    )

    id: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger, sa.Identity(), primary_key=True)
    )
    account_id: UUID = Field(foreign_key="account.id")
    role: str
    namespace: str | None = None
    granted_at: datetime = Field(sa_type=Timestamp)
    granted_by: str  # the actor, as `kind:id`: an account's own name makes it a self-grant
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class OwnerMappingRow(Table, table=True):
    """Which accounts a displayed owner stands for: only this gives an owner rights.

    By the owner's identifier, which stays what it is when owner entries merge.
    """

    __tablename__ = "owner_mapping"
    __table_args__: Any = (sa.Index(None, "account_id"),)

    scheme: str = Field(primary_key=True)
    value: str = Field(sa_column=sa.Column(sa.Text(collation="C"), primary_key=True))
    account_id: UUID = Field(foreign_key="account.id", primary_key=True)
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")
    valid_from: datetime = Field(sa_type=Timestamp)


class IdempotencyRow(Table, table=True):
    """A decision that was asked for under a key, and its answer: asked again, it is answered."""

    __tablename__ = "idempotency"
    __table_args__: Any = (sa.Index(None, "asked_at"),)

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_sha256: str  # of method, path and body
    status: int
    answer: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    asked_at: datetime = Field(sa_type=Timestamp)


class TokenRow(Table, table=True):
    """One token. The secret's SHA-256 stands here, the secret nowhere.

    A personal one belongs to an account and may do what that may, as far as role, scopes and
    namespaces leave it; the first one of a fresh database belongs to nobody. A short one of a CI
    job says what its identity token proved.
    """

    __tablename__ = "token"
    __table_args__: Any = (
        sa.CheckConstraint("kind IN ('p', 'r', 's')", name="kind_known"),
        sa.CheckConstraint("(kind = 'p') = (source_id IS NULL)", name="source_bound"),
        sa.CheckConstraint(
            "(kind = 'p' AND role IS DISTINCT FROM 'bootstrap') = (account_id IS NOT NULL)",
            name="account_bound",
        ),
        sa.CheckConstraint("(kind = 's') = (proved IS NOT NULL)", name="proof_bound"),
    )

    public_id: str = Field(primary_key=True)
    kind: str
    secret_sha256: str
    role: str | None = None  # what it is narrowed to; None: everything that its account is
    scopes: list[str] = Field(sa_type=JSONB)
    namespaces: list[str] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    source_id: int | None = Field(default=None, sa_type=sa.BigInteger, foreign_key="source.id")
    account_id: UUID | None = Field(default=None, foreign_key="account.id", index=True)
    created_by: str
    created_at: datetime = Field(sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    single_use: bool = False
    proved: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))
    change_id: int = Field(sa_type=sa.BigInteger, foreign_key="change.id")


class UsedAssertionRow(Table, table=True):
    """An identity token that was exchanged, by its digest: it is good for that once."""

    __tablename__ = "used_assertion"
    __table_args__: Any = (sa.Index(None, "expires_at"),)

    issuer: str = Field(sa_column=sa.Column(sa.Text(collation="C"), primary_key=True))
    digest: str = Field(sa_column=sa.Column(sa.Text(collation="C"), primary_key=True))
    expires_at: datetime = Field(sa_type=Timestamp)
