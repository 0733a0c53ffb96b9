"""Sends what waits: claimed, sent while no connection is held, tried ten times over three days.

A claim counts as a try before anything is sent. Whoever dies between sending and noting it leaves
a delivery that is sent again with the same id: every event arrives at least once.
"""

import random
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from service.db import Database
from service.ledger.change import Actor, Change, record_changes
from service.outgoing.post import Answer, Posting, Sender, post
from service.outgoing.receivers import KIND, signing_versions
from service.outgoing.signing import Told
from service.outgoing.tables import EventRow, OutgoingDeliveryRow, ReceiverRow

WAITS: Final = (30, 60, 300, 1_200, 3_600, 10_800, 28_800, 72_000, 144_000)  # seconds: three days
TRIES: Final = len(WAITS) + 1
JITTER: Final = 0.1
HELD: Final = timedelta(minutes=2)  # whoever sends is dead after this
SIDE_BY_SIDE: Final = 4  # as many as the client has connections
OF_ONE: Final = 2  # of one receiver at a time; of one that fails a single one
REST: Final = timedelta(seconds=30)  # of a receiver that fails, so that it holds up nobody
LONGEST_ERROR: Final = 500
GONE: Final = 410
ACTOR: Final = Actor("software", "courier")
OF_RECEIVER: Final = ("name", "url", "secret_version", "rotated_at", "failing_since")
DIED: Final = "whoever sent it did not come to an end, ten times"

event, delivery, receiver = (
    table.__table__ for table in (EventRow, OutgoingDeliveryRow, ReceiverRow)
)


class Claim(NamedTuple):
    """A delivery that somebody sends now: whoever claims it again has another number of tries."""

    receiver_id: int
    attempts: int
    posting: Posting


class Sent(NamedTuple):
    """How many deliveries arrived, and how many tries failed."""

    delivered: int = 0
    failed: int = 0


def send_waiting(
    database: Database,
    sender: Sender,
    *,
    dry_run: bool = False,
    stopping: Callable[[], bool] = lambda: False,
) -> Sent:
    """Send what waits and is due, until told to stop; a dry run counts it.

    Whenever one is sent, the next is claimed: nobody waits for the slowest.
    """
    if dry_run:
        with database.reading() as session:
            return Sent(int(session.execute(_count_due()).scalar_one()))
    database.transact(give_up)
    done, sending = Sent(), dict[Future[Answer], Claim]()
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="courier") as pool:
        while True:
            if not stopping():
                busy = {one.receiver_id for one in sending.values()}
                free = SIDE_BY_SIDE - len(sending)
                for one in database.transact(partial(claim, most=free, but=busy)):
                    sending[pool.submit(post, one.posting, sender)] = one
            if not sending:
                return done
            for sent in wait(sending, return_when=FIRST_COMPLETED).done:
                claimed, answer = sending.pop(sent), sent.result()
                database.transact(partial(note, claimed=claimed, answer=answer))
                done = Sent(done.delivered + answer.arrived, done.failed + (not answer.arrived))


def claim(session: Session, *, most: int = SIDE_BY_SIDE, but: Collection[int] = ()) -> list[Claim]:
    """Take some of each receiver, those that have waited the longest.

    None of receivers that rest, nor of those that the caller is sending to already.
    """
    chosen = _chosen(most, but=but)
    same = (
        delivery.c.event_id == chosen.c.event_id,
        delivery.c.receiver_id == chosen.c.receiver_id,
    )
    taken = (
        sa.update(delivery)
        .where(*same)
        .values(attempts=delivery.c.attempts + 1, next_at=sa.func.clock_timestamp() + HELD)
        .returning(*delivery.c["event_id", "receiver_id", "attempts"])
        .cte("taken")
    )
    of_event = [
        event.c[name] for name in ("type", "subject", "namespace", "model_id", "data", "at")
    ]
    told = (
        sa.select(taken, *of_event, *receiver.c[OF_RECEIVER])
        .join_from(taken, event, event.c.id == taken.c.event_id)
        .join(receiver, receiver.c.id == taken.c.receiver_id)
        .order_by(event.c.at, event.c.id)
    )
    rows, now = session.execute(told).all(), datetime.now(UTC)
    if failing := {row.receiver_id for row in rows if row.failing_since is not None}:
        session.execute(_rest(receiver.c.id.in_(failing)))  # one try at a time
    return [_claimed(row, now=now) for row in rows]


