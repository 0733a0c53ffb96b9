"""Hints as harvests follow them: listed, settled, and when they make a source due."""

from functools import partial
from typing import Any, Final
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from schemas.harvest import CloseHarvest, Coverage, Outcome
from schemas.hooks import Hint, Hints
from service.db import Database
from service.hooks.process import process_deliveries
from service.ingest.close import close_harvest
from service.ingest.sources import get_source
from service.ledger.change import Actor, Cause
from service.operation.turns import end_turn, take_turn
from tests.hooks.deliveries import change, deliver, push
from tests.hooks.senders import GITHUB, GITLAB, GITLAB_PUSH, PUSH
from tests.support.catalog import Sweep, make_source, rows
from tests.support.harvester import Harvester
from tests.support.http import Service

KINDS: Final = frozenset({"github", "gitlab"})
SHIFT: Final = "UPDATE hint SET received_at = received_at - CAST(:by AS interval)"
REPOSITORY: Final = {"kind": "repository", "scheme": "github", "value": "github.com/486325809"}


def hinted(database: Database, *payloads: Any, source: str = GITHUB) -> list[int]:
    """Deliver and read; answers the numbers of all hints of the source that are open."""
    for payload in payloads:
        deliver(database, payload, source=source)
    process_deliveries(database)
    found = rows(
        database, "SELECT h.id FROM hint h JOIN source s ON s.id = h.source_id"
        " WHERE s.name = :name AND settled_at IS NULL ORDER BY h.id", name=source,
    )  # fmt: skip
    return [number for (number,) in found]


def sweep(database: Database, name: str = GITHUB, **asked: Any) -> Sweep:
    """A harvest of a source that saw something."""
    source = database.transact(lambda session: get_source(session, name))
    opened = Sweep(database, source, **{"scope": f"repositories/{name}"} | asked)
    url = f"https://git.example.com/acme/of-{name}"
    opened.send({
        "subject": {"kind": "repository", "scheme": "url", "value": url},
        "observed_at": "2026-11-20T12:00:00Z", "facts": {"name": "churn", "url": url},
    })  # fmt: skip
    return opened


def close(database: Database, opened: Sweep, *hints: int, **asked: Any) -> None:
    """End it, with the hints that it followed."""
    said = CloseHarvest.model_validate({"outcome": "complete", "hints": hints} | asked)
    cause = Cause(Actor("source", opened.source.name), opened.source.name)
    work = partial(close_harvest, harvest_id=opened.id, asked=said, cause=cause)
    database.transact(lambda session: work(session, opened.source))


def open_hints(service: Service, token: str, source: str = GITHUB) -> list[Hint]:
    """What a harvest is told."""
    answer = service.ask("GET", f"sources/{source}/hints", token)
    assert answer.status_code == 200, answer.text
    return list(Hints.model_validate_json(answer.content).hints)


def test_hints_listed(service: Service) -> None:
    """The source's own token and admins see the open ones, the oldest first."""
    database = service.database
    own = service.token("source", source_name=GITHUB)
    other = service.token("source", source_name=GITLAB)
    first, second = hinted(database, PUSH, push(7))
    hinted(database, GITLAB_PUSH, source=GITLAB)

    found = open_hints(service, own)
    assert [one.id for one in found] == [first, second]
    assert found[0].model_dump(mode="json", exclude={"id", "received_at"}) == {
        "about": "repository", "event": "push", "repository": REPOSITORY, "thing": None,
        "url": "https://github.com/acme/churn",
    }  # fmt: skip
    assert open_hints(service, service.token("admin")) == found
    assert len(open_hints(service, other, GITLAB)) == 1
    assert service.ask("GET", f"sources/{GITHUB}/hints", other).status_code == 403
    assert service.ask("GET", f"sources/{GITHUB}/hints", service.reader).status_code == 403


def follow(database: Database, *scopes: tuple[str, ...] | None, name: str = GITHUB) -> None:
    """The source is read in so many scopes, of which each follows hints about these things."""
    for number, follows in enumerate(scopes):
        asked = None if follows is None else list(follows)
        close(database, sweep(database, name, scope=f"scope/{number}", follows=asked))


