"""From stored deliveries to hints: once each, whoever dies; what fails is parked, others go on."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from sqlmodel import Session

from service.db import Database
from service.errors import Unavailable
from service.hooks import process
from service.hooks.keeping import drop_bodies, forget_deliveries, forget_hints
from service.hooks.process import Claim, Processed, claim, finish, process_deliveries
from service.hooks.told import PayloadUnreadable
from tests.conftest import ROOT
from tests.hooks.deliveries import change, deliver, hints, push, states
from tests.hooks.senders import GITHUB, GITLAB, GITLAB_PUSH, PUSH
from tests.support.catalog import rows
from tests.support.http import Service

DUE: Final = "UPDATE hook_delivery SET next_try_at = now() - interval '1 s'"
AGED: Final = "UPDATE hook_delivery SET received_at = now() - CAST(:age AS interval)"
DYING: Final = """
import os, signal, sys
from service.db import Database
from service.hooks import process
step = sys.argv[2]
database = Database(sys.argv[1])
if step == "claimed":
    process.finish = lambda session, claimed: os.kill(os.getpid(), signal.SIGKILL)
else:
    real = process.finish
    def dying(session, claimed):
        real(session, claimed)
        session.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    process.finish = dying
process.process_deliveries(database)
"""


def test_process(hooked: Database) -> None:
    """A delivery becomes a hint: which repository, by number and address; its body goes."""
    deliver(hooked, PUSH)
    deliver(hooked, GITLAB_PUSH, source=GITLAB)
    deliver(hooked, {"starred_at": None}, "star")
    deliver(hooked, {**PUSH, "action": "completed"}, "workflow_run")

    assert process_deliveries(hooked, dry_run=True) == Processed(4, 0)
    assert process_deliveries(hooked) == Processed(4, 3)
    assert hints(hooked) == [
        ("repository", "push", "github.com/486325809", "https://github.com/acme/churn"),
        ("repository", "push", "gitlab.com/15", "https://gitlab.com/acme/churn"),
        ("build", "workflow_run.completed", "github.com/486325809",
         "https://github.com/acme/churn"),
    ]  # fmt: skip
    assert states(hooked) == [("done", 1, 1, False), ("done", 1, 1, False),
                              ("done", 1, 0, False), ("done", 1, 1, False)]  # fmt: skip
    assert process_deliveries(hooked) == Processed()


def test_process_side_by_side(hooked: Database) -> None:
    """Several workers read each delivery once."""
    for number in range(1, 121):
        deliver(hooked, push(number))

    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: process_deliveries(hooked), range(4)))

    assert sum(one.deliveries for one in done) == sum(one.hints for one in done) == 120
    assert sorted({value for _, _, value, _ in hints(hooked)}) == sorted(
        f"github.com/{number}" for number in range(1, 121)
    )
    assert len(hints(hooked)) == 120


@pytest.mark.parametrize("step", ["claimed", "written"])
def test_process_killed(
    hooked: Database, owner_database: Database, database_url: str, step: str
) -> None:
    """HOOK-15: a worker that is killed leaves its delivery to another, which reads it once."""
    deliver(hooked, PUSH)
    died = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", DYING, database_url, step],
        cwd=ROOT, env={"PATH": os.environ["PATH"]}, check=False, timeout=120,
    )  # fmt: skip

    assert died.returncode == -signal.SIGKILL
    assert (states(hooked), hints(hooked)) == ([("waiting", 1, 0, True)], [])
    assert process_deliveries(hooked) == Processed()  # not at once
    change(owner_database, DUE)
    assert process_deliveries(hooked) == Processed(1, 1)
    assert (states(hooked), len(hints(hooked))) == ([("done", 2, 1, False)], 1)


def test_process_late(hooked: Database, owner_database: Database) -> None:
    """Whoever comes to an end after another has claimed it again changes nothing."""
    number = deliver(hooked, PUSH)
    (first,) = hooked.transact(claim)
    change(owner_database, DUE)
    (second,) = hooked.transact(claim)

    assert (first, second) == (Claim(number, 1), Claim(number, 2))
    assert hooked.transact(partial(finish, claimed=first)) == 0
    assert hooked.transact(partial(finish, claimed=second)) == 1
    assert hooked.transact(partial(finish, claimed=second)) == 0
    assert len(hints(hooked)) == 1


def test_process_parked(hooked: Database, owner_database: Database) -> None:
    """HOOK-15: five tries, each after twice the time, then it is parked; the others go on."""
    deliver(hooked, {"ref": "refs/heads/main"})
    waits = []
    for number in range(1, 6):
        deliver(hooked, push(number))
        assert process_deliveries(hooked).hints == 1
        waits += rows(
            hooked,
            "SELECT round(extract(epoch FROM next_try_at - now()) / 10) * 10 FROM hook_delivery"
            " WHERE hints = 0",
        )
        change(owner_database, DUE)

    ((state, tries, _, kept), *others) = states(hooked)
    assert (state, tries, kept) == ("parked", 5, True)
    assert others == [("done", 1, 1, False)] * 5
    assert [int(wait) for (wait,) in waits] == [30, 60, 120, 240, 480]
    assert rows(hooked, "SELECT reason FROM hook_delivery WHERE state = 'parked'") == [
        ("does not say which repository, by its number",)
    ]
    assert process_deliveries(hooked) == Processed()


def test_process_given_up(hooked: Database, owner_database: Database) -> None:
    """What kills whoever reads it, five times, is parked too, and kills nobody any more."""
    deliver(hooked, PUSH)
    for _ in range(5):
        assert len(hooked.transact(claim)) == 1  # and nothing is heard of it
        change(owner_database, DUE)

    assert process_deliveries(hooked) == Processed()
    assert states(hooked) == [("parked", 5, 0, True)]
    assert rows(hooked, "SELECT reason FROM hook_delivery") == [(process.DIED,)]


def test_process_unforeseen(hooked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours is one delivery's, and says no more than its kind; the others go on."""
    broken = deliver(hooked, push(1))
    deliver(hooked, push(2))
    real = process.finish

    def failing(session: Session, claimed: Claim) -> int:
        done = real(session, claimed)
        if claimed.id == broken:
            raise KeyError("canary-of-a-fault")
        return done

    monkeypatch.setattr(process, "finish", failing)

    assert process_deliveries(hooked) == Processed(2, 1)
    assert [state for state, *_ in states(hooked)] == ["waiting", "done"]
    assert [url for *_, url in hints(hooked)] == ["https://github.com/acme/r2"]
    assert rows(hooked, "SELECT reason FROM hook_delivery ORDER BY id LIMIT 1") == [
        ("could not be read: KeyError",)
    ]