def note(session: Session, *, claimed: Claim, answer: Answer) -> None:
    """Say what became of a try. Whoever comes late, because another has it now, says nothing."""
    arrived, gone = answer.arrived, answer.status == GONE
    values: dict[str, Any] = {
        "last_at": sa.func.clock_timestamp(),
        "last_status": answer.status,
        "last_error": answer.error and answer.error[:LONGEST_ERROR],
    }
    if arrived:
        values |= {"state": "DELIVERED", "delivered_at": sa.func.clock_timestamp()}
    elif gone or claimed.attempts >= TRIES:
        values |= {"state": "FAILED"}
    else:
        pause = timedelta(seconds=wait_after(claimed.attempts, answer.wait))
        values |= {"next_at": sa.func.clock_timestamp() + pause}
    noted: Any = session.execute(
        sa.update(delivery)
        .where(delivery.c.event_id == claimed.posting.told.id)
        .where(delivery.c.receiver_id == claimed.receiver_id)
        .where(delivery.c.state == "WAITING", delivery.c.attempts == claimed.attempts)
        .values(values)
    )
    if noted.rowcount:
        _note_receiver(session, claimed.receiver_id, arrived=arrived)
        if gone:
            _disable(session, claimed)


def give_up(session: Session) -> int:
    """What was claimed for the last time, and nobody came back."""
    over: Any = session.execute(
        sa.update(delivery)
        .where(delivery.c.state == "WAITING", delivery.c.attempts >= TRIES)
        .where(delivery.c.next_at <= sa.func.clock_timestamp())
        .values(state="FAILED", last_error=sa.func.coalesce(delivery.c.last_error, DIED))
    )
    return int(over.rowcount)


def wait_after(attempts: int, asked: float | None) -> float:
    """Seconds until the next try; no sooner than the receiver asks, and a little later by chance.

    Many that failed together so do not come back together.
    """
    usual = WAITS[min(attempts, len(WAITS)) - 1]
    return max(usual, asked or 0) * random.uniform(1, 1 + JITTER)  # noqa: S311  # jitter


def _chosen(most: int, *, but: Collection[int]) -> sa.Subquery:
    """What is claimed now, locked: what another sender has locked is left to that one."""
    share = sa.case((receiver.c.failing_since.is_(None), OF_ONE), else_=1)
    due = (
        sa.select(delivery.c.event_id, delivery.c.receiver_id, delivery.c.next_at)
        .where(delivery.c.receiver_id == receiver.c.id, *_due())
        .order_by(delivery.c.next_at, delivery.c.event_id)
        .limit(share)
        .with_for_update(of=delivery, skip_locked=True)
        .correlate(receiver)
        .lateral("due")
    )
    return (
        sa.select(due.c.event_id, due.c.receiver_id)
        .select_from(receiver.join(due, sa.true()))
        .where(receiver.c.enabled, _awake(), receiver.c.id.not_in(sorted(but)))
        .order_by(due.c.next_at)
        .limit(most)
        .subquery("chosen")
    )


def _awake() -> sa.ColumnElement[bool]:
    resting = receiver.c.resting_until > sa.func.clock_timestamp()
    return ~sa.func.coalesce(resting, sa.false())


def _rest(which: sa.ColumnElement[bool]) -> sa.Update:
    until = sa.func.clock_timestamp() + REST
    return sa.update(receiver).where(which).values(resting_until=until)


def _due() -> Iterator[sa.ColumnElement[bool]]:
    yield delivery.c.state == "WAITING"
    yield delivery.c.attempts < TRIES
    yield delivery.c.next_at <= sa.func.clock_timestamp()


def _count_due() -> sa.Select[Any]:
    due = sa.select(sa.func.count()).join_from(
        delivery, receiver, receiver.c.id == delivery.c.receiver_id
    )
    return due.where(receiver.c.enabled, _awake(), *_due())


def _claimed(row: Any, *, now: datetime) -> Claim:
    told = Told(row.event_id, row.type, row.subject, row.namespace, row.model_id, row.data, row.at)
    versions = signing_versions(row.secret_version, row.rotated_at, now=now)
    return Claim(row.receiver_id, row.attempts, Posting(row.name, row.url, tuple(versions), told))


def _note_receiver(session: Session, receiver_id: int, *, arrived: bool) -> None:
    """Since when nothing arrives; one that fails rests a while. All is well: nothing is written."""
    since, own = receiver.c.failing_since, receiver.c.id == receiver_id
    if arrived:
        well = {"failing_since": None, "resting_until": None}
        session.execute(sa.update(receiver).where(own, since.is_not(None)).values(well))
    else:
        first = sa.func.coalesce(since, sa.func.clock_timestamp())
        session.execute(_rest(own).values(failing_since=first))


def _disable(session: Session, claimed: Claim) -> None:
    """It says that it is gone for good: nothing more is sent until somebody enables it."""
    about = {"name": claimed.posting.receiver}
    told = Change(
        "disable", KIND, ACTOR, old=about | {"enabled": True}, new=about | {"enabled": False},
        reason="it answered 410 Gone",
    )  # fmt: skip
    [change] = record_changes(session, [told])
    session.execute(
        sa.update(receiver)
        .where(receiver.c.id == claimed.receiver_id)
        .values(enabled=False, change_id=change)
    )
