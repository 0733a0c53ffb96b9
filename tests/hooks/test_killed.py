"""Killed between any two steps of the inbox: no delivery is lost, and none has an effect twice.

A step ends where something is committed; everybody who commits is killed before and after it: the
service that takes a delivery and is harvested into, the worker that reads what waits, and the
harvester between any two of its requests.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Any, Final
from uuid import UUID

import httpx2
import pytest
from uuid_utils.compat import uuid7

from service.db import Database
from service.hooks.process import Processed, process_deliveries
from tests.conftest import MakeDatabase
from tests.hooks.deliveries import change
from tests.hooks.senders import GITHUB, PREFIX, PUSH, SECRET, github_headers, written
from tests.support.catalog import entries, make_source, rows
from tests.support.dying_worker import dying
from tests.support.harvester import Harvester, make_token
from tests.support.killable import NEVER, Killable, killable

DUE: Final = "UPDATE hook_delivery SET next_try_at = now() - interval '1 s'"
OVER: Final = "UPDATE harvest SET lease_until = now() - interval '1 s' WHERE closed_at IS NULL"
KEPT: Final = "SELECT delivery_id, state, hints, body IS NULL FROM hook_delivery ORDER BY id"
HINTS: Final = "SELECT about, event, value, settled_at IS NOT NULL FROM hint ORDER BY value"
DONE: Final = [("one", "done", 1, True), ("two", "done", 1, True)]
NAMES: Final = {"one": 486325809, "two": 7}
Step = Callable[[Harvester], Any]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Killable]:
    """Services that can be killed, and that know the secret."""
    monkeypatch.setenv(f"{PREFIX}GITHUB_ACME", SECRET)
    with killable() as supervisor:
        yield supervisor


@contextmanager
def catalog(make_database: MakeDatabase) -> Iterator[Database]:
    """A catalog with a source that may send."""
    with make_database() as database:
        make_source(database, GITHUB, kind="github", webhook_secret="GITHUB_ACME")  # noqa: S106  # a name
        yield database


def url_of(database: Database) -> str:
    """As a process is told it."""
    return database.url.render_as_string(hide_password=False)


def deliver(harvester: Harvester, name: str) -> tuple[int, str]:
    """What GitHub sends, under an id of its own."""
    repository = {"id": NAMES[name], "html_url": f"https://github.com/acme/{name}"}
    body = written(dict(PUSH) | {"repository": repository})
    headers = github_headers(body, delivery=name)
    answer = harvester.client.post(f"/hooks/{GITHUB}", content=body, headers=headers)
    return answer.status_code, answer.json()["state"]


def observed() -> Any:
    """What the harvest finds."""
    url = "https://github.com/acme/one"
    return {
        "subject": {"kind": "repository", "scheme": "url", "value": url},
        "observed_at": "2026-11-20T12:00:00Z", "facts": {"name": "one", "url": url},
    }  # fmt: skip


def follow(harvester: Harvester, harvest: UUID) -> list[Step]:
    """A harvest that follows all hints, request by request."""
    status, listed = harvester.get(f"/sources/{GITHUB}/hints")
    assert status == 200
    numbers = [one["id"] for one in listed["hints"]]
    return [
        lambda one: one.open(harvest, scope="repositories/acme", coverage="delta"),
        lambda one: one.send(harvest, observed()),
        lambda one: one.close(harvest, hints=numbers),
    ]


class Killed:
    """A service that is killed once, at a boundary; whoever asked asks the next one again."""

    def __init__(self, service: Killable, database: Database, boundary: int) -> None:
        """It is started now."""
        self.service, self.url, self.died = service, url_of(database), False
        service.start(self.url, boundary)

    def ask(self, harvester: Harvester, step: Step) -> Any:
        """Do a step, again if the service died in it."""
        try:
            return step(harvester)
        except httpx2.TransportError:
            assert self.service.wait() == signal.SIGKILL
            self.service.start(self.url)
            self.died = True
            return step(harvester)


@contextmanager
def asking(database: Database, service: Killable) -> Iterator[Harvester]:
    """A harvester of the source, each request on a connection of its own."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    token = make_token(database, GITHUB)
    with httpx2.Client(base_url=service.address, limits=limits, timeout=60) as client:
        yield Harvester(client, token, GITHUB)


def run(database: Database, service: Killable, boundary: int) -> bool:
    """Two deliveries, read, followed and settled; answers whether the service was killed."""
    killed = Killed(service, database, boundary)
    with asking(database, service) as harvester:
        for name in NAMES:
            answer = killed.ask(harvester, partial(deliver, name=name))
            assert answer in {(202, "stored"), (200, "duplicate")}
        process_deliveries(database)
        for step in killed.ask(harvester, partial(follow, harvest=uuid7())):
            status, body = killed.ask(harvester, step)
            assert status in {200, 201}, body
    service.kill()
    return killed.died


def test_service_killed(make_database: MakeDatabase, service: Killable) -> None:
    """P-01: the sender and the harvester ask again, and everything is as if nothing had been."""
    with catalog(make_database) as database:
        assert run(database, service, NEVER) is False
        undisturbed = entries(database), rows(database, KEPT), rows(database, HINTS)
    assert undisturbed[1] == DONE
    assert [settled for *_, settled in undisturbed[2]] == [True, True]
    for boundary in count(1):
        with catalog(make_database) as database:
            died = run(database, service, boundary)
            found = entries(database), rows(database, KEPT), rows(database, HINTS)
            assert found == undisturbed, boundary
        if not died:
            break
    assert boundary > 2 * (2 + 3)  # two deliveries and three requests, before and after each


def test_worker_killed(make_database: MakeDatabase, service: Killable) -> None:
    """HOOK-15: killed anywhere, a worker leaves what it had not read to the next one, once."""
    with dying() as worker:
        for boundary in count(1):
            with catalog(make_database) as database:
                service.start(url_of(database))
                with asking(database, service) as harvester:
                    assert [deliver(harvester, name) for name in NAMES] == [(202, "stored")] * 2
                service.kill()
                died = worker.read_inbox(url_of(database), boundary)
                assert died in {0, signal.SIGKILL}
                assert len(rows(database, KEPT)) == 2
                change(Database(url_of(database), role=None), DUE)
                assert worker.read_inbox(url_of(database)) == 0
                assert rows(database, KEPT) == DONE, boundary
                assert [row[:3] for row in rows(database, HINTS)] == [
                    ("repository", "push", "github.com/486325809"),
                    ("repository", "push", "github.com/7"),
                ], boundary
            if not died:
                break
    assert boundary > 2 * 3  # what was claimed, and each that was read


@pytest.mark.parametrize("requests", range(4))
def test_harvester_killed(make_database: MakeDatabase, service: Killable, requests: int) -> None:
    """A harvester that dies after so many requests settles nothing; the next one follows again."""
    with catalog(make_database) as database:
        service.start(url_of(database))
        with asking(database, service) as harvester:
            deliver(harvester, "one")
            assert process_deliveries(database) == Processed(1, 1)
            for step in follow(harvester, uuid7())[:requests]:
                step(harvester)
            assert [row[-1] for row in rows(database, HINTS)] == [requests == 3]
            change(Database(url_of(database), role=None), OVER)
            for step in follow(harvester, uuid7()):
                assert step(harvester)[0] in {200, 201}
        service.kill()
        assert [row[-1] for row in rows(database, HINTS)] == [True]
        assert rows(database, "SELECT count(*) FROM observation") == [(1,)]