def test_hints_about_everything(service: Service) -> None:
    """As long as nobody says what is followed, everything may be: builds, deployments, releases."""
    for event in ("workflow_run", "deployment", "deployment_status", "release"):
        deliver(service.database, {**PUSH, "of": event}, event)
    process_deliveries(service.database)

    found = open_hints(service, service.token("admin"))

    assert [one.about for one in found] == ["build", "deployment", "deployment", "release"]


@pytest.mark.parametrize(
    ("scopes", "kept"),
    [
        ([("repository",), ()], {"repository"}),
        ([("repository",), ("build", "release"), ("deployment",)],
         {"repository", "build", "deployment", "release"}),
        ([("build",)], {"build"}),
        ([()], set()),
        ([("build",), None], {"repository", "build", "deployment", "release"}),
    ],
)  # fmt: skip
def test_hints_of_nobody(service: Service, scopes: Any, kept: set[str]) -> None:
    """What no harvest of the source follows is settled at once: neither listed nor due; counted."""
    database, admin = service.database, service.token("admin")
    follow(database, *scopes)
    for event in ("push", "workflow_run", "deployment", "release"):
        deliver(database, {**PUSH, "of": event}, event)
    assert process_deliveries(database).hints == 4

    assert {one.about for one in open_hints(service, admin)} == kept
    told = service.get(f"/api/v1/sources/{GITHUB}", admin)["webhooks"]
    assert (told["open_hints"], told["unfollowed"]) == (len(kept), 4 - len(kept))
    change(database, "UPDATE harvest SET opened_at = opened_at - interval '1 min'")
    change(database, SHIFT, by="10 s")
    close(database, sweep(database, GITLAB))
    assert due(database) == (GITHUB if kept else None)


def test_hints_of_nobody_any_more(hooked: Database, owner_database: Database) -> None:
    """A scope that the settings do not name any more follows nothing, once others were read."""
    follow(hooked, ("repository",), ("build",))
    old = "UPDATE scope SET full_closed_at = full_closed_at - interval '3 days' WHERE name = :name"
    change(owner_database, old, name="scope/1")

    deliver(hooked, {**PUSH, "action": "completed"}, "workflow_run")

    assert hinted(hooked, PUSH) != []
    settled = rows(hooked, "SELECT about, settled_at IS NOT NULL, harvest_id FROM hint ORDER BY 1")
    assert settled == [("build", True, None), ("repository", False, None)]


