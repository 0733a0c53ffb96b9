"""Exchanges a CI job's identity token for a short token of a source, once."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import Any, Final, NamedTuple, Self

import sqlalchemy as sa
import structlog
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from outbound.addresses import Allowed
from schemas.identities import AskedExchange, Exchanged, Identity, Proved, identities_of
from service.access.ci.assertion import (
    Assertion,
    check_claims,
    check_signature,
    read_assertion,
)
from service.access.ci.errors import IdentityNotProved, TooManyExchanges
from service.access.ci.keys import IssuerKeys
from service.access.ci.proof import proved_by
from service.access.ci.rules import check_bound, fitting, of_issuer
from service.access.tables import UsedAssertionRow
from service.access.tokens import create_token
from service.db import Database
from service.ingest.tables import SourceRow
from service.ledger.change import Actor
from service.limits import Buckets
from service.settings import Settings

ROLE: Final = "ci"
ALREADY: Final = "It was exchanged before; ask for a new one."

log = structlog.get_logger()
used, source = UsedAssertionRow.__table__, SourceRow.__table__


class Exchanges:
    """What all exchanges of one process share: the keys of issuers, and how many come."""

    def __init__(self, keys: IssuerKeys, *, audience: str, rate: float, burst: int) -> None:
        """Nothing has come yet. `audience` is what tokens must be meant for."""
        self.keys, self.audience = keys, audience
        self._addresses, self._sources = Buckets(rate, burst), Buckets(rate, burst)
        self._lock = Lock()

    @classmethod
    def by(cls, settings: Settings) -> Self:
        """As an operator sets them."""
        authorities = settings.identity_ca_file
        keys = IssuerKeys(
            Allowed(settings.outbound_allow), ca_file=Path(authorities) if authorities else None
        )
        rate, burst = settings.exchanges_per_second, settings.exchanges_burst
        return cls(keys, audience=settings.base_url.rstrip("/"), rate=rate, burst=burst)

    def admit_address(self, address: str) -> None:
        """Count what an address sends, before anything is read. Raises `TooManyExchanges`."""
        self._take(self._addresses, hash(address))

    def admit_source(self, number: int) -> None:
        """Count what a source's own jobs send: others spend nothing of its share.

        Raises `TooManyExchanges`.
        """
        self._take(self._sources, number)

    def _take(self, buckets: Buckets, who: int) -> None:
        with self._lock:
            allowed = buckets.take(who, now=monotonic())
        if not allowed:
            raise TooManyExchanges


class Speaker(NamedTuple):
    """A source that CI jobs may speak for, and which."""

    id: int
    name: str
    identities: Sequence[Identity]


def exchange(
    database: Database, exchanges: Exchanges, *, asked: AskedExchange, trace: str
) -> Exchanged:
    """A token for 15 minutes. No connection is held while keys are read.

    Raises `IdentityNotProved`, `JobNotBound`, `KeysUnavailable`, `TooManyExchanges`.
    """
    given = read_assertion(asked.identity_token)
    with database.reading() as session:
        speaker = find_speaker(session, asked.source)
    bound = of_issuer(speaker.identities, given.issuer) if speaker else ()
    if speaker is None or not bound:
        raise IdentityNotProved(why="issuer", source=asked.source)
    check_signature(given, exchanges.keys.find(given.issuer, given.kid))
    own = check_bound(bound, given.claims)  # from here on it is one of the source's own jobs
    exchanges.admit_source(speaker.id)
    check_claims(
        given, audience=exchanges.audience, now=datetime.now(UTC), named=own.provider != "oidc"
    )
    proved = proved_by(fitting(bound, given.claims), given.claims)
    made = database.transact(
        partial(make, speaker=speaker, given=given, proved=proved, trace=trace)
    )
    log.info("identity_exchanged", source=speaker.name, **_told(proved))
    return made


def find_speaker(session: Session, name: str) -> Speaker | None:
    """The enabled source of this name, with the jobs that may speak for it."""
    query = sa.select(source.c.id, source.c.settings).where(source.c.name == name, source.c.enabled)
    found = session.execute(query).one_or_none()
    return None if found is None else Speaker(found.id, name, identities_of(found.settings))


def make(
    session: Session, *, speaker: Speaker, given: Assertion, proved: Proved, trace: str
) -> Exchanged:
    """Use the identity token up and make ours, both or neither. Raises `IdentityNotProved`."""
    values = {"issuer": given.issuer, "digest": given.digest, "expires_at": given.forget_at}
    first = insert(used).values(values).on_conflict_do_nothing().returning(used.c.digest)
    if session.execute(first).scalar_one_or_none() is None:
        raise IdentityNotProved(detail=ALREADY, why="used", source=speaker.name)
    text, ends = create_token(
        session,
        kind="s",
        role=ROLE,
        source_name=speaker.name,
        proved=proved,
        actor=Actor("source", speaker.name, authn="identity_token"),
        op="exchange",
        request=trace,
    )
    return Exchanged(
        token=text,
        expires_at=ends,
        source=speaker.name,
        repository=proved.repository,
        build=proved.build,
        commit=proved.commit,
        environment=proved.environment,
    )


def forget_assertions(session: Session) -> int:
    """Identity tokens that are over anyhow; answers how many."""
    over = sa.delete(used).where(used.c.expires_at < sa.func.now())
    done: Any = session.execute(over)
    return int(done.rowcount)


def _told(proved: Proved) -> Mapping[str, str]:
    known = {"issuer": proved.issuer, "repository": proved.repository, "run": proved.run}
    return {name: str(value) for name, value in known.items() if value is not None}
