"""Routes of tokens: making, listing and ending them."""

from datetime import date, timedelta
from typing import Annotated, Final, Literal

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import Field
from sqlmodel import Session

from schemas.sources import Namespace, SourceName
from schemas.strict import Closed, Instant, Line
from service.access import tokens
from service.access.policy import Caller
from service.db import ReadSession, Store
from service.errors import InsufficientScope, Invalid, problems
from service.ingest.sources import SourceNotFound, get_source
from service.routing import CatalogRoute, Requester, Trace, policy

BOUND: Final = {"reader", "reviewer", "approver"}  # roles that may be held for some namespaces

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=CatalogRoute)


class SourceTokenNeedsSource(Invalid):
    """A source token names its source, and only a source token does.

    Send `source` with role `source`, and leave it out for the other roles.
    """


class NamespacesForReaders(Invalid):
    """Only a reader's, reviewer's or approver's token can be bound to namespaces.

    Leave out `namespaces`: an admin acts everywhere, a source where its `may_name` allows.
    """


class TokenRequest(Closed):
    """What a new token may do, and for how long. Without `namespaces` it holds for all."""

    role: Literal["reader", "reviewer", "approver", "source", "admin"]
    source: SourceName | None = None
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=100)] | None = None
    days: Annotated[int, Field(strict=True, ge=1, le=365)] | None = None


class TokenMade(Closed):
    """A new token. It is shown this once."""

    token: Line
    expires_at: Instant


class TokenShown(Closed):
    """A token as admins see it: never its secret."""

    public_id: Line
    kind: Line
    role: Line
    scopes: tuple[Line, ...]
    namespaces: tuple[Line, ...] | None
    source: Line | None
    created_by: Line
    created_at: Instant
    expires_at: Instant
    last_used_on: date | None
    revoked_at: Instant | None


@router.post("/tokens", status_code=201, responses=problems(SourceTokenNeedsSource, SourceNotFound))
@policy("tokens:make")
def create_token(caller: Requester, asked: TokenRequest, store: Store, trace: Trace) -> TokenMade:
    """Make a token; it is answered once and stored nowhere."""
    return store.transact(lambda session: make(session, caller, asked, trace=trace))


@router.get("/tokens")
@policy("tokens:read")
def list_tokens(caller: Requester, session: ReadSession) -> list[TokenShown]:
    """Every token with its public id; never a secret."""
    return [TokenShown.model_validate(found) for found in tokens.list_tokens(session)]


@router.delete("/tokens/{public_id}", status_code=204, responses=problems(tokens.TokenNotFound))
@policy("tokens:write")
def revoke_token(caller: Requester, public_id: str, store: Store, trace: Trace) -> None:
    """End a token at once."""
    store.transact(
        lambda session: tokens.revoke_token(session, public_id, actor=caller.actor, request=trace)
    )


def make(session: Session, caller: Caller, asked: TokenRequest, *, trace: str) -> TokenMade:
    """Make a token on behalf of a caller; a single-use one is spent with it."""
    if (asked.role == "source") is (asked.source is None):
        raise SourceTokenNeedsSource
    if asked.namespaces is not None and asked.role not in BOUND:
        raise NamespacesForReaders
    if asked.source is not None:
        get_source(session, asked.source)
    if caller.role == "bootstrap":
        _spend(session, caller)
    text, ends = tokens.create_token(
        session,
        kind="r" if asked.role == "source" else "p",
        role=asked.role,
        actor=caller.actor,
        source_name=asked.source,
        namespaces=asked.namespaces,
        lasts=timedelta(days=asked.days) if asked.days else None,
        request=trace,
    )
    return TokenMade(token=text, expires_at=ends)


def _spend(session: Session, caller: Caller) -> None:
    """A bootstrap token makes one token and ends, also when two requests race."""
    spent = session.execute(
        sa.update(tokens.token)
        .where(tokens.token.c.public_id == caller.token, tokens.token.c.revoked_at.is_(None))
        .values(revoked_at=sa.func.now())
        .returning(tokens.token.c.public_id)
    ).scalar_one_or_none()
    if spent is None:
        raise InsufficientScope(detail="It was good for one use.")
