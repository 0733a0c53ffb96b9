"""Workers build what waits: each bundle once, whoever dies, is stopped, fails or is told to end."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.exports.jobs.builder import Bundler
from service.exports.jobs.building import build_waiting
from service.ledger.notes import Keys
from tests.conftest import ROOT
from tests.exports.jobs.office import Office, behind, data_of, make_builder, states
from tests.support.catalog import rows

OVER = "UPDATE export SET held_until = now() - interval '1 second'"
HELD = "SELECT state, worker IS NULL, held_until IS NULL, tries FROM export"


def at_step(number: int, act: Callable[[], object]) -> Callable[[], bool]:
    """Acts the n-th time that a worker gets on; never tells it to stop."""
    steps = itertools.count()

    def step() -> bool:
        if next(steps) == number:
            act()
        return False

    return step


def steps_of(office: Office) -> int:
    """How often a worker gets on until a bundle is stored."""
    steps = itertools.count()
    office.request("second")
    assert office.build(stopping=lambda: next(steps) < 0) == 1
    return next(steps) - 2  # asked once before the first bundle, and once after it


@pytest.mark.parametrize("late", [False, True])
def test_worker_cancelled(office: Office, late: bool) -> None:  # noqa: FBT001  # a case
    """A cancellation is seen the next time the worker gets on, also when nearly all is done."""
    steps = steps_of(office)
    asked = office.request()
    answers: list[int] = []

    def cancel() -> None:
        answers.append(office.ask("POST", f"{asked['url']}:cancel").status_code)

    built = office.build(stopping=at_step(steps if late else 2, cancel), beat_seconds=0)

    assert (built, answers) == (0, [200])
    found = office.get(asked)
    assert (found["state"], found["size"], found["bundle_url"]) == ("CANCELLED", None, None)
    assert rows(office.database, HELD + " WHERE state = 'CANCELLED'") == [
        ("CANCELLED", True, True, 1)
    ]
    assert [one["op"] for one in office.log()] == ["cancel", "request"]


def test_worker_cancelled_at_the_end(office: Office) -> None:
    """Cancelled after the last look, it is not stored either: its pieces and its end are one."""
    steps = steps_of(office)
    asked = office.request()

    def cancel() -> None:
        office.ask("POST", f"{asked['url']}:cancel")

    built = office.build(stopping=at_step(steps, cancel), beat_seconds=3_600)

    assert (built, office.get(asked)["state"]) == (0, "CANCELLED")
    stored = "SELECT count(*) FROM export_chunk JOIN export ON id = export_id WHERE state <> 'DONE'"
    assert rows(office.database, stored) == [(0,)]


def test_worker_killed(office: Office) -> None:
    """A killed worker's bundle is taken again once its hold is over, and its files are the same."""
    asked = office.request(profile="osfi-e23")
    url = office.database.url.render_as_string(hide_password=False)
    died = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "tests.support.dying_builder", url, "4"], cwd=ROOT, check=False
    )
    held = office.build()
    during = office.get(asked)
    behind(office.database, OVER)
    taken = office.build()
    same = {name: asked[name] for name in ("profile", "as_of", "known_at")}
    beside = office.request("second", **same)
    office.build()

    assert (died.returncode, held, during["state"], during["tries"]) == (-9, 0, "RUNNING", 1)
    assert during["progress"]["file"] != ""
    assert (taken, office.get(asked)["tries"]) == (1, 2)
    assert data_of(office.bundle(asked)) == data_of(office.bundle(beside, "second"))


def test_worker_killed_each_time(office: Office) -> None:
    """What kills each worker is given up after three."""
    asked = office.request()
    behind(office.database, "UPDATE export SET state = 'RUNNING', worker = 'gone', tries = 3")
    behind(office.database, OVER)

    assert office.build() == 0
    found = office.get(asked)
    assert (found["state"], found["tries"]) == ("FAILED", 4)
    assert found["error"] == "Each worker that built it ended before it was done."


def test_worker_stopped(office: Office) -> None:
    """One that is to end gives back what it builds, as if it had not tried."""
    office.request()
    steps = itertools.count()

    assert office.build(stopping=lambda: next(steps) >= 3) == 0
    assert rows(office.database, HELD) == [("QUEUED", True, True, 0)]
    assert office.build() == 1


def test_worker_fails(office: Office) -> None:
    """What fails is tried again after a while, twice; then it has failed, and says so."""
    asked = office.request()
    behind(office.database, """UPDATE export SET filters = '{"tear": "HIGH"}'""")
    found = []
    for _ in range(4):
        office.build()
        found.append(office.get(asked))
        behind(office.database, OVER)

    assert [(one["state"], one["tries"]) for one in found] == [
        ("QUEUED", 1), ("QUEUED", 2), ("FAILED", 3), ("FAILED", 3),
    ]  # fmt: skip
    assert {one["error"] for one in found} == {
        "It failed for a reason that is in the log of the worker."
    }
    (failed, _) = office.log()
    assert (failed["op"], failed["complete"], failed["reason"]) == (
        "build", False, found[0]["error"],
    )  # fmt: skip


def test_worker_pauses(office: Office) -> None:
    """Between two tries others come first: what failed is not tried at once again."""
    office.request()
    behind(office.database, """UPDATE export SET filters = '{"tear": "HIGH"}'""")

    assert [office.build() for _ in range(2)] == [0, 0]
    assert rows(office.database, "SELECT tries FROM export") == [(1,)]


def test_workers_two(office: Office) -> None:
    """Two workers share what waits: each bundle is built once."""
    for who in ("reader", "second", "reviewer"):
        office.request(who)
    builders = [make_builder(office.database) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        done = sum(pool.map(build_waiting, builders))

    assert (done, states(office.database)) == (3, ["DONE"] * 3)
    assert rows(office.database, "SELECT sum(tries) FROM export") == [(3,)]
    assert [one["op"] for one in office.log("auditor", op="build")] == ["build"] * 3


def test_worker_beside(office: Office) -> None:
    """In a thread of its own it builds what comes, until it is told to end."""
    with Bundler(office.database, Keys(), days=1):
        asked = office.request()
        while office.get(asked)["state"] in {"QUEUED", "RUNNING"}:
            pass

    assert office.get(asked)["state"] == "DONE"
