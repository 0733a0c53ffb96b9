"""Tokens: their form, which refuses typing errors without a query, and their life."""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from service.access.policy import ROLES, Caller, capabilities
from service.access.tables import TokenRow
from service.errors import Conflict, Invalid, NotAuthenticated, NotFound
from service.ingest.tables import SourceRow
from service.ledger.change import Actor, Change, record_changes

ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC_ID: Final = 8
SECRET: Final = 32
CHECK: Final = 6
FORM: Final = re.compile(r"mcat([prs])_([0-9A-Za-z]{8})([0-9A-Za-z]{32})([0-9A-Za-z]{6})")
LONGEST: Final = {"p": timedelta(days=365), "r": timedelta(days=90), "s": timedelta(minutes=15)}
USUAL: Final = {"p": timedelta(days=30), "r": timedelta(days=90), "s": timedelta(minutes=15)}
BOOTSTRAP: Final = timedelta(hours=1)
USED_AT_MOST_EVERY: Final = timedelta(minutes=1)
DUMMY: Final = "0" * 64  # unknown ids are compared too, so that timing tells nothing

token, source = TokenRow.__table__, SourceRow.__table__


class TokenExpiry(Invalid):
    """A token must end, and not too late.

    Personal tokens last at most 365 days, source tokens 90 days.
    """


class TokenNotFound(NotFound):
    """No token has this public id.

    `model-catalog token list` shows them; the public id is the eight characters after `mcat…_`.
    """


class AlreadyBootstrapped(Conflict):
    """An admin token exists already.

    Use it to make others. If it is lost, `token create --recover` on the database host makes a new
    one and says so in the ledger.
    """


class Presented(NamedTuple):
    """A token of the right form, as it was sent."""

    kind: str
    public_id: str
    secret: str


def make_token(kind: str) -> tuple[str, Presented]:
    """A new token's text, and its parts. The text is shown once and stored nowhere."""
    public_id, secret = (
        "".join(secrets.choice(ALPHABET) for _ in range(length)) for length in (PUBLIC_ID, SECRET)
    )
    body = f"mcat{kind}_{public_id}{secret}"
    return body + _check(body), Presented(kind, public_id, secret)


def read_token(text: str) -> Presented | None:
    """The parts of a well-formed token; None for anything else, without a query."""
    found = FORM.fullmatch(text)
    return _presented(found) if found else None


def holds_token(text: str) -> bool:
    """Does a token stand anywhere in a text?"""
    return any(_presented(found) for found in FORM.finditer(text))


def _presented(found: re.Match[str]) -> Presented | None:
    kind, public_id, secret, check = found.groups()
    if not hmac.compare_digest(_check(found[0][:-CHECK]), check):
        return None
    return Presented(kind, public_id, secret)


def _check(body: str) -> str:
    number, written = zlib.crc32(body.encode()), ""
    for _ in range(CHECK):
        number, digit = divmod(number, len(ALPHABET))
        written = ALPHABET[digit] + written
    return written


def create_token(  # noqa: PLR0913  # what a token is
    session: Session,
    *,
    kind: str,
    role: str,
    actor: Actor,
    scopes: Iterable[str] | None = None,
    source_name: str | None = None,
    namespaces: Iterable[str] | None = None,
    lasts: timedelta | None = None,
    single_use: bool = False,
    op: str = "grant",
    request: str | None = None,
) -> tuple[str, datetime]:
    """Store a token's digest and its ledger row; answers its text and when it ends."""
    lasts = USUAL[kind] if lasts is None else lasts
    if not timedelta() < lasts <= LONGEST[kind]:
        raise TokenExpiry(asked=str(lasts))
    text, parts = make_token(kind)
    expires_at = datetime.now(UTC) + lasts
    kept = {
        "public_id": parts.public_id,
        "kind": kind,
        "role": role,
        "scopes": sorted(ROLES[role] if scopes is None else set(scopes) & ROLES[role]),
        "namespaces": None if namespaces is None else sorted(namespaces),
        "expires_at": expires_at,
        "single_use": single_use,
    }
    change = Change(op, "token", actor, new=kept | {"source": source_name}, request=request)
    session.execute(
        sa.insert(token).values(
            **kept,
            secret_sha256=_digest(parts.secret),
            source_id=None if source_name is None else _source_id(session, source_name),
            created_by=f"{actor.kind}:{actor.id}",
            created_at=sa.func.now(),
            change_id=record_changes(session, [change])[0],
        )
    )
    return text, expires_at


