"""Events arrive at least once, in time, and nobody who receives them can do harm."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from cli.receiver import send_once
from service.outgoing.courier import Courier
from service.outgoing.keeping import forget_events
from service.outgoing.outbox import Event, announce
from service.outgoing.sending import TRIES, WAITS, claim, wait_after
from service.settings import read_worker_settings
from tests.conftest import ROOT
from tests.outgoing.desk import LOOPBACK, SOURCE, Desk, answering, listening, sender
from tests.support.catalog import rows
from tests.support.http import KEY

DYING = """
import sys
from service.db import Database
from service.outgoing.post import make_sender
from service.outgoing.sending import send_waiting
from tests.support.killable import die_at
url, key, boundary = sys.argv[1:]
database = Database(url)
die_at(database, int(boundary))
send_waiting(database, make_sender(secret_key=key, source="x", allow="127.0.0.1/32"))
"""
BEFORE_CLAIM, AFTER_CLAIM, SENT, NOTED = 3, 4, 5, 6  # of giving up, claiming and noting each two


def test_delivered(desk: Desk) -> None:
    """An event of a saved transaction arrives as CloudEvents, proved by the receiver's secret."""
    secret = desk.make()
    desk.tell("retail/churn")
    assert desk.send() == (1, 0)

    [got] = desk.sink.got
    assert got.proved_by(secret)
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert (got.path, got.id) == ("/events", got.event["id"])
    assert (got.event["source"], got.event["type"]) == (SOURCE, "tier.changed")
    assert got.event["data"] == {"tier": "HIGH", "namespace": "retail", "model_id": None}
    [told] = desk.log()
    assert (told["state"], told["last_status"], told["attempts"]) == ("delivered", 204, 1)
    assert desk.send() == (0, 0)


def test_rolled_back(desk: Desk) -> None:
    """What was not saved did not happen: nobody is told."""
    desk.make()
    with desk.database.writing() as session:
        announce(session, [Event("tier.changed", "x", "retail", None, {})])
        session.rollback()

    assert desk.send() == (0, 0)
    assert desk.log() == []


def test_chosen(desk: Desk) -> None:
    """Each receiver gets the types and the namespaces that it asked for, and no others."""
    desk.make("all")
    desk.make("types", types=["review.due"])
    desk.make("there", namespaces=["retail"])
    desk.tell("a", of="review.due")
    desk.tell("b", namespace="wholesale")
    desk.database.transact(
        lambda session: announce(session, [Event("tier.changed", "c", None, None, {})])
    )

    subjects = {
        name: {one["subject"] for one in desk.log(name)} for name in ("all", "types", "there")
    }
    assert subjects == {"all": {"a", "b", "c"}, "types": {"a"}, "there": {"a"}}


@pytest.mark.parametrize("boundary", [BEFORE_CLAIM, AFTER_CLAIM, SENT, NOTED])
def test_killed(desk: Desk, boundary: int) -> None:
    """Killed at any commit it is delivered all the same; after sending, with the same id again."""
    desk.make()
    desk.tell("retail/churn")
    url = desk.database.url.render_as_string(hide_password=False)
    died = subprocess.run(  # noqa: S603  # this interpreter
        [sys.executable, "-c", DYING, url, KEY, str(boundary)], cwd=ROOT, check=False,
    )  # fmt: skip
    assert died.returncode == -signal.SIGKILL
    if boundary in {AFTER_CLAIM, SENT}:
        assert desk.send() == (0, 0)  # whoever holds it may be alive
        desk.later("3 min")
    assert desk.send() == ((0 if boundary == NOTED else 1), 0)

    assert len(desk.sink.got) == (2 if boundary == SENT else 1)
    assert len(set(desk.sink.ids)) == 1
    assert [one["state"] for one in desk.log()] == ["delivered"]


def test_side_by_side(desk: Desk) -> None:
    """Several senders send each event once, as long as none of them dies."""
    desk.make()
    desk.tell(*(f"retail/{number}" for number in range(60)))
    with ThreadPoolExecutor(3) as pool:
        done = [one.result() for one in [pool.submit(desk.send) for _ in range(3)]]

    assert sum(one.delivered for one in done) == len(desk.sink.got) == len(set(desk.sink.ids)) == 60


def test_retried(desk: Desk) -> None:
    """Ten tries over three days, each with the same id and body; then it is given up, and said."""
    desk.make()
    desk.tell("retail/churn")
    desk.sink.answer = answering(503)
    for attempts in range(1, TRIES):
        assert desk.send() == (0, 1)
        assert desk.send() == (0, 0)
        [told] = desk.log()
        assert (told["state"], told["attempts"]) == ("waiting", attempts)
        desk.later(f"{WAITS[attempts - 1] * 1.2} seconds")
    assert desk.send() == (0, 1)

    [told] = desk.log(state="failed")
    assert (told["attempts"], told["last_status"]) == (TRIES, 503)
    assert told["last_error"] == "answered 503 Service Unavailable"
    assert told["next_at"] is None
    assert len({(one.id, one.body) for one in desk.sink.got}) == 1
    assert len(desk.sink.got) == TRIES
    shown = desk.shown()
    assert (shown["failed"], shown["waiting"], shown["failing_since"] is None) == (1, 0, False)
    assert sum(WAITS) > 3 * 86_400


def test_waits() -> None:
    """Waits grow, are spread a little, and are no shorter than the receiver asks."""
    for attempts, usual in enumerate(WAITS, start=1):
        assert all(usual <= wait_after(attempts, None) <= usual * 1.1 for _ in range(20))
    assert wait_after(1, 900.0) >= 900
    assert wait_after(9, 1.0) >= WAITS[-1]