def test_hints_of_nobody_clog_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many builds nobody reads, they take no room from a push."""
    monkeypatch.setattr("service.hooks.deliveries.MOST", 3)
    database = service.database
    follow(database, ("repository",))
    for number in range(4):
        deliver(database, {**PUSH, "of": number}, "workflow_run")

    (number,) = hinted(database, PUSH)

    assert [one.id for one in open_hints(service, service.token("admin"))] == [number]


def test_hints_bounded(service: Service, owner_database: Database) -> None:
    """A thousand at once; the rest comes when these are settled."""
    (number,) = hinted(service.database, PUSH)
    change(
        owner_database,
        "INSERT INTO hint (source_id, about, event, received_at) SELECT source_id, about, event,"
        " received_at FROM hint, generate_series(1, 1500) WHERE id = :id", id=number,
    )  # fmt: skip
    admin = service.token("admin")

    found = open_hints(service, admin)

    assert [one.id for one in found] == list(range(number, number + 1_000))
    assert (found[1].repository, found[1].url) == (None, None)
    close(service.database, sweep(service.database), *(one.id for one in found))
    assert len(open_hints(service, admin)) == 501


@pytest.mark.parametrize("coverage", list(Coverage))
def test_hints_settled(hooked: Database, coverage: Coverage) -> None:
    """A complete harvest settles those that it followed, in its own transaction; once."""
    first, second, third = hinted(hooked, PUSH, push(7), push(8))
    (foreign,) = hinted(hooked, GITLAB_PUSH, source=GITLAB)
    opened = sweep(hooked, coverage=coverage)

    close(hooked, opened, first, third, foreign, 4_711)

    assert hinted(hooked) == [second]
    assert hinted(hooked, source=GITLAB) == [foreign]
    by = rows(hooked, "SELECT id, harvest_id FROM hint WHERE settled_at IS NOT NULL ORDER BY id")
    assert by == [(first, opened.id), (third, opened.id)]
    later = sweep(hooked, coverage=coverage)
    close(hooked, later, first)
    assert rows(hooked, "SELECT harvest_id FROM hint WHERE id = :id", id=first) == [(opened.id,)]


@pytest.mark.parametrize("how", ["failed", "dry run", "not believed"])
def test_hints_left_open(hooked: Database, how: str) -> None:
    """A harvest that failed, or only tried, or cannot be believed, settles nothing."""
    numbers = hinted(hooked, PUSH)
    if how == "not believed":
        close(hooked, sweep(hooked))
        source = hooked.transact(lambda session: get_source(session, GITHUB))
        opened = Sweep(hooked, source, scope=f"repositories/{GITHUB}")
    else:
        opened = sweep(hooked, dry_run=how == "dry run")

    outcome = Outcome.FAILED if how == "failed" else Outcome.COMPLETE
    close(hooked, opened, *numbers, outcome=outcome.value)

    assert hinted(hooked) == numbers


def test_hints_settled_over_http(service: Service) -> None:
    """The whole protocol: listed, harvested, closed with the hints, gone from the list."""
    hinted(service.database, PUSH)
    token = service.token("source", source_name=GITHUB)
    harvester = Harvester(service.http, token, GITHUB)
    numbers = [one.id for one in open_hints(service, token)]
    harvest = UUID(str(uuid7()))

    assert harvester.open(harvest, scope="repositories/x", coverage="delta")[0] == 201
    status, _ = harvester.close(harvest, hints=numbers)

    assert status == 200
    assert open_hints(service, token) == []


def due(database: Database, worker: str = "one") -> str | None:
    """The source whose turn it is."""
    turn = database.transact(lambda session: take_turn(session, worker, kinds=KINDS))
    return turn.source if turn else None


@pytest.fixture
def settled_down(hooked: Database) -> Database:
    """Both sources were just read completely."""
    for name in (GITHUB, GITLAB):
        close(hooked, sweep(hooked, name))
    assert due(hooked) is None
    return hooked


def end(database: Database, code: int = 0) -> None:
    """The turn of the source with hints ends."""
    ((number,),) = rows(database, "SELECT id FROM source WHERE name = :name", name=GITHUB)
    database.transact(lambda session: end_turn(session, "one", source_id=number, exit_code=code))


def test_due_by_hint(settled_down: Database, owner_database: Database) -> None:
    """A hint that came after the last harvest began makes its source due, five seconds later.

    A burst makes it due once: the first hint counts.
    """
    hinted(settled_down, PUSH, push(7))
    assert due(settled_down) is None
    change(owner_database, "UPDATE hint SET received_at = clock_timestamp() - interval '4 s'"
                           " WHERE id = (SELECT min(id) FROM hint)")  # fmt: skip
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 min'")
    assert due(settled_down) is None
    change(owner_database, "UPDATE hint SET received_at = received_at - interval '2 s'"
                           " WHERE id = (SELECT min(id) FROM hint)")  # fmt: skip

    assert due(settled_down) == GITHUB
    assert due(settled_down) is None


def test_due_once(settled_down: Database, owner_database: Database) -> None:
    """Hints that its harvest leaves open do not make a source due again: it does not spin."""
    hinted(settled_down, PUSH)
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 min'")
    change(owner_database, SHIFT, by="6 s")
    assert due(settled_down) == GITHUB
    close(settled_down, sweep(settled_down))
    end(settled_down)

    assert hinted(settled_down) != []
    assert due(settled_down) is None
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 min'")
    assert due(settled_down) is None  # the turn began after the hint came
    hinted(settled_down, push(7))
    change(owner_database, SHIFT, by="6 s")  # the first one is older than the turn all the same
    change(owner_database, "UPDATE turn SET begun_at = begun_at - interval '10 s'")
    assert due(settled_down) == GITHUB


def test_due_again(settled_down: Database, owner_database: Database) -> None:
    """HOOK-09: what a harvest left open is looked at again, four times in ten minutes at most.

    A source may lag behind what its webhook told; afterwards the next full harvest will see it.
    """
    hinted(settled_down, PUSH)
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 hour'")
    tried = []
    for second in range(0, 660, 15):
        change(owner_database, "UPDATE hint SET received_at = received_at - interval '15 s'")
        change(owner_database, "UPDATE turn SET begun_at = begun_at - interval '15 s',"
                               " ended_at = ended_at - interval '15 s'")  # fmt: skip
        if due(settled_down) == GITHUB:
            tried.append(second + 15)
            end(settled_down)

    assert tried == [15, 60, 120, 240, 480]


def test_hints_given_up(service: Service, owner_database: Database) -> None:
    """After ten minutes a hint that harvests left open is none any more; one that waits is."""
    database, admin = service.database, service.token("admin")
    hinted(database, PUSH)
    change(owner_database, SHIFT, by="2 hours")
    assert len(open_hints(service, admin)) == 1  # nobody has harvested yet
    close(database, sweep(database))
    assert open_hints(service, admin) == []
    told = service.get(f"/api/v1/sources/{GITHUB}", admin)["webhooks"]
    assert (told["open_hints"], told["unfollowed"]) == (0, 1)
    change(owner_database, SHIFT, by="-119 min")
    assert len(open_hints(service, admin)) == 1


def test_due_settled(settled_down: Database, owner_database: Database) -> None:
    """Once settled it makes nobody due; nor does a hint of before the last harvest."""
    numbers = hinted(settled_down, PUSH)
    change(owner_database, SHIFT, by="1 hour")
    assert due(settled_down) is None
    change(owner_database, SHIFT, by="-59 min -50 s")
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '2 min'")
    close(settled_down, sweep(settled_down), *numbers)
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '2 min'")

    assert due(settled_down) is None


def test_due_failing(settled_down: Database, owner_database: Database) -> None:
    """A source that fails waits as long as it would: hints do not hurry it."""
    hinted(settled_down, PUSH)
    change(owner_database, "UPDATE harvest SET opened_at = opened_at - interval '1 min'")
    change(owner_database, SHIFT, by="6 s")
    assert due(settled_down) == GITHUB
    end(settled_down, code=6)

    hinted(settled_down, push(7))
    change(owner_database, SHIFT, by="6 s")
    assert due(settled_down) is None
    change(owner_database, "UPDATE turn SET begun_at = begun_at - interval '1 hour',"
                           " ended_at = ended_at - interval '2 min'")  # fmt: skip
    assert due(settled_down) == GITHUB


def test_due_while_asked(settled_down: Database, owner_database: Database) -> None:
    """What came while cron's harvest asked, a moment before it opened, is not forgotten."""
    hinted(settled_down, PUSH)
    change(owner_database, "UPDATE hint SET received_at = clock_timestamp() - interval '8 s'")
    change(owner_database, "UPDATE harvest SET opened_at = clock_timestamp() - interval '6 s'")
    assert due(settled_down) == GITHUB


