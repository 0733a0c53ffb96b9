"""Held-back harvests: what a plan shows, that releasing does just this, and what makes it stale."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.harvest import Coverage
from schemas.strict import instant_text
from service.db import Database
from service.ingest.sources import SourceFacts, get_source
from tests.support.catalog import (
    Sweep,
    changes,
    contents,
    gone,
    last_change,
    make_source,
    model,
    post,
    rows,
    version,
)
from tests.support.harvester import JSON, Harvester

MODELS = [model(f"m{number:02}", description="by the registry") for number in range(30)]
LOST, LEFT = MODELS[:20], MODELS[20:]
OTHER = "mlflow-other"
RETIRED = "SELECT count(*) FROM entry WHERE gone_since IS NOT NULL"


def get_source_of(database: Database, name: str = "mlflow-prod") -> SourceFacts:
    """A declared source."""
    return database.transact(lambda session: get_source(session, name))


def now() -> str:
    """This moment, as a harvester writes it."""
    return instant_text(datetime.now(UTC))


def sweep(database: Database, *seen: Any, gone_ones: Any = (), **options: Any) -> Any:
    """Close a complete harvest of the source; answers its report."""
    one = Sweep(database, get_source_of(database), **options)
    one.sweep(*seen)
    one.send(*(gone(document, now()) for document in gone_ones))
    return one.close()


def again(*documents: Any) -> list[Any]:
    """The same, read now."""
    return [one | {"observed_at": now()} for one in documents]


def decide(admin: Harvester, item: int, what: str, **options: Any) -> tuple[int, Any]:
    """Decide about an item."""
    query, key = options.get("query", ""), options.get("key")
    headers = admin.headers | JSON | ({"Idempotency-Key": key} if key else {})
    answer = admin.client.post(
        f"/api/v1/quarantine/{item}:{what}{query}",
        content=json.dumps({"reason": "it was looked into"}).encode(),
        headers=headers,
    )
    return answer.status_code, answer.json()


def listed(admin: Harvester, path: str) -> Any:
    """The items of a list."""
    status, page = admin.get(path)
    assert status == 200, page
    return page["items"]


@pytest.fixture
def plan(harvester: Harvester, database: Database) -> int:
    """A held-back harvest that says of twenty models that they are gone; its number.

    Another source shows the first one too, and describes it otherwise.
    """
    del harvester
    sweep(database, *MODELS, version(1, "m01"))
    other = make_source(database, OTHER, precedence=10)
    post(database, other, model("m00", OTHER, description="by the other"))
    assert sweep(database, *LEFT, gone_ones=LOST).held_back == 21
    return int(rows(database, "SELECT id FROM quarantine")[0][0])


def test_plan_is_shown(plan: int, admin: Harvester, database: Database) -> None:
    """Figures in the item, and on pages each entry with what would change of it."""
    (item,) = listed(admin, "/quarantine?what=held_back")
    head = {"gone": 21, "missed": 0, "entries": 21, "retired": 20, "changed": 1}
    assert {name: item["plan"][name] for name in head} == head
    assert (item["id"], item["resolution"], item["url"]) == (
        plan,
        None,
        f"/api/v1/quarantine/{plan}",
    )
    assert admin.get(f"/quarantine/{plan}") == (200, item)

    first = admin.get(f"/quarantine/{plan}/plan?page_size=20")[1]
    rest = admin.get(f"/quarantine/{plan}/plan?page_token={first['next_page_token']}")[1]
    planned = {one["name"]: one for one in first["items"] + rest["items"]}
    assert len(first["items"]) == 20
    assert list(planned) == sorted([*(f"retail/m{n:02}" for n in range(20)), "retail/m01/1"])
    said = {row[0]: row[1] for row in rows(database, "SELECT id, observed_at FROM observation")}
    assert planned["retail/m02"]["kind"] == "model"
    ((told,), (subject,)) = planned["retail/m02"]["changes"], planned["retail/m02"]["subjects"]
    assert (told["field"], told["old"]) == ("gone_since", None)
    assert datetime.fromisoformat(told["new"]) in said.values()
    assert (subject["subject"], subject["why"]) == ("model:mlflow:mlflow-prod/default/m02", "gone")
    assert planned["retail/m00"]["changes"] == [
        {"field": "description", "old": "by the registry", "new": "by the other"},
    ]  # fmt: skip


def test_release(plan: int, admin: Harvester, database: Database) -> None:
    """It retires just what the plan says, once, with reason and ledger rows."""
    planned = listed(admin, f"/quarantine/{plan}/plan?page_size=100")
    wanted = {one["entry"]: one["changes"] for one in planned if one["changes"]}
    after = last_change(database)
    tried = decide(admin, plan, "release", query="?dry_run=true")[1]
    assert (tried["dry_run"], tried["moved"], last_change(database)) == (True, [], after)
    status, done = decide(admin, plan, "release", key="once")

    assert (status, done["retired"]) == (200, 20)
    assert {one["entry"]: one["changes"] for one in done["changes"]} == wanted
    assert tried == done | {"dry_run": True}
    assert rows(database, RETIRED) == [(20,)]
    told = changes(database, after)
    for one in told[:-1]:
        assert {"field": one["field"], "old": one["old"], "new": one["new"]} in wanted[one["entry"]]
        assert (one["reason"], one["source"]) == ("it was looked into", "mlflow-prod")
    assert (told[-1]["op"], told[-1]["kind"], told[-1]["new"]["id"]) == (
        "release", "quarantine", plan,
    )  # fmt: skip
    before = contents(database)
    assert decide(admin, plan, "release", key="once") == (200, done)
    status, refused = decide(admin, plan, "release", key="twice")
    assert (status, refused["code"]) == (409, "already_resolved")
    assert decide(admin, plan, "drop")[1]["code"] == "already_resolved"
    assert contents(database) == before
    item = admin.get(f"/quarantine/{plan}")[1]
    assert (item["resolution"], item["reason"]) == ("released", "it was looked into")
    assert item["resolved_by"]
    assert listed(admin, "/quarantine") == []
    assert [one["id"] for one in listed(admin, "/quarantine?state=resolved")] == [plan]
    assert listed(admin, f"/quarantine/{plan}/plan?page_size=100") == planned

    sweep(database, *again(*MODELS, version(1, "m01")))  # and all of it is back
    assert rows(database, RETIRED) == [(0,)]


def described(database: Database) -> None:
    """Another source says something about one of the entries."""
    other = get_source_of(database, OTHER)
    post(database, other, model("m05", OTHER, at=now(), description="new"))


def shown(database: Database) -> None:
    """The source pushes one of them."""
    post(database, get_source_of(database), model("m05", at=now()))


def retired_apart(database: Database) -> None:
    """The source says of one, by itself, that it is gone."""
    post(database, get_source_of(database), gone(MODELS[5], now()))


@pytest.mark.parametrize(
    ("moving", "why"),
    [
        (described, "it was changed since "),
        (shown, "its source showed it again since "),
        (retired_apart, "it is gone already since "),
    ],
)
def test_release_stale(
    plan: int,
    admin: Harvester,
    database: Database,
    moving: Callable[[Database], None],
    why: str,
) -> None:
    """When one entry moved, nothing is released, and the answer says which, and since when."""
    moving(database)
    before = contents(database)

    status, refused = decide(admin, plan, "release")
    assert (status, refused["code"]) == (409, "plan_stale")
    (problem,) = refused["errors"]
    assert problem["pointer"] == "retail/m05"
    assert problem["message"].startswith(why)
    status, tried = decide(admin, plan, "release", query="?dry_run=true")
    assert (status, [one["name"] for one in tried["moved"]]) == (200, ["retail/m05"])
    assert contents(database) == before
    assert admin.get(f"/quarantine/{plan}")[1]["resolution"] is None


def test_drop(plan: int, admin: Harvester, database: Database) -> None:
    """Dropped with a reason; the next harvest with the same picture is a new item."""
    status, item = decide(admin, plan, "drop", query="?dry_run=true")
    assert (status, item["resolution"]) == (200, "dropped")
    assert admin.get(f"/quarantine/{plan}")[1]["resolution"] is None
    after = last_change(database)
    status, item = decide(admin, plan, "drop")

    assert (status, item["resolution"], item["reason"]) == (200, "dropped", "it was looked into")
    assert [(c["op"], c["kind"], c["new"]["id"]) for c in changes(database, after)] == [
        ("drop", "quarantine", plan),
    ]  # fmt: skip
    assert decide(admin, plan, "release")[1]["code"] == "already_resolved"
    assert rows(database, RETIRED) == [(0,)]

    assert sweep(database, *LEFT, gone_ones=LOST).held_back == 21
    (again,) = listed(admin, "/quarantine?what=held_back")
    assert again["id"] != plan
    assert decide(admin, again["id"], "release")[0] == 200


def test_release_missed(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """What was missed too often is retired as of the harvest that was held back."""
    del harvester
    make_source(database, absences=1)
    sweep(database, *MODELS)
    sweep(database, *LEFT)
    with database.writing() as session:
        session.execute(sa.text("UPDATE absence SET unseen_since = unseen_since - interval '2 d'"))
    assert sweep(database, *LEFT).held_back == 20
    opened = rows(database, "SELECT max(opened_at) FROM harvest")[0][0]
    (item,) = listed(admin, "/quarantine?what=held_back")
    assert (item["plan"]["gone"], item["plan"]["missed"]) == (0, 20)

    assert decide(admin, item["id"], "release")[1]["retired"] == 20
    assert rows(database, "SELECT DISTINCT gone_since FROM entry WHERE gone_since IS NOT NULL") == [
        (opened,),
    ]  # fmt: skip


def test_release_of_delta(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """Words of a delta harvest are held back too; a full one under way may know better."""
    del harvester
    sweep(database, *MODELS)
    assert sweep(database, gone_ones=LOST, coverage=Coverage.DELTA).held_back == 20
    (item,) = listed(admin, "/quarantine?what=held_back")
    running = Sweep(database, get_source_of(database))
    running.sight(MODELS[3])

    status, refused = decide(admin, item["id"], "release")
    assert (status, [one["pointer"] for one in refused["errors"]]) == (409, ["retail/m03"])
    assert refused["errors"][0]["message"] == "the harvest that is under way has seen it"
    with database.writing() as session:
        session.execute(sa.text("UPDATE harvest SET lease_until = now() - interval '1 h'"))
    assert decide(admin, item["id"], "release")[1]["retired"] == 20


def test_release_while_harvested(plan: int, admin: Harvester, database: Database) -> None:
    """A harvest under way that shows them again has the last word, whoever is first."""
    running = Sweep(database, get_source_of(database))
    assert decide(admin, plan, "release")[1]["retired"] == 20
    assert running.sweep(*again(*MODELS, version(1, "m01"))) == 21
    running.close()

    assert rows(database, RETIRED) == [(0,)]


def test_release_side_by_side(plan: int, admin: Harvester, database: Database) -> None:
    """Of several who release and drop at once, one does."""
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda what: decide(admin, plan, what)[0], ["release", "drop"] * 2))

    assert sorted(done) == [200, 409, 409, 409]
    resolution = admin.get(f"/quarantine/{plan}")[1]["resolution"]
    assert rows(database, RETIRED) == [(20 if resolution == "released" else 0,)]


def test_held_back_dry_run(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """A dry run of a harvest holds nothing back."""
    del harvester
    sweep(database, *MODELS)
    assert sweep(database, *LEFT, gone_ones=LOST, dry_run=True).held_back == 20
    assert listed(admin, "/quarantine?state=open,resolved") == []


def test_decide_badly(plan: int, admin: Harvester) -> None:
    """No such item, no reason, no number, a plan that is tried again: each is refused clearly."""
    asked = [
        admin.post("/quarantine/999:release", {"reason": "x"}),
        admin.post(f"/quarantine/{plan}:release", {}),
        admin.post(f"/quarantine/{plan}:release", {"reason": ""}),
        admin.post(f"/quarantine/{2**80}:drop", {"reason": "x"}),
        admin.post(f"/quarantine/{plan}:retry", {"reason": "x"}),
        admin.get("/quarantine/999/plan"),
        admin.get("/quarantine?state=closed"),
    ]
    assert [(status, body["code"]) for status, body in asked] == [
        (404, "item_not_found"), (422, "invalid"), (422, "invalid"), (422, "invalid"),
        (409, "not_retriable"), (404, "item_not_found"), (422, "invalid"),
    ]  # fmt: skip
    assert admin.get(f"/quarantine/{plan}")[1]["resolution"] is None


def test_decide_statements(
    harvester: Harvester, admin: Harvester, database: Database, statements: Any
) -> None:
    """A plan costs a constant number of statements, whatever its size: to show and to release."""
    del harvester
    counts = []
    for size in (11, 25):
        names = [model(f"s{size}-{number:02}") for number in range(size)]
        sweep(database, *names, model("left"), scope=f"registry/{size}")
        sweep(database, model("left"), gone_ones=names, scope=f"registry/{size}")
        (item,) = listed(admin, "/quarantine?what=held_back")
        with statements() as shown:
            assert len(listed(admin, f"/quarantine/{item['id']}/plan")) == size
        with statements() as released:
            assert decide(admin, item["id"], "release")[1]["retired"] == size
        counts.append((len(shown), len(released)))

    assert counts[0] == counts[1]
