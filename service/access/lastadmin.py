"""Somebody can always administer the catalog: the last who can keeps the role."""

from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.access.tables import AccountRow, RoleGrantRow, TokenRow
from service.errors import Conflict

account, grant, token = (table.__table__ for table in (AccountRow, RoleGrantRow, TokenRow))
ALONE: Final = sa.text("SELECT pg_advisory_xact_lock(hashtext('model-catalog:admins'))")


class LastAdmin(Conflict):
    """Nobody else could administer this catalog.

    No other enabled account is admin and has a token that works. Grant the role to another account
    and make a token for it first: then this one can go.
    """


def check_others_administer(session: Session, *, but: UUID) -> None:
    """An account's role as admin may go only when another one can act. Raises `LastAdmin`.

    One such change at a time: two admins could else take the role from each other.
    """
    is_admin = sa.exists().where(grant.c.account_id == but, grant.c.role == "admin")
    if not session.execute(sa.select(is_admin)).scalar_one():
        return
    session.execute(ALONE)
    if not session.execute(sa.select(administered(but))).scalar_one():
        raise LastAdmin


def administered(but: UUID | None = None) -> sa.ColumnElement[bool]:
    """Is there an enabled account, beside one, that is admin and has a token that works?"""
    return sa.exists(
        sa.select(1)
        .select_from(grant)
        .join(account, account.c.id == grant.c.account_id)
        .join(token, token.c.account_id == account.c.id)
        .where(grant.c.role == "admin", account.c.disabled_at.is_(None))
        .where(sa.true() if but is None else account.c.id != but)
        .where(token.c.revoked_at.is_(None), token.c.expires_at > sa.func.now())
        .where(sa.func.coalesce(token.c.role, "admin") == "admin", token.c.namespaces.is_(None))
        .where(token.c.scopes.has_key("access:admin"))
    )
