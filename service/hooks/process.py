"""Turns stored deliveries into hints: claimed, tried five times, then parked with a reason."""

import json
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
import structlog
from sqlmodel import Session

from service.db import Database
from service.errors import Unavailable
from service.hooks.receivers import RECEIVERS
from service.hooks.tables import HintRow, HookDeliveryRow
from service.hooks.told import PayloadUnreadable, Told
from service.ingest.tables import ScopeRow, SourceRow

TRIES: Final = 5
FIRST_WAIT: Final = 30  # seconds; doubled by each further try
AT_ONCE: Final = 50
NOT_READ: Final = timedelta(days=1)
LONGEST_REASON: Final = 500
DIED: Final = "whoever read it did not come to an end, five times"

log = structlog.get_logger()
delivery, hint, source, scope = (
    t.__table__ for t in (HookDeliveryRow, HintRow, SourceRow, ScopeRow)
)


class Claim(NamedTuple):
    """A delivery that somebody reads now: whoever claims it again has another number of tries."""

    id: int
    tries: int


class Processed(NamedTuple):
    """How many deliveries were read, and how many hints came of them."""

    deliveries: int = 0
    hints: int = 0


def process_deliveries(database: Database, *, dry_run: bool = False) -> Processed:
    """Read what waits; one that cannot be read does not hold up the others."""
    if dry_run:
        with database.reading() as session:
            waiting = sa.select(sa.func.count()).where(*_due())
            return Processed(int(session.execute(waiting).scalar_one()))
    database.transact(park_given_up)
    done = Processed()
    while claims := database.transact(claim):
        for one in claims:
            done = Processed(done.deliveries + 1, done.hints + _read(database, one))
    return done


def claim(session: Session) -> list[Claim]:
    """Take some, before they are read: a try that ends in death counts too."""
    free = sa.select(delivery.c.id).where(*_due()).order_by(delivery.c.id)
    wait = FIRST_WAIT * sa.func.power(2, delivery.c.tries)
    taken = (
        sa.update(delivery)
        .where(delivery.c.id.in_(free.limit(AT_ONCE).with_for_update(skip_locked=True)))
        .values(
            tries=delivery.c.tries + 1,
            next_try_at=sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, wait),
        )
        .returning(delivery.c.id, delivery.c.tries)
    )
    return sorted(Claim(*row) for row in session.execute(taken))


def park_given_up(session: Session) -> int:
    """What was claimed for the last time, and nobody finished."""
    waits = sa.and_(delivery.c.state == "waiting", delivery.c.tries >= TRIES)
    over = delivery.c.next_try_at <= sa.func.clock_timestamp()
    parked: Any = session.execute(
        sa.update(delivery)
        .where(waits, over)
        .values(state="parked", reason=sa.func.coalesce(delivery.c.reason, DIED))
    )
    return int(parked.rowcount)


def finish(session: Session, claimed: Claim) -> int:
    """Read one and store its hints; answers how many. Raises `PayloadUnreadable`.

    Whoever comes late, because another has claimed it meanwhile, changes nothing.
    """
    found = session.execute(
        sa.select(*delivery.c["event", "body", "received_at", "source_id"],
                  *source.c["name", "kind", "settings"])
        .join(source, source.c.id == delivery.c.source_id)
        .where(delivery.c.id == claimed.id, delivery.c.tries == claimed.tries)
        .where(delivery.c.state == "waiting")
        .with_for_update(of=delivery)
    ).one_or_none()  # fmt: skip
    if found is None:
        return 0
    told = _hints(found)
    if told:
        followed = followed_by(session, found.source_id)
        rows = [_row(one, found, claimed.id) for one in told]
        session.execute(sa.insert(hint).values([row | _settled(row, followed) for row in rows]))
    session.execute(
        sa.update(delivery)
        .where(delivery.c.id == claimed.id)
        .values(
            state="done", body=None, reason=None, hints=len(told),
            processed_at=sa.func.clock_timestamp(),
        )
    )  # fmt: skip
    return len(told)


def followed_by(session: Session, source_id: int) -> frozenset[str] | None:
    """What harvests of the source follow hints about; None while that is not known.

    A scope that was not read for long, though others were, is read no more.
    """
    closed = sa.func.greatest(scope.c.full_closed_at, scope.c.delta_closed_at)
    own = scope.c.source_id == source_id
    last = sa.select(sa.func.max(closed)).where(own).scalar_subquery()
    lasting = sa.func.make_interval(0, 0, 0, 0, 0, 0, 2 * source.c.expected_interval_seconds)
    read = sa.or_(closed.is_(None), closed > last - sa.func.greatest(lasting, NOT_READ))
    query = sa.select(scope.c.follows).join(source, source.c.id == scope.c.source_id)
    follows = session.scalars(query.where(own, read)).all()
    if not follows or None in follows:
        return None
    return frozenset(about for one in follows for about in one)


def fail(session: Session, claimed: Claim, *, reason: str) -> None:
    """Say why; after the last try it is parked."""
    values = {"reason": reason[:LONGEST_REASON]}
    if claimed.tries >= TRIES:
        values["state"] = "parked"
    session.execute(
        sa.update(delivery)
        .where(delivery.c.id == claimed.id, delivery.c.tries == claimed.tries)
        .where(delivery.c.state == "waiting")
        .values(values)
    )


def _read(database: Database, claimed: Claim) -> int:
    try:
        return database.transact(partial(finish, claimed=claimed))
    except PayloadUnreadable as error:
        reason = str(error)
    except Unavailable:
        raise  # the database's fault, not the delivery's
    except Exception as error:  # whatever it is, the others are read
        log.exception("delivery_unread", delivery=claimed.id)
        reason = f"could not be read: {type(error).__name__}"
    log.warning("delivery_failed", delivery=claimed.id, tries=claimed.tries, reason=reason)
    database.transact(partial(fail, claimed=claimed, reason=reason))
    return 0


def _hints(found: Any) -> list[Told]:
    """Each thing once."""
    receiver = RECEIVERS.get(found.kind)
    if receiver is None:
        message = f"a source of kind {found.kind} takes no webhooks"
        raise PayloadUnreadable(message)
    there = receiver.place(found.name, found.settings)
    return list(dict.fromkeys(receiver.hints(found.event, json.loads(found.body), host=there)))


def _settled(row: dict[str, Any], followed: frozenset[str] | None) -> dict[str, Any]:
    """What no harvest of the source would follow waits for none: it is nobody's."""
    kept = followed is None or row["about"] in followed
    return {"settled_at": None if kept else sa.func.clock_timestamp()}


def _row(told: Told, found: Any, delivery_id: int) -> dict[str, Any]:  # noqa: PLR0917
    known, thing = told.repository, told.thing
    return {
        "source_id": found.source_id, "delivery_id": delivery_id, "about": told.about,
        "event": told.event, "scheme": known and known.scheme, "value": known and known.value,
        "thing_kind": thing and thing.kind, "thing_scheme": thing and thing.scheme,
        "thing_value": thing and thing.value, "url": told.url, "received_at": found.received_at,
    }  # fmt: skip


def _due() -> tuple[sa.ColumnElement[bool], ...]:
    return (
        delivery.c.state == "waiting",
        delivery.c.tries < TRIES,
        delivery.c.next_try_at <= sa.func.clock_timestamp(),
    )