def test_source_says_when(service: Service, owner_database: Database) -> None:
    """HOOK-11: a source says when its last delivery came, and what waits; without webhooks nothing.

    The secret is named and never shown.
    """
    admin = service.token("admin")
    make_source(service.database)

    def said() -> Any:
        return service.get(f"/api/v1/sources/{GITHUB}", admin)["webhooks"]

    assert said() == {
        "last_delivery_at": None,
        "waiting": 0,
        "parked": 0,
        "open_hints": 0,
        "unfollowed": 0,
    }
    deliver(service.database, PUSH)
    ((came,),) = rows(service.database, "SELECT received_at FROM hook_delivery")
    assert said() | {"last_delivery_at": None} == {
        "last_delivery_at": None, "waiting": 1, "parked": 0, "open_hints": 0,
        "unfollowed": 0,
    }  # fmt: skip
    assert said()["last_delivery_at"] == came.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    process_deliveries(service.database)
    change(owner_database, "UPDATE hook_delivery SET state = 'parked', body = '{}'")
    assert said() | {"last_delivery_at": None} == {
        "last_delivery_at": None, "waiting": 0, "parked": 1, "open_hints": 1,
        "unfollowed": 0,
    }  # fmt: skip
    listed = {one["name"]: one for one in service.get("/api/v1/sources", admin)}
    assert listed[GITHUB]["webhooks"] == said()
    assert listed[GITHUB]["webhook_secret"] == "GITHUB_ACME"  # noqa: S105  # a name
    assert listed["mlflow-prod"]["webhooks"] is None
