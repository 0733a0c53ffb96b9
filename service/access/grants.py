"""Roles of accounts: granted, listed, revoked. A revoked one is gone at the next request."""

from collections.abc import Iterable
from typing import Annotated, Any, Final

import sqlalchemy as sa
from pydantic import Field
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.access import GrantQuery, GrantRow, MakeAccount, MakeGrant
from schemas.problem import FieldProblem
from schemas.strict import LARGEST_COUNT
from service.access.accounts import Deed, Holder, find_holder, make_account
from service.access.lastadmin import check_others_administer
from service.access.policy import BOUND, Caller
from service.access.tables import AccountRow, RoleGrantRow
from service.errors import Invalid, NotFound
from service.ledger.change import record_changes
from service.ledger.tables import ChangeRow

account, grant, change = (table.__table__ for table in (AccountRow, RoleGrantRow, ChangeRow))
KIND: Final = "role_grant"
Number = Annotated[int, Field(ge=1, le=LARGEST_COUNT)]
SELF: Final = grant.c.granted_by == account.c.kind + ":" + account.c.name
FIELDS: Final = ("id", "role", "namespace", "granted_at", "granted_by")


class GrantNotFound(NotFound):
    """No grant has this number.

    `model-catalog account show NAME` and `GET /api/v1/role-grants` list them; it may be revoked
    already.
    """


class RoleEverywhere(Invalid):
    """Auditors and admins hold their role in all namespaces.

    Leave out `namespace`; readers, reviewers and approvers may hold theirs in some.
    """


def make_grant(session: Session, *, asked: MakeGrant, deed: Deed) -> tuple[GrantRow, bool]:
    """Grant a role, and whether that is new; the same again changes nothing.

    A role that somebody grants itself says so in the ledger and wherever it is shown. Raises
    `AccountNotFound`, `RoleEverywhere`.
    """
    if asked.namespace is not None and asked.role not in BOUND:
        raise RoleEverywhere(FieldProblem(pointer="/namespace", message="cannot bind this role"))
    holder = find_holder(session, asked.account)
    same = sa.select(grant.c.id).where(
        grant.c.account_id == holder.id,
        grant.c.role == asked.role,
        grant.c.namespace.is_not_distinct_from(asked.namespace),
    )
    known = session.execute(same).scalar_one_or_none()
    if known is None:
        add_grants(session, holder, role=asked.role, namespaces=[asked.namespace], deed=deed)
    return get_grant(session, known or session.execute(same).scalar_one()), known is None


def make_machine(
    session: Session, *, role: str, namespaces: Iterable[str] | None, deed: Deed
) -> Holder:
    """A machine's account that holds one role: for a token that nobody's account was named for."""
    name = f"machine-{uuid7().hex[-12:]}"
    holder = make_account(
        session,
        asked=MakeAccount(name=name, kind="machine", reason=deed.reason or "for a token"),
        deed=deed,
    )
    add_grants(session, holder, role=role, namespaces=namespaces or [None], deed=deed)
    return holder


def add_grants(
    session: Session,
    holder: Holder,
    *,
    role: str,
    namespaces: Iterable[str | None],
    deed: Deed,
) -> None:
    """Store grants that the holder lacks, each with its ledger row."""
    by = f"{deed.actor.kind}:{deed.actor.id}"
    to_self = by == f"{holder.kind}:{holder.name}"
    said = {"account": holder.name, "role": role, "self_granted": to_self}
    spaces = list(dict.fromkeys(namespaces))
    written = record_changes(
        session, [deed.change("grant", KIND, new=said | {"namespace": one}) for one in spaces]
    )
    common = {"account_id": holder.id, "role": role, "granted_by": by}
    rows = [
        common | {"namespace": namespace, "granted_at": sa.func.now(), "change_id": change}
        for namespace, change in zip(spaces, written, strict=True)
    ]
    session.execute(sa.insert(grant).values(rows))


def revoke_grant(session: Session, number: int, *, deed: Deed) -> None:
    """End a role. Raises `GrantNotFound`, `LastAdmin`."""
    found = session.execute(
        sa.select(grant.c.account_id, grant.c.role, grant.c.namespace, account.c.name)
        .join(account, account.c.id == grant.c.account_id)
        .where(grant.c.id == number)
        .with_for_update()
    ).one_or_none()
    if found is None:
        raise GrantNotFound(id=number)
    if found.role == "admin":
        check_others_administer(session, but=found.account_id)
    held = {"account": found.name, "role": found.role, "namespace": found.namespace}
    record_changes(session, [deed.change("revoke", KIND, old=held)])
    session.execute(sa.delete(grant).where(grant.c.id == number))


def get_grant(session: Session, number: int) -> GrantRow:
    """One grant. Raises `GrantNotFound`."""
    found = session.execute(_select().where(grant.c.id == number)).mappings().one_or_none()
    if found is None:
        raise GrantNotFound(id=number)
    return GrantRow.model_validate(dict(found))


def select_grants(asked: GrantQuery, *, caller: Caller) -> sa.Select[Any]:
    """The grants that are asked for, as far as the caller may know of them."""
    query = _select().where(_known(caller))
    if asked.account is not None:
        query = query.where(account.c.name.in_(asked.account))
    if asked.role is not None:
        query = query.where(grant.c.role.in_(asked.role))
    if asked.namespace is not None:
        query = query.where(
            sa.or_(grant.c.namespace.is_(None), grant.c.namespace.in_(asked.namespace))
        )
    if asked.self_granted is not None:
        query = query.where(SELF.is_(asked.self_granted))
    return query


def _known(caller: Caller) -> sa.ColumnElement[bool]:
    """One's own; reviewers and approvers see who granted a role to itself where they decide."""
    if caller.may("accounts:read"):
        return sa.true()
    own = grant.c.account_id == caller.account
    within = caller.within("decisions:write")
    if within is None:
        return sa.or_(own, SELF)
    if not within:
        return own
    decided = sa.or_(grant.c.namespace.is_(None), grant.c.namespace.in_(sorted(within)))
    return sa.or_(own, sa.and_(SELF, decided))


def _select() -> sa.Select[Any]:
    reason = sa.cast(change.c.canon, sa.JSON)["reason"].as_string()
    return (
        sa.select(
            *grant.c[FIELDS],
            account.c.name.label("account"),
            SELF.label("self_granted"),
            reason.label("reason"),
        )
        .join(account, account.c.id == grant.c.account_id)
        .join(change, change.c.id == grant.c.change_id)
    )