def test_process_database_away(hooked: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's fault is no delivery's: nothing is noted, and the worker tries later."""
    deliver(hooked, PUSH)

    def away(session: Any, claimed: Claim) -> int:
        raise Unavailable(claimed=claimed, session=session)

    monkeypatch.setattr(process, "finish", away)

    with pytest.raises(Unavailable):
        process_deliveries(hooked)
    assert rows(hooked, "SELECT state, reason FROM hook_delivery") == [("waiting", None)]


def test_process_other_kind(hooked: Database, owner_database: Database) -> None:
    """A source that became another kind meanwhile takes none."""
    number = deliver(hooked, PUSH)
    change(owner_database, "UPDATE source SET kind = 'git' WHERE name = :name", name=GITHUB)
    hooked.transact(claim)

    with pytest.raises(PayloadUnreadable, match="a source of kind git takes no webhooks"):
        hooked.transact(partial(finish, claimed=Claim(number, 1)))


def test_process_own_host(hooked: Database, owner_database: Database) -> None:
    """Payloads that name no host mean the source's own."""
    settings = json.dumps({"url": "https://gl.acme.example"})
    change(
        owner_database, "UPDATE source SET settings = CAST(:settings AS jsonb) WHERE name = :name",
        settings=settings, name=GITLAB,
    )  # fmt: skip
    project = {"event_name": "project_create", "project_id": 74, "path_with_namespace": "a/b"}
    deliver(hooked, project, source=GITLAB)

    process_deliveries(hooked)

    assert hints(hooked) == [
        ("repository", "project_create", "gl.acme.example/74", "https://gl.acme.example/a/b")
    ]


def test_process_recorded(hooked: Database, corpora: Path) -> None:
    """Every recorded payload through the whole way: hints in their numbers, the rest stored."""
    for path in sorted((corpora / "github_webhooks").glob("**/*.json")):
        if path.parent.name != "ping":
            deliver(hooked, path.read_bytes(), path.parent.name)
    for path in sorted((corpora / "gitlab_webhooks").glob("**/*.json")):
        deliver(hooked, path.read_bytes(), source=GITLAB)

    process_deliveries(hooked)

    counted = (
        "SELECT s.name, count(*) FILTER (WHERE d.hints > 0), count(*) FILTER (WHERE d.hints = 0)"
        " FROM hook_delivery d JOIN source s ON s.id = d.source_id"
        " WHERE d.state = 'done' GROUP BY 1 ORDER BY 1"
    )
    assert rows(hooked, counted) == [(GITHUB, 25, 44), (GITLAB, 15, 20)]


def test_parked_decided(service: Service, owner_database: Database) -> None:
    """HOOK-15: admins see what is parked and why; replaying and dropping are idempotent."""
    database, admin = service.database, service.token("admin")
    numbers = [deliver(database, {"ref": ref}) for ref in ("a", "b")]
    for _ in range(5):
        process_deliveries(database)
        change(owner_database, DUE)
    path = f"sources/{GITHUB}/deliveries"

    parked = service.get(f"/api/v1/{path}", admin, state="parked")["deliveries"]
    assert [(one["id"], one["state"], one["event"]) for one in parked] == [
        (number, "parked", "push") for number in reversed(numbers)
    ]
    assert {one["reason"] for one in parked} == {"does not say which repository, by its number"}
    assert service.get(f"/api/v1/{path}", admin, state="done,waiting")["deliveries"] == []

    def decide(number: int, what: str) -> Any:
        asked = {"reason": "as agreed"}
        answer = service.ask("POST", f"deliveries/{number}:{what}", admin, json=asked)
        return answer.status_code, answer.json().get("state") or answer.json()["code"]

    replayed, dropped = numbers
    assert [decide(replayed, "replay") for _ in range(2)] == [(200, "waiting")] * 2
    assert [decide(dropped, "drop") for _ in range(2)] == [(200, "dropped")] * 2
    assert decide(dropped, "replay") == decide(replayed, "drop") == (409, "delivery_not_parked")
    assert decide(4_711, "replay") == (404, "delivery_not_found")
    assert [(s, t, b) for s, t, _, b in states(database)] == [
        ("waiting", 0, True), ("dropped", 5, False),
    ]  # fmt: skip
    ((by, reason),) = rows(
        database, "SELECT decided_by, reason FROM hook_delivery WHERE state = 'dropped'"
    )
    assert (by.partition(":")[0], reason) == ("machine", "as agreed")


def test_keeping(hooked: Database, owner_database: Database) -> None:
    """Bodies go after seven days at the latest, deliveries after thirty, but for the newest."""
    deliver(hooked, push(1))
    process_deliveries(hooked)
    deliver(hooked, {"ref": "unreadable"})
    deliver(hooked, push(2))

    def aged(age: str) -> tuple[int, ...]:
        change(owner_database, AGED, age=age)
        change(owner_database, AGED.replace("hook_delivery", "hint"), age=age)
        jobs = (drop_bodies, forget_deliveries, forget_hints)
        return tuple(hooked.transact(job) for job in jobs)

    assert aged("6 days 23 hours") == (0, 0, 0)
    assert aged("7 days 1 hour") == (2, 0, 0)
    assert states(hooked)[1:] == [("dropped", 0, 0, False)] * 2
    change(owner_database, "UPDATE hook_delivery SET received_at = now() WHERE id = 2")
    change(owner_database, "UPDATE hint SET settled_at = now() - interval '6 days'")
    assert hooked.transact(forget_hints) == 0
    change(owner_database, "UPDATE hint SET settled_at = now() - interval '8 days'")
    assert hooked.transact(forget_hints) == 1
    deliver(hooked, GITLAB_PUSH, source=GITLAB)
    change(owner_database, AGED + " + id * interval '1 s'", age="40 days")
    assert hooked.transact(forget_deliveries) == 2
    assert rows(hooked, "SELECT s.name FROM hook_delivery d JOIN source s ON s.id = d.source_id"
                        " ORDER BY 1") == [(GITHUB,), (GITLAB,)]  # fmt: skip


def test_keeping_hint_of_nobody(hooked: Database, owner_database: Database) -> None:
    """What nobody followed for thirty days goes: full harvests have looked at everything since."""
    deliver(hooked, {**PUSH, "action": "completed"}, "workflow_run")
    process_deliveries(hooked)

    change(owner_database, "UPDATE hint SET received_at = now() - interval '29 days'")
    assert hooked.transact(forget_hints) == 0
    change(owner_database, "UPDATE hint SET received_at = now() - interval '31 days'")
    assert hooked.transact(forget_hints) == 1
