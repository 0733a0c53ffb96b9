"""Whose token it is, and what it may do now: by its account's present grants."""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identities import Proved
from service.access.policy import Caller, Grant, Within, capabilities, held_by, narrowed, read_in
from service.access.tables import AccountRow, RoleGrantRow, TokenRow
from service.access.tokens import Presented, digest_of
from service.errors import InsufficientScope, NotAuthenticated
from service.ingest.tables import SourceRow

USED_AT_MOST_EVERY: Final = timedelta(minutes=1)
DUMMY: Final = "0" * 64  # unknown ids are compared too, so that timing tells nothing
CHANGED: Final = "Its rights were changed meanwhile."

token, account, grant, source = (
    table.__table__ for table in (TokenRow, AccountRow, RoleGrantRow, SourceRow)
)


class Narrowing(NamedTuple):
    """What a token leaves of its account: one role or all of them, scopes, namespaces or all."""

    role: str | None
    scopes: Sequence[str]
    namespaces: list[str] | None


def find_caller(session: Session, presented: Presented) -> tuple[Caller, bool]:
    """Who holds a token, and whether its use is to be noted. One statement.

    Raises `NotAuthenticated`, the same for unknown, wrong, ended and revoked ones, and for those
    of disabled accounts.
    """
    found = session.execute(
        sa.select(*_columns(_grants()), source.c.name.label("source"))
        .select_from(token)
        .outerjoin(account, account.c.id == token.c.account_id)
        .outerjoin(source, source.c.id == token.c.source_id)
        .where(token.c.public_id == presented.public_id)
    ).one_or_none()
    stored = found.secret_sha256 if found else DUMMY
    matches = hmac.compare_digest(stored, digest_of(presented.secret))
    if not found or not matches or found.kind != presented.kind:
        raise NotAuthenticated
    _check_lives(found)
    now = datetime.now(UTC)
    unnoted = found.last_used_at is None or found.last_used_at < now - USED_AT_MOST_EVERY
    return _of_account(found) if found.account_id else _without_account(found), unnoted


def hold(session: Session, caller: Caller) -> None:
    """Read the caller's grants again and let nobody take them away before the transaction ends.

    What is revoked meanwhile waits, or was first: then nothing is written. Raises
    `NotAuthenticated`, `InsufficientScope`.
    """
    if caller.account is None:
        return
    kept = sa.select(grant.c.role, grant.c.namespace).where(grant.c.account_id == caller.account)
    found = session.execute(
        sa.select(*_columns(_listed(kept.with_for_update(read=True).cte("kept"))))
        .select_from(token)
        .join(account, account.c.id == token.c.account_id)
        .where(token.c.public_id == caller.token)
        .with_for_update(read=True, of=[token, account])
    ).one_or_none()
    if found is None:
        raise NotAuthenticated
    _check_lives(found)
    now = _of_account(found)
    if any(not covers(now.within(one), caller.within(one)) for one in caller.capabilities):
        raise InsufficientScope(detail=CHANGED)


def narrowing_of(session: Session, caller: Caller) -> Narrowing:
    """What the caller's token is narrowed to, for what is done in its name later."""
    stated = token.c["role", "scopes", "namespaces"]
    found = sa.select(*stated).where(token.c.public_id == caller.token)
    return Narrowing(*session.execute(found).one())


def caller_of_account(session: Session, account_id: UUID, *, narrowing: Narrowing) -> Caller:
    """Who an account is now, as far as what is done in its name was narrowed.

    Raises `NotAuthenticated` for disabled accounts.
    """
    grants = _listed(grant, grant.c.account_id == account.c.id)
    found = session.execute(
        sa.select(
            account.c.id.label("account_id"), account.c.name.label("account"),
            account.c.kind.label("account_kind"), account.c.disabled_at, grants.label("grants"),
        ).where(account.c.id == account_id)
    ).one_or_none()  # fmt: skip
    if found is None or found.disabled_at is not None:
        raise NotAuthenticated
    return _narrowed(found, narrowing, public_id="")


def note_use(session: Session, public_id: str) -> None:
    """Note that a token was used; whoever comes while another notes it need not wait."""
    free = sa.select(token.c.public_id).where(token.c.public_id == public_id)
    session.execute(
        sa.update(token)
        .where(token.c.public_id.in_(free.with_for_update(skip_locked=True)))
        .values(last_used_at=sa.func.now())
    )


def _columns(grants: sa.ScalarSelect[Any]) -> list[Any]:
    who = (account.c.name.label("account"), account.c.kind.label("account_kind"))
    return [token, *who, account.c.disabled_at, grants.label("grants")]


def _grants() -> sa.ScalarSelect[Any]:
    """The roles of the token's account."""
    return _listed(grant, grant.c.account_id == token.c.account_id)


def _listed(held: sa.FromClause, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[Any]:
    pair = sa.func.jsonb_build_array(held.c.role, held.c.namespace)
    return sa.select(sa.func.jsonb_agg(pair)).where(*where).scalar_subquery()


def _check_lives(found: Any) -> None:
    ended = found.revoked_at is not None or found.expires_at <= datetime.now(UTC)
    if ended or found.disabled_at is not None:
        raise NotAuthenticated


def _of_account(found: Any) -> Caller:
    """What the account's present grants allow, as far as the token is not narrowed further."""
    narrowing = Narrowing(found.role, found.scopes, found.namespaces)
    return _narrowed(found, narrowing, public_id=found.public_id)


def _narrowed(found: Any, narrowing: Narrowing, *, public_id: str) -> Caller:
    granted = [Grant(role, namespace) for role, namespace in found.grants or ()]
    left = narrowed(granted, role=narrowing.role, within=_within(narrowing.namespaces))
    held = held_by(left, frozenset(narrowing.scopes), person=found.account_kind == "person")
    return Caller(
        kind=found.account_kind,
        id=found.account,
        token=public_id,
        role=narrowing.role or "",
        capabilities=frozenset(held),
        namespaces=read_in(left),
        account=found.account_id,
        held=held,
    )


def _without_account(found: Any) -> Caller:
    """A source's token, or the one-use token of a fresh database."""
    return Caller(
        kind="source" if found.source else "person",
        id=found.source or f"token:{found.public_id}",
        token=found.public_id,
        role=found.role,
        capabilities=capabilities(found.role, frozenset(found.scopes)),
        namespaces=_within(found.namespaces),
        source=found.source,
        proved=None if found.proved is None else Proved.model_validate(found.proved),
    )


def _within(namespaces: list[str] | None) -> Within:
    return None if namespaces is None else frozenset(namespaces)


def covers(now: Within, before: Within) -> bool:
    """Does what one may read hold all that another could?"""
    return now is None or (before is not None and before <= now)
