"""Faults on purpose: kills, crashes, cut connections, full disks. Nothing acknowledged is lost."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import httpx2
import pytest
from uuid_utils.compat import uuid7

from service.db import Database
from tests.conftest import MakeDatabase
from tests.support.catalog import changes, entries, make_source, model, post, rows, version
from tests.support.cluster import crashable
from tests.support.harvester import Answer, Ask, Harvester, make_token, served
from tests.support.killable import NEVER, Killable, killable
from tests.support.proxy import Proxy, proxied

BOUNDARIES = 2 * (1 + 6)  # before and after each commit: the token's first use, and six requests
STORED = "SELECT subject_id, observed_at, digest FROM observation ORDER BY 1, 2, 3"


def steps(harvester: Harvester, harvest: UUID) -> list[Ask]:
    """A harvest, request by request; each may be repeated."""
    return [
        lambda: harvester.open(harvest),
        lambda: harvester.send(harvest, model(), version(1)),
        lambda: harvester.beat(harvest),
        lambda: harvester.send(harvest, version(2), version(1, at="2026-11-20T13:00:00Z")),
        lambda: harvester.push(model("pushed")),
        lambda: harvester.close(harvest, cursor="c1"),
    ]


@pytest.fixture(scope="module")
def service() -> Iterator[Killable]:
    """Services that can be killed."""
    with killable() as supervisor:
        yield supervisor


@contextmanager
def harvesting(database: Database, service: Killable) -> Iterator[Harvester]:
    """A harvester of a source, over real sockets; each request on a connection of its own."""
    make_source(database)
    token = make_token(database, "mlflow-prod")
    limits = httpx2.Limits(max_keepalive_connections=0)
    with httpx2.Client(base_url=service.address, limits=limits, timeout=30) as client:
        yield Harvester(client, token, "mlflow-prod")


def run(database: Database, service: Killable, *, boundary: int) -> list[Answer]:
    """Do every step; the request that the service died in is repeated with the next service."""
    url = database.url.render_as_string(hide_password=False)
    service.start(url, boundary)
    answers, died = [], False
    with harvesting(database, service) as harvester:
        for step in steps(harvester, uuid7()):
            try:
                answers.append(untimed(step()))
            except httpx2.TransportError:
                assert service.wait() == signal.SIGKILL
                service.start(url)
                answers.append(untimed(step()))
                died = True
    assert died is (boundary != NEVER)
    service.kill()
    return answers


def untimed(answer: Answer) -> Answer:
    """An answer without moments and ids."""
    status, body = answer
    apart = {"harvest", "lease_until", "opened_at", "closed_at", "seconds"}
    # A repeated batch finds its observations recorded, and says so.
    figures = {"recorded", "unchanged", "created", "changed"}
    return status, {name: body[name] for name in sorted(body.keys() - apart - figures)}


def check_history(database: Database, expected: Any) -> None:
    """Stored once each, folded as without a fault, the ledger one to one."""
    assert entries(database) == expected
    said = rows(database, STORED)
    assert len(said) == len(set(said)) == 4
    created = [change["entry"] for change in changes(database) if change["op"] == "create"]
    known = [str(entry) for (entry,) in rows(database, "SELECT id FROM entry")]
    assert sorted(name for name in created if name) == sorted(known)
    assert rows(database, "SELECT outcome, full_cursor FROM harvest JOIN scope ON true") == [
        ("complete", "c1")
    ]


@pytest.mark.parametrize(
    "boundaries",
    [
        pytest.param([5, 6, 10, 12, 13, 14], id="of-work"),
        pytest.param(list(range(1, BOUNDARIES + 1)), id="every", marks=pytest.mark.long),
    ],
)
def test_service_killed_at_commit(
    make_database: MakeDatabase, service: Killable, boundaries: list[int]
) -> None:
    """Killed at a commit boundary, the repeated request ends as if nothing had been.

    Acknowledged ⊆ stored ⊆ attempted, nothing twice, the ledger one to one. CRASH-01, CRASH-02.
    """
    with make_database() as database:
        undisturbed = run(database, service, boundary=NEVER)
        expected = entries(database)
        check_history(database, expected)
    for boundary in boundaries:
        with make_database() as database:
            assert (boundary, run(database, service, boundary=boundary)) == (boundary, undisturbed)
            check_history(database, expected)


def test_invariant_4_acknowledged_survives_everything(service: Killable) -> None:
    """An acknowledged observation survives a crash of everything.

    An unacknowledged one may be sent again without harm. P-01: what the receipt counts is there
    after SIGKILL of the service and of every process of the database, in mid-harvest; the unlogged
    memory of what was seen is not, and the harvest fails instead of retiring. CRASH-04.
    """
    with crashable() as cluster:
        database = Database(cluster.url)
        service.start(cluster.url)
        with harvesting(database, service) as harvester:
            harvester.open(first := uuid7())
            harvester.send(first, model(), version(1))
            assert harvester.close(first)[0] == 200
            harvester.open(harvest := uuid7())
            receipt = harvester.send(harvest, model("fraud"), version(1, "fraud"))
            assert receipt == (200, {"recorded": 2, "unchanged": 0, "refused": [], "ahead": 0})
            cluster.kill()
            service.kill()
            cluster.start()
            service.start(cluster.url)

            stored = rows(database, "SELECT natural_key FROM entry WHERE kind = 'model' ORDER BY 1")
            assert stored == [("retail/churn",), ("retail/fraud",)]
            assert rows(database, "SELECT count(*) FROM observation") == [(4,)]
            again = harvester.send(harvest, model("fraud"), version(1, "fraud"))
            assert again == (200, {"recorded": 0, "unchanged": 2, "refused": [], "ahead": 0})
            report = harvester.close(harvest)[1]
        service.kill()
        assert (report["outcome"], report["error"][:9]) == ("failed", "seen_lost")
        assert rows(database, "SELECT count(*) FROM entry WHERE gone_since IS NOT NULL") == [(0,)]
        database.dispose()


@pytest.mark.parametrize("step", [1, 3, 4, 5])
def test_connection_cut_after_commit(
    database: Database, make_database: MakeDatabase, step: int
) -> None:
    """Cut between COMMIT and its answer: the outcome is unknown, and repeating is harmless.

    CRASH-03.
    """
    with make_database() as plain, through_proxy(plain) as (_, harvester):
        undisturbed = [untimed(step()) for step in steps(harvester, uuid7())]
        expected = entries(plain)
    with through_proxy(database) as (proxy, harvester):
        answers = []
        for number, request in enumerate(steps(harvester, uuid7())):
            if number == step:
                proxy.armed = True
                status, problem = request()
                assert (status, problem["code"], proxy.cuts) == (503, "outcome_unknown", 1)
            answers.append(untimed(request()))

    assert answers == undisturbed
    check_history(database, expected)


@contextmanager
def through_proxy(database: Database) -> Iterator[tuple[Proxy, Harvester]]:
    """A harvester of a service whose connections to its database can be cut."""
    make_source(database)
    token = make_token(database, "mlflow-prod")
    with proxied(database.url.render_as_string(hide_password=False)) as (proxy, url):
        cut = Database(url)
        with served(cut) as client:
            harvester = Harvester(client, token, "mlflow-prod")
            assert harvester.push()[0] == 200  # the token's first use is noted
            yield proxy, harvester
        cut.dispose()


def test_two_harvesters_on_one_scope(database: Database) -> None:
    """Of many that open one scope at the same moment one may begin; HARV-18, CONC-06."""
    make_source(database)
    token = make_token(database, "mlflow-prod")
    ready = threading.Barrier(8)
    answers: list[Answer] = []
    with served(database) as client:
        harvester = Harvester(client, token, "mlflow-prod")

        def race() -> None:
            ready.wait(30)
            answers.append(harvester.open())

        threads = [threading.Thread(target=race) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    codes = sorted(body.get("code", "opened") for _, body in answers)
    assert codes == ["harvest_running"] * 7 + ["opened"]
    assert rows(database, "SELECT count(*) FROM harvest") == [(1,)]


@pytest.mark.parametrize("shape", ["reversed", "rotated"])
def test_batches_side_by_side(database: Database, shape: str) -> None:
    """Batches that touch the same entries in other orders all succeed, without one deadlock.

    CONC-01: one lock order everywhere.
    """
    sources = [make_source(database, name) for name in ("mlflow-prod", "mlflow-other")]
    documents = [[document for name in ("a", "b", "c", "d") for document in
                  (model(name, source.name), version(1, name, source.name),
                   version(2, name, source.name))] for source in sources]  # fmt: skip
    ready, failed = threading.Barrier(6), list[BaseException]()

    def work(worker: int) -> None:
        source, mine = sources[worker % 2], documents[worker % 2]
        ready.wait(30)
        try:
            for turn in range(6):
                said = [one | {"observed_at": f"2026-11-20T{turn:02}:{worker:02}:00Z"} |
                        {"facts": one["facts"] | {"tags": [f"{worker}-{turn}"]}}
                        for one in mine]  # fmt: skip
                order = said[::-1] if shape == "reversed" else said[worker:] + said[:worker]
                assert post(database, source, *(order if worker % 3 else said)).refused == ()
        except BaseException as error:  # noqa: BLE001  # told to the test's own thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=[worker]) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    assert rows(database, deadlocks) == [(0,)]
    tags = {tuple(sorted(tag)) for (tag,) in rows(database, "SELECT tags FROM model")}
    assert tags == {("4-5", "5-5")}
