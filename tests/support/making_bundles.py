"""Bundles of a test's own database, made as the worker makes them."""

import io
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from zipfile import ZipFile

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from uuid_utils.compat import uuid7

from schemas.bundles import Manifest
from service.access.policy import Caller, capabilities
from service.catalog.moments import latest_settled
from service.db import Database
from service.exports.bundle import Made, Order, build_bundle
from service.exports.review.reading import Moments
from service.ledger.notes import Keys, raw

PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEYS = Keys(PRIVATE, (raw(PRIVATE.public_key()),))


class Bundle(NamedTuple):
    """A bundle that was made: its bytes, its manifest, and its members by name."""

    data: bytes
    manifest: Manifest

    @property
    def members(self) -> dict[str, bytes]:
        """Every member, in the order of the ZIP."""
        with ZipFile(io.BytesIO(self.data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def content(self) -> dict[str, bytes]:
        """What depends on the order alone."""
        return {
            n: data for n, data in self.members.items() if n.startswith(("data/", "datapackage"))
        }


def reviewer() -> Caller:
    """Who may read everything, notes too."""
    held = capabilities("auditor", frozenset({"entries:read", "exports:read"}))
    return Caller("person", "auditor", "", "auditor", held, None)


def settled_now(database: Database) -> datetime:
    """A moment that shows everything so far; waits until it can be asked for."""
    with database.reading() as session:
        begun: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    while True:
        with database.reading() as session:
            found = latest_settled(session)
        if found > begun:
            return found
        time.sleep(0.05)


def make_bundle(
    database: Database,
    as_of: datetime,
    *,
    profile: Any = "models",
    dialect: Any = "plain",
    filters: Mapping[str, str] = {},
    since: datetime | None = None,
    known_at: datetime | None = None,
    caller: Caller | None = None,
    advance: Callable[[str, int], None] = lambda _file, _records: None,
    keys: Keys = KEYS,
) -> Bundle:
    """Make one."""
    order = Order(profile, dialect, filters, Moments(as_of, known_at or as_of, since))
    to = io.BytesIO()
    manifest = build_bundle(
        database, order, caller=caller or reviewer(), made=Made(uuid7(), "tests", keys), to=to,
        advance=advance,
    )  # fmt: skip
    return Bundle(to.getvalue(), manifest)
