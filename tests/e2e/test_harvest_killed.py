"""Harvesters that die, and answers that get lost, at every step of the protocol."""

import json
from typing import Final

import pytest

from schemas.harvest import Limits
from service.db import Database
from tests.e2e.proxy import Answered, Asked, CutConnection, Proxy
from tests.e2e.site import Site, Workspace
from tests.support.catalog import changes, last_change, rows

STEPS: Final = ("hints", "source", "open", "sightings", "observations", "unseen", "close")
LATER: Final = "UPDATE harvest SET lease_until = clock_timestamp() - interval '1 second'"


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request carries two observations at most: there are many boundaries."""
    monkeypatch.setattr("service.ingest.harvests.LIMITS", Limits(observations=2, sightings=4))


@pytest.fixture
def moved(churn: Workspace, site: Site, small_batches: None) -> Workspace:
    """A known registry in which, since then, things were added, changed and deleted."""
    del small_batches
    site.harvest()
    churn.create_registered_model("new", {}, "New.")
    churn.create_model_version("new", "s3://models/new/1")
    churn.set_registered_model_alias("churn", "champion", "2")
    churn.delete_registered_model("fraud")
    return churn


def expire(owner_database: Database) -> None:
    """Let every lease end."""
    with owner_database.engine.begin() as connection:
        connection.exec_driver_sql(LATER)


def acknowledged(proxy: Proxy) -> set[str]:
    """Subjects of all observations whose receipt the harvester was given."""
    return {
        f"{one['subject']['kind']}:{one['subject']['value']}"
        for asked, answered in proxy.answered
        if asked.step == "observations" and answered.status == 200
        for one in json.loads(asked.body)["observations"]
    }


def stored(database: Database) -> set[str]:
    """Subjects that the catalog holds an observation of."""
    found = rows(
        database,
        "SELECT kind || ':' || value FROM subject s JOIN observation o ON subject_id = s.id",
    )
    return {text for (text,) in found}


def killed_at(site: Site, way_in: Proxy, *, number: int, after: bool) -> list[str]:
    """Kill the real command before or after its n-th request to a harvest; answers its steps."""
    steps: list[str] = []
    with site.started("harvest", "mlflow-prod", MODEL_CATALOG_URL=way_in.url) as process:

        def strike() -> None:
            if len(steps) == number + 1:
                process.kill()
                process.wait()
                raise CutConnection

        def before(asked: Asked) -> None:
            if "/harvests" in asked.path:
                steps.append(asked.step)
                if not after:
                    strike()

        def behind(_asked: Asked, answered: Answered) -> Answered:
            if after:
                strike()
            return answered

        way_in.before, way_in.after = before, behind
        process.communicate(timeout=60)
    return steps


def assert_repairs(site: Site) -> None:
    """The next harvest ends where an undisturbed one would have."""
    assert site.harvest().outcome == "complete"
    assert site.models().keys() == {"retail/churn", "retail/new"}
    assert site.models(gone="true").keys() == {"retail/fraud"}
    assert {name: row["facts"]["aliases"] for name, row in site.versions().items()} == {
        "retail/churn/1": [],
        "retail/churn/2": ["champion"],
        "retail/new/1": [],
    }
    assert {one["outcome"] for one in site.harvests()} <= {"complete", "failed"}


BOUNDARIES: Final = [
    pytest.param(number, after, marks=() if (number, after) in often else pytest.mark.long)
    for often in [{(0, True), (1, True), (2, True), (5, True), (5, False)}]
    for number in range(9)
    for after in (False, True)
]


@pytest.mark.parametrize(("number", "after"), BOUNDARIES)
@pytest.mark.usefixtures("moved")
def test_harvest_killed(
    site: Site,
    way_in: Proxy,
    database: Database,
    owner_database: Database,
    number: int,
    after: bool,  # noqa: FBT001  # a case
) -> None:
    """Killed before or after any of its commits, a harvester loses nothing acknowledged."""
    live = site.models().keys()
    steps = killed_at(site, way_in, number=number, after=after)

    assert len(steps) == number + 1
    assert acknowledged(way_in) <= stored(database)
    if site.harvests()[0]["outcome"] is None:
        assert live <= site.models().keys()  # nothing retires before a harvest is closed
    expire(owner_database)
    assert_repairs(site)


@pytest.mark.parametrize("how", ["cut", "503", "html"])
@pytest.mark.usefixtures("moved")
def test_harvest_answers_lost(site: Site, way_in: Proxy, database: Database, how: str) -> None:
    """Every answer is lost once after its commit: the repeated requests say what the first did."""
    tried: set[Asked] = set()
    changed = last_change(database)

    def lose(asked: Asked, answered: Answered) -> Answered:
        if asked in tried:
            return answered
        tried.add(asked)
        if how == "cut":
            raise CutConnection
        return Answered(503 if how == "503" else 502, b"<html>try again</html>")

    way_in.after = lose
    report = site.harvest(through=way_in.url)

    assert {asked.step for asked in tried} == set(STEPS)
    assert len(way_in.asked) == 2 * len(tried)
    assert (report.created, report.changed, report.retired) == (2, 3, 1)  # retired is changed
    assert site.harvests()[0]["report"] == report.model_dump(mode="json")
    said = [(row["entry"], row["op"], row["field"]) for row in changes(database, changed)]
    assert len(said) == len(set(said))
    assert sorted(op for _, op, _ in said if op != "number") == [
        "create", "create", "retire", "update", "update",
    ]  # fmt: skip
    assert site.models().keys() == {"retail/churn", "retail/new"}


@pytest.mark.usefixtures("moved")
def test_harvest_lease_lost(site: Site, way_in: Proxy, owner_database: Database) -> None:
    """A harvester that slept through its lease is told so, and retires nothing."""

    def sleep(asked: Asked) -> None:
        if asked.step == "close":
            expire(owner_database)

    live = site.models().keys()
    way_in.before = sleep
    done = site.command("harvest", "mlflow-prod", MODEL_CATALOG_URL=way_in.url)

    assert done.returncode == 5
    assert "its lease is over" in done.stderr
    assert live <= site.models().keys()
    assert site.harvest().retired == 1
