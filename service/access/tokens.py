"""Tokens: their form, which refuses typing errors without a query, and their life."""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identities import Proved
from service.access.accounts import Deed, Holder
from service.access.grants import make_machine
from service.access.lastadmin import administered
from service.access.policy import ALL_SCOPES, ROLES
from service.access.tables import AccountRow, TokenRow
from service.errors import Conflict, Invalid, NotFound
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
PERSONAL: Final = {"actor"}

token, source, account = (table.__table__ for table in (TokenRow, SourceRow, AccountRow))


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
    actor: Actor,
    role: str | None = None,
    holder: Holder | None = None,
    scopes: Iterable[str] | None = None,
    source_name: str | None = None,
    namespaces: Iterable[str] | None = None,
    lasts: timedelta | None = None,
    single_use: bool = False,
    proved: Proved | None = None,
    op: str = "grant",
    request: str | None = None,
) -> tuple[str, datetime]:
    """Store a token's digest and its ledger row; answers its text and when it ends.

    A personal one without a holder gets a machine's account that holds just this role. `proved` is
    what a CI job's short one stands on; the ledger does not name the person who started the job.
    """
    ends = datetime.now(UTC) + _allowed(kind, lasts)
    text, parts = make_token(kind)
    kept: dict[str, Any] = {
        "public_id": parts.public_id, "kind": kind, "role": role, "scopes": _scopes(role, scopes),
        "namespaces": None if namespaces is None else sorted(set(namespaces)),
        "expires_at": ends, "single_use": single_use,
    }  # fmt: skip
    holder = holder or _machine(session, kept, actor=actor, request=request)
    said = kept | {"source": source_name, "account": holder and holder.name}
    if proved is not None:
        said |= {"proved": proved.model_dump(mode="json", exclude=PERSONAL, exclude_none=True)}
    [change] = record_changes(session, [Change(op, "token", actor, new=said, request=request)])
    whose = {
        "account_id": holder and holder.id,
        "source_id": source_name and _source_id(session, source_name),
        "created_by": f"{actor.kind}:{actor.id}",
        "proved": proved and proved.model_dump(mode="json"),
    }
    secret = {"secret_sha256": digest_of(parts.secret), "created_at": sa.func.now()}
    session.execute(sa.insert(token).values(kept | whose | secret | {"change_id": change}))
    return text, ends


def _machine(
    session: Session, kept: Mapping[str, Any], *, actor: Actor, request: str | None
) -> Holder | None:
    """Who holds a personal token that is made for nobody: a new machine with just its role."""
    if kept["kind"] != "p" or kept["role"] == "bootstrap":
        return None
    deed = Deed(actor, f"for token {kept['public_id']}", request)
    return make_machine(session, role=kept["role"], namespaces=kept["namespaces"], deed=deed)


def _allowed(kind: str, lasts: timedelta | None) -> timedelta:
    """How long a token lasts; without a wish, as is usual. Raises `TokenExpiry`."""
    wanted = USUAL[kind] if lasts is None else lasts
    if not timedelta() < wanted <= LONGEST[kind]:
        raise TokenExpiry(asked=str(wanted))
    return wanted


def _scopes(role: str | None, wanted: Iterable[str] | None) -> list[str]:
    """All that the role may hold, or what is wanted of it."""
    allowed = ALL_SCOPES if role is None else ROLES[role]
    return sorted(allowed if wanted is None else set(wanted) & allowed)


def _source_id(session: Session, name: str) -> int:
    found: int = session.execute(sa.select(source.c.id).where(source.c.name == name)).scalar_one()
    return found


def revoke_token(
    session: Session,
    public_id: str,
    *,
    actor: Actor,
    request: str | None,
    of: UUID | None = None,
) -> None:
    """End a token at once; only one of an account, if that is named. Raises `TokenNotFound`."""
    own = sa.true() if of is None else token.c.account_id == of
    ended = session.execute(
        sa.update(token)
        .where(token.c.public_id == public_id, token.c.revoked_at.is_(None), own)
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
    if not recover and session.execute(sa.select(administered())).scalar_one():
        raise AlreadyBootstrapped
    return create_token(
        session, kind="p", role="bootstrap", actor=actor, lasts=BOOTSTRAP, single_use=True,
        op="recover" if recover else "bootstrap",
    )  # fmt: skip


def list_tokens(session: Session, *, of: UUID | None = None) -> list[dict[str, Any]]:
    """Every token, or those of an account, newest first; never a secret."""
    columns = (
        "public_id", "kind", "role", "scopes", "namespaces", "created_by", "created_at",
        "expires_at", "revoked_at", "proved",
    )  # fmt: skip
    used_on = sa.cast(token.c.last_used_at, sa.Date).label("last_used_on")
    names = (source.c.name.label("source"), account.c.name.label("account"))
    query = (
        sa.select(*(token.c[name] for name in columns), used_on, *names)
        .outerjoin_from(token, source, source.c.id == token.c.source_id)
        .outerjoin(account, account.c.id == token.c.account_id)
        .where(sa.true() if of is None else token.c.account_id == of)
        .order_by(token.c.created_at.desc(), token.c.public_id)
    )
    return [dict(row) for row in session.execute(query).mappings()]


def digest_of(secret: str) -> str:
    """What is stored in place of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
