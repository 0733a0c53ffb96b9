"""Routes of tokens, and of who asks."""

from datetime import timedelta
from functools import partial

import sqlalchemy as sa
from fastapi import APIRouter, Response
from sqlmodel import Session

from schemas.access import MakeAccount, MakeGrant, Me, TokenMade, TokenRequest, TokenShown
from service.access import tokens
from service.access.accounts import (
    AccountNotFound,
    Deed,
    Holder,
    find_holder,
    make_account,
)
from service.access.grants import make_grant, make_machine
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.access.narrowing import RoleNotHeld, narrow
from service.access.policy import BOUND, ROLES, Caller
from service.access.whoami import who_asks
from service.db import ReadSession, Store
from service.errors import InsufficientScope, Invalid, problems
from service.ingest.sources import SourceNotFound, get_source
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=CatalogRoute)
FIRST = "admin"  # the account that the first token makes, unless another one is named


class SourceTokenNeedsSource(Invalid):
    """A source token names its source, and only a source token does.

    Send `source` with role `source`, and leave it out for the other roles. A source token belongs
    to no account, and nothing narrows it.
    """


class NamespacesForReaders(Invalid):
    """Only a reader's, reviewer's or approver's token can be bound to namespaces.

    Leave out `namespaces`: an admin acts everywhere, a source where its `may_name` allows.
    """


class ScopeBeyondRole(Invalid):
    """The role does not hold all these scopes.

    Leave out `scopes` to hand on everything that the role may.
    """


class TokenForNobody(Invalid):
    """A token needs somebody who holds it, or a role.

    Name an account, or a role: then a machine's account is made that holds just this role.
    """


@router.get("/me")
@policy("self:read")
def get_me(caller: Requester, session: ReadSession) -> Me:
    """Who asks, with which roles, for which owners, and what the token may do where."""
    return who_asks(session, caller)


@router.post(
    "/tokens",
    status_code=201,
    response_model=TokenMade,
    responses=problems(
        SourceTokenNeedsSource, SourceNotFound, AccountNotFound, RoleNotHeld, *REPEATED
    ),
)
@policy("tokens:make")
def create_token(caller: Requester, asked: TokenRequest, repeat: Repeat, trace: Trace) -> Response:
    """Make a token; it is answered once and stored nowhere.

    Everyone makes tokens of the own account, which may do no more than the one that is sent;
    admins make them for anybody.
    """
    work = partial(make, caller=caller, asked=asked, trace=trace)
    return repeatable(repeat, work, status=201, unkept=("token",))


@router.get("/tokens")
@policy("tokens:own")
def list_tokens(caller: Requester, session: ReadSession) -> list[TokenShown]:
    """Every token of the own account, for auditors and admins all; never a secret."""
    of = None if caller.may("tokens:read") else caller.account
    return [TokenShown.model_validate(found) for found in tokens.list_tokens(session, of=of)]


@router.delete("/tokens/{public_id}", status_code=204, responses=problems(tokens.TokenNotFound))
@policy("tokens:own")
def revoke_token(caller: Requester, public_id: str, store: Store, trace: Trace) -> None:
    """End a token at once: one of the own account, for admins any."""
    of = None if caller.may("tokens:write") else caller.account
    work = partial(
        tokens.revoke_token, public_id=public_id, actor=caller.actor, request=trace, of=of
    )
    store.transact(work)


def make(session: Session, *, caller: Caller, asked: TokenRequest, trace: str) -> TokenMade:
    """Make a token on behalf of a caller; a single-use one is spent with it."""
    _check_form(asked)
    deed = Deed(caller.actor, request=trace)
    if caller.role == "bootstrap":
        _spend(session, caller)
    holder = None
    if asked.source is not None:
        _check_may_grant(caller)
        get_source(session, asked.source)
    elif caller.role == "bootstrap":
        holder = _first(session, asked, deed=deed)
    else:
        holder, asked = _whose(session, caller, asked=asked, deed=deed)
    text, ends = tokens.create_token(
        session,
        kind="r" if asked.role == "source" else "p",
        role=asked.role,
        holder=holder,
        scopes=asked.scopes,
        actor=caller.actor,
        source_name=asked.source,
        namespaces=asked.namespaces,
        lasts=timedelta(days=asked.days) if asked.days else None,
        request=trace,
    )
    made = tokens.read_token(text)
    public_id = made.public_id if made else ""
    return TokenMade(
        token=text, public_id=public_id, account=holder and holder.name, expires_at=ends
    )


def _check_form(asked: TokenRequest) -> None:
    if (asked.role == "source") is (asked.source is None):
        raise SourceTokenNeedsSource
    if asked.role == "source" and (asked.account or asked.scopes):
        raise SourceTokenNeedsSource
    if (
        asked.scopes is not None
        and asked.role is not None
        and set(asked.scopes) - ROLES[asked.role]
    ):
        raise ScopeBeyondRole
    if asked.namespaces is not None and asked.role not in {None, *BOUND}:
        raise NamespacesForReaders


def _whose(
    session: Session, caller: Caller, *, asked: TokenRequest, deed: Deed
) -> tuple[Holder, TokenRequest]:
    """Who is to hold the token, and what it is narrowed to; a machine's account may be made."""
    if not caller.may("tokens:grant"):
        if asked.account not in {None, caller.id}:
            _check_may_grant(caller)
        holder = find_holder(session, caller.id)
    elif asked.account is not None:
        holder = find_holder(session, asked.account)
    elif asked.role is not None:
        deed = deed._replace(reason="for a token")
        spaces = asked.namespaces
        return make_machine(session, role=asked.role, namespaces=spaces, deed=deed), asked
    else:
        raise TokenForNobody
    return holder, narrow(session, caller, holder=holder, asked=asked)


def _check_may_grant(caller: Caller) -> None:
    if not caller.may("tokens:grant"):
        raise InsufficientScope(detail="It makes tokens of its own account only.")


def _first(session: Session, asked: TokenRequest, *, deed: Deed) -> Holder:
    """The account of the first admin, or of who takes the office over when tokens are lost."""
    if asked.role is None:
        raise TokenForNobody
    name = asked.account or FIRST
    try:
        holder = find_holder(session, name)
    except AccountNotFound:
        reason = "made with the one-use token of the database host"
        holder = make_account(session, asked=MakeAccount(name=name, reason=reason), deed=deed)
    said = {"account": name, "role": asked.role, "reason": "with the one-use token"}
    for namespace in asked.namespaces or (None,):
        wanted = MakeGrant.model_validate(said | {"namespace": namespace})
        make_grant(session, asked=wanted, deed=deed)
    return holder


def _spend(session: Session, caller: Caller) -> None:
    """A bootstrap token makes one token and ends, also when two requests race.

    Others that were made for the same need end with it: there is an admin now.
    """
    spent = session.execute(
        sa.update(tokens.token)
        .where(tokens.token.c.role == caller.role, tokens.token.c.revoked_at.is_(None))
        .values(revoked_at=sa.func.now())
        .returning(tokens.token.c.public_id)
    ).scalars()
    if caller.token not in spent.all():
        raise InsufficientScope(detail="It was good for one use.")