def _source_id(session: Session, name: str) -> int:
    found: int = session.execute(sa.select(source.c.id).where(source.c.name == name)).scalar_one()
    return found


def find_caller(session: Session, presented: Presented) -> tuple[Caller, bool]:
    """Who holds a token, and whether its use is to be noted.

    Raises `NotAuthenticated`, the same for unknown, wrong, ended and revoked ones.
    """
    found = session.execute(
        sa.select(token, source.c.name.label("source"))
        .outerjoin_from(token, source, source.c.id == token.c.source_id)
        .where(token.c.public_id == presented.public_id)
    ).one_or_none()
    stored = found.secret_sha256 if found else DUMMY
    matches = hmac.compare_digest(stored, _digest(presented.secret))
    if not found or not matches or found.kind != presented.kind:
        raise NotAuthenticated
    now = datetime.now(UTC)
    if found.revoked_at is not None or found.expires_at <= now:
        raise NotAuthenticated
    caller = Caller(
        kind="source" if found.source else "person",
        id=found.source or f"token:{found.public_id}",
        token=found.public_id,
        role=found.role,
        capabilities=capabilities(found.role, frozenset(found.scopes)),
        namespaces=None if found.namespaces is None else frozenset(found.namespaces),
        source=found.source,
    )
    return caller, found.last_used_at is None or found.last_used_at < now - USED_AT_MOST_EVERY


def note_use(session: Session, public_id: str) -> None:
    """Note that a token was used; whoever comes while another notes it need not wait."""
    free = sa.select(token.c.public_id).where(token.c.public_id == public_id)
    session.execute(
        sa.update(token)
        .where(token.c.public_id.in_(free.with_for_update(skip_locked=True)))
        .values(last_used_at=sa.func.now())
    )


def revoke_token(session: Session, public_id: str, *, actor: Actor, request: str | None) -> None:
    """End a token at once."""
    ended = session.execute(
        sa.update(token)
        .where(token.c.public_id == public_id, token.c.revoked_at.is_(None))
        .values(revoked_at=sa.func.now())
        .returning(token.c.public_id)
    ).scalar_one_or_none()
    if ended is None:
        raise TokenNotFound(public_id=public_id)
    record_changes(
        session, [Change("revoke", "token", actor, old={"public_id": public_id}, request=request)]
    )


def bootstrap(session: Session, *, actor: Actor, recover: bool) -> tuple[str, datetime]:
    """The first token of a fresh database: an hour, one use, to make an admin's own token."""
    live = sa.select(token.c.public_id).where(
        token.c.role == "admin", token.c.revoked_at.is_(None), token.c.expires_at > sa.func.now()
    )
    if not recover and session.execute(live.limit(1)).first():
        raise AlreadyBootstrapped
    return create_token(
        session, kind="p", role="bootstrap", actor=actor, lasts=BOOTSTRAP, single_use=True,
        op="recover" if recover else "bootstrap",
    )  # fmt: skip


def list_tokens(session: Session) -> list[dict[str, Any]]:
    """Every token, newest first; never a secret."""
    columns = (
        "public_id", "kind", "role", "scopes", "namespaces", "created_by", "created_at",
        "expires_at", "revoked_at",
    )  # fmt: skip
    used_on = sa.cast(token.c.last_used_at, sa.Date).label("last_used_on")
    query = (
        sa.select(*(token.c[name] for name in columns), used_on, source.c.name.label("source"))
        .outerjoin_from(token, source, source.c.id == token.c.source_id)
        .order_by(token.c.created_at.desc(), token.c.public_id)
    )
    return [dict(row) for row in session.execute(query).mappings()]


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