def test_asked_to_wait(desk: Desk) -> None:
    """`Retry-After` of a receiver that has too much to do is heeded."""
    desk.make()
    desk.tell("retail/churn")
    desk.sink.answer = answering(429, Retry_After="600")
    desk.send()

    [waits] = rows(
        desk.database, "SELECT next_at - last_at > interval '599 s' FROM outgoing_delivery"
    )
    assert waits == (True,)


def test_recovers(desk: Desk) -> None:
    """Once something arrives the receiver fails no more."""
    desk.make()
    desk.tell("one")
    desk.sink.answer = answering(500)
    desk.send()
    assert desk.shown()["failing_since"] is not None
    desk.sink.answer = answering(200)
    desk.later("1 min")
    assert desk.send() == (1, 0)

    assert desk.shown()["failing_since"] is None


def test_gone(desk: Desk) -> None:
    """410 disables the receiver: the ledger says why, and what waits is kept."""
    desk.make()
    desk.tell("one")
    desk.sink.answer = answering(410)
    assert desk.send() == (0, 1)
    desk.tell("two")

    assert desk.shown()["enabled"] is False
    [told] = desk.log()
    assert (told["state"], told["last_status"]) == ("failed", 410)
    last = desk.ledger()[-1]
    assert (last["op"], last["actor"]["id"], last["reason"]) == (
        "disable", "courier", "it answered 410 Gone",
    )  # fmt: skip


def test_fails_alone(desk: Desk) -> None:
    """A receiver that fails rests, then one delivery is tried; the others get theirs meanwhile."""
    with listening() as failing:
        failing.answer = answering(500)
        desk.make("failing", url=failing.url)
        desk.make("well")
        desk.tell("first")
        assert desk.send() == (1, 1)
        desk.tell(*(f"retail/{number}" for number in range(10)))
        assert desk.send() == (10, 0)
        assert len(failing.got) == 1
        desk.later("31 seconds")
        claimed = [desk.database.transact(claim) for _ in range(2)]

    assert [one.posting.receiver for several in claimed for one in several] == ["failing"]


def test_slow_alone(desk: Desk) -> None:
    """While one receiver thinks, another gets all of its events."""
    go_on, deliveries = threading.Event(), 12

    def thinking(handler: BaseHTTPRequestHandler) -> None:
        go_on.wait(20)  # longer than a try may take
        answering(200)(handler)

    with listening() as slow, ThreadPoolExecutor(1) as other:
        slow.answer = thinking
        desk.make("slow", url=slow.url)
        desk.make("well")
        desk.tell(*(f"retail/{number}" for number in range(deliveries)))
        sending = other.submit(desk.send)
        waiting = threading.Event()
        while len(desk.sink.got) < deliveries and not sending.done():
            waiting.wait(0.01)
        arrived = len(desk.sink.got)
        go_on.set()
        assert sending.result() == (2 * deliveries, 0)
    assert arrived == deliveries


def test_no_connection_held(desk: Desk) -> None:
    """While a receiver thinks, no connection to the database is held."""
    desk.make()
    desk.tell("retail/churn")
    arrived, go_on = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        arrived.set()
        go_on.wait(10)
        answering(200)(handler)

    desk.sink.answer = answer
    pool: Any = desk.database.engine.pool
    with ThreadPoolExecutor(1) as other:
        sending = other.submit(desk.send)
        assert arrived.wait(10)
        held = pool.checkedout()
        go_on.set()
        assert sending.result() == (1, 0)
    assert held == 0


def test_kept(desk: Desk) -> None:
    """After 90 days an event and what became of it are let go."""
    desk.make()
    desk.tell("old")
    desk.send()
    desk.later("90 days 1 minute", events=True)
    desk.tell("new")

    assert desk.database.transact(forget_events) == 1
    assert [one["subject"] for one in desk.log()] == ["new"]
    assert desk.database.transact(forget_events) == 0


def test_once(desk: Desk) -> None:
    """`evaluate` sends what waits where it has the service's key; without it says nothing of it."""
    desk.make()
    desk.tell("retail/churn")
    given = {"MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK}
    assert send_once(desk.database, read_worker_settings(given)) == {}
    told = read_worker_settings(given | {"MODEL_CATALOG_SECRET_KEY": KEY})

    assert send_once(desk.database, told, dry_run=True) == {"events_sent": 1, "events_not_taken": 0}
    assert send_once(desk.database, told) == {"events_sent": 1, "events_not_taken": 0}
    assert len(desk.sink.got) == 1


def test_courier(desk: Desk) -> None:
    """Beside the service or the worker events go out by themselves."""
    desk.make()
    taken = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        taken.set()
        answering(200)(handler)

    desk.sink.answer = answer
    with Courier(desk.database, sender()):
        desk.tell("retail/churn")
        assert taken.wait(30)
    assert len(desk.sink.got) == 1


def test_metrics(desk: Desk) -> None:
    """Monitoring sees what waits, what was given up, and since when nothing arrives."""
    desk.make()
    desk.tell("one")
    desk.sink.answer = answering(500)
    desk.send()
    text = desk.service.ask("GET", "/metrics", desk.admin).text

    assert 'model_catalog_outgoing_deliveries{receiver="desk",state="waiting"} 1.0' in text
    assert 'model_catalog_outgoing_deliveries{receiver="desk",state="failed"} 0.0' in text
    since = 'model_catalog_outgoing_failing_since_timestamp_seconds{receiver="desk"}'
    [value] = [line.split()[-1] for line in text.splitlines() if line.startswith(since)]
    assert float(value) > 1e9
