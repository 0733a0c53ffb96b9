"""Accounts: made, shown, renamed, disabled and enabled; never deleted, the ledger names them."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.access import AccountQuery, AccountRow, AccountShown, ChangeAccount, MakeAccount
from service.access.lastadmin import check_others_administer
from service.access.tables import AccountRow as Stored
from service.access.tables import OwnerMappingRow, RoleGrantRow
from service.errors import Conflict, NotFound
from service.etag import check_match
from service.ledger.change import Actor, Change, record_changes

account, grant, mapping = (table.__table__ for table in (Stored, RoleGrantRow, OwnerMappingRow))
KIND: Final = "account"


class AccountNotFound(NotFound):
    """No account has this name.

    `model-catalog account list` shows them; names are compared exactly.
    """


class AccountExists(Conflict):
    """Another account has this name.

    Choose another one: a name stays with its account, also when that is disabled.
    """


class Deed(NamedTuple):
    """Who does something to accounts, why, and in which request."""

    actor: Actor
    reason: str | None = None
    request: str | None = None

    def change(self, op: str, kind: str, *, old: Any = None, new: Any = None) -> Change:
        """Its ledger row."""
        return Change(
            op, kind, self.actor, old=old, new=new, reason=self.reason, request=self.request
        )


class Holder(NamedTuple):
    """Whose a role or a token is."""

    id: UUID
    name: str
    kind: str


def make_account(session: Session, *, asked: MakeAccount, deed: Deed) -> Holder:
    """Store an account with its ledger row. Raises `AccountExists`."""
    if session.execute(sa.select(account.c.id).where(account.c.name == asked.name)).first():
        raise AccountExists(name=asked.name)
    said = asked.model_dump(exclude={"reason"})
    [change] = record_changes(session, [deed.change("create", KIND, new=said)])
    made = Holder(uuid7(), asked.name, asked.kind)
    session.execute(
        sa.insert(account).values(**said, id=made.id, created_at=sa.func.now(), change_id=change)
    )
    return made


def create_account(session: Session, *, asked: MakeAccount, deed: Deed) -> AccountShown:
    """Store an account, and show it. Raises `AccountExists`."""
    make_account(session, asked=asked, deed=deed)
    return get_account(session, asked.name)


def find_account(session: Session, name: str, *, lock: bool = False) -> sa.Row[Any]:
    """An account by its name, exactly. Raises `AccountNotFound`."""
    query = sa.select(account).where(account.c.name == name)
    found = session.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise AccountNotFound(name=name)
    return found


def find_holder(session: Session, name: str) -> Holder:
    """Whose name it is. Raises `AccountNotFound`."""
    found = find_account(session, name)
    return Holder(found.id, found.name, found.kind)


def get_account(session: Session, name: str) -> AccountShown:
    """An account with its roles and owners. Raises `AccountNotFound`."""
    found = find_account(session, name)
    shown = {field: getattr(found, field) for field in AccountRow.model_fields}
    return AccountShown(
        **shown, grants=grants_of(session, found.id), owners=owners_of(session, found.id)
    )


def grants_of(session: Session, account_id: UUID) -> Any:
    """The roles that an account holds, in order."""
    held = sa.select(grant.c.role, grant.c.namespace).where(grant.c.account_id == account_id)
    rows = session.execute(held.order_by(grant.c.role, grant.c.namespace.nulls_first()))
    return tuple(dict(row) for row in rows.mappings())


def owners_of(session: Session, account_id: UUID) -> tuple[str, ...]:
    """The owners that an account stands for, by identifier, in order."""
    named = (mapping.c.scheme + ":" + mapping.c.value).label("owner")
    query = sa.select(named).where(mapping.c.account_id == account_id)
    return tuple(session.execute(query.order_by(mapping.c.scheme, mapping.c.value)).scalars())


def change_account(
    session: Session, *, name: str, asked: ChangeAccount, deed: Deed, match: Iterable[str]
) -> AccountShown:
    """Show an account otherwise. Raises `AccountNotFound`, `TagNeeded`, `TagStale`."""
    found = find_account(session, name, lock=True)
    check_match(tuple(match), get_account(session, name))
    if found.display_name != asked.display_name:
        _set(session, found, field="display_name", value=asked.display_name, deed=deed)
    return get_account(session, name)


def disable_account(session: Session, *, name: str, deed: Deed) -> AccountShown:
    """No token of the account works from now on. Raises `AccountNotFound`, `LastAdmin`."""
    found = find_account(session, name, lock=True)
    if found.disabled_at is None:
        check_others_administer(session, but=found.id)
        _set(session, found, field="disabled_at", value=sa.func.now(), deed=deed, op="disable")
    return get_account(session, name)


def enable_account(session: Session, *, name: str, deed: Deed) -> AccountShown:
    """The account's tokens work again, as far as they have not ended. Raises `AccountNotFound`."""
    found = find_account(session, name, lock=True)
    if found.disabled_at is not None:
        _set(session, found, field="disabled_at", value=None, deed=deed, op="enable")
    return get_account(session, name)


def select_accounts(asked: AccountQuery) -> sa.Select[Any]:
    """All accounts that are asked for."""
    query = sa.select(*(account.c[field] for field in AccountRow.model_fields))
    if asked.kind is not None:
        query = query.where(account.c.kind.in_(asked.kind))
    if asked.disabled is not None:
        query = query.where(account.c.disabled_at.is_not(None).is_(asked.disabled))
    return query


def _set(
    session: Session, found: Any, *, field: str, value: Any, deed: Deed, op: str = "update"
) -> None:
    about = {"name": found.name}
    old, new = about, about
    if field == "display_name":
        old, new = about | {field: found.display_name}, about | {field: value}
    [change] = record_changes(session, [deed.change(op, KIND, old=old, new=new)])
    session.execute(
        sa.update(account)
        .where(account.c.id == found.id)
        .values({field: value, "change_id": change})
    )
