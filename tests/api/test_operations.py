"""The catalog's own operation: harvests, refusals, coverage, namespaces, and who may see them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from uuid_utils.compat import uuid7

from schemas.harvest import Coverage, Outcome, Skipped
from service.db import Database
from tests.conftest import Statements
from tests.support.catalog import NOON, Sweep, make_source, model, post, version
from tests.support.http import Service

UNREADABLE = Skipped(code="not_readable", message="403")
NAMELESS = {"subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-prod/default/bad"},
            "observed_at": NOON, "facts": {"descripton": "x"}}  # fmt: skip


def sweep(database: Database, source: Any, *documents: Any, scope: str, **closing: Any) -> Sweep:
    """One full harvest from beginning to end."""
    made = Sweep(database, source, scope=scope)
    made.sweep(*documents)
    made.close(**closing)
    return made


def put_back(database: Database, hours: int) -> None:
    """Let the last complete harvests be so much older."""
    with database.writing() as session:
        statement = sa.text("UPDATE scope SET full_closed_at = full_closed_at - :by")
        session.execute(statement, {"by": timedelta(hours=hours)})


@pytest.fixture
def operated(service: Service) -> Service:
    """Two sources in two namespaces: one that was read, one that failed, one never looked at."""
    prod = make_source(service.database, namespaces={"team-b": "wholesale"})
    make_source(service.database, "idle", namespace="wholesale")
    make_source(service.database, "ci", kind="ci", namespace="retail")
    make_source(service.database, "off", namespace="retail", enabled=False)
    sweep(
        service.database, prod, model(), version(1), scope="registry/default",
        skipped=[UNREADABLE, UNREADABLE], counts={"excluded": 3, "prompts_left_out": 1},
    )  # fmt: skip
    sweep(service.database, prod, scope="registry/team-b", outcome=Outcome.FAILED, error="boom")
    post(service.database, prod, NAMELESS)
    return service


def test_coverage(operated: Service) -> None:
    """Each scope says how fresh it is and what it cannot see; sources without one are there too."""
    rows = {(r["source"], r["scope"]): r for r in operated.get("coverage")["items"]}
    read = rows["mlflow-prod", "registry/default"]

    assert {key: row["state"] for key, row in rows.items()} == {
        ("ci", None): "pushed",
        ("idle", None): "never",
        ("mlflow-prod", "registry/default"): "on_time",
        ("mlflow-prod", "registry/team-b"): "never",
        ("off", None): "disabled",
    }
    assert (read["seen"], read["skipped"], read["left_out"]) == (
        2, {"not_readable": 2}, {"excluded": 3, "prompts_left_out": 1},
    )  # fmt: skip
    assert (read["namespace"], read["last_outcome"]) == ("retail", "complete")
    last, due = (datetime.fromisoformat(read[name]) for name in ("last_complete_at", "due_at"))
    assert due - last == timedelta(hours=1)
    failed = rows["mlflow-prod", "registry/team-b"]
    assert (failed["namespace"], failed["last_outcome"]) == ("wholesale", "failed")
    assert failed["last_complete_at"] is None


def test_coverage_late(operated: Service) -> None:
    """Late after two intervals without a complete harvest, not after one; sources say it too."""
    states = []
    admin = operated.token("admin")
    for _ in range(3):
        row = operated.get("coverage", state="on_time,late")["items"][0]
        scope = operated.get("sources/mlflow-prod", admin)["scopes"][0]
        states.append((row["state"], scope["late"], row["due_at"] == scope["due_at"]))
        put_back(operated.database, 1)

    assert states == [("on_time", False, True), ("on_time", False, True), ("late", True, True)]


def test_coverage_visibility(operated: Service) -> None:
    """A reader of one namespace learns of the sources and workspaces of that one only."""
    elsewhere = operated.token(namespaces=["wholesale"])
    seen = operated.get("coverage", elsewhere)["items"]
    nowhere = operated.get("coverage", operated.token(namespaces=["marketing"]))["items"]

    assert [(r["source"], r["scope"]) for r in seen] == [
        ("idle", None), ("mlflow-prod", "registry/team-b"),
    ]  # fmt: skip
    assert nowhere == []
    (shown,) = operated.get("namespaces", elsewhere)["items"]
    (own,) = shown.pop("roles")  # who is no admin sees the roles that are his
    assert (own["role"], own["everywhere"]) == ("reader", False)
    assert shown == {
        "namespace": "wholesale", "models": 0, "versions": 0, "uses": 0, "deployments": 0,
        "sources": 2, "named_by": ["idle", "mlflow-prod"],
    }  # fmt: skip


def test_namespaces(operated: Service) -> None:
    """What exists, with what is there and not gone."""
    found = operated.get("namespaces")["items"]

    assert [(n["namespace"], n["models"], n["versions"], n["sources"]) for n in found] == [
        ("retail", 1, 1, 3), ("wholesale", 0, 0, 2),
    ]  # fmt: skip


def test_harvests_listed_and_read(operated: Service) -> None:
    """Newest first, in pages, by outcome, scope and time; one by its id, with all that it said."""
    admin = operated.token("admin")
    path = "sources/mlflow-prod/harvests"
    failed, complete = operated.get(path, admin)["items"]
    first = operated.get(path, admin, page_size="1")
    second = operated.get(path, admin, page_size="1", page_token=first["next_page_token"])

    assert [one["scope"] for one in (failed, complete)] == ["registry/team-b", "registry/default"]
    assert first["items"] + second["items"] == [failed, complete]
    assert second["next_page_token"] is None
    assert operated.get(path, admin, outcome="complete")["items"] == [complete]
    assert operated.get(path, admin, outcome="failed,running")["items"] == [failed]
    assert operated.get(path, admin, scope="registry/default")["items"] == [complete]
    assert operated.get(path, admin, since=failed["opened_at"])["items"] == [failed]
    assert failed["report"]["error"] == "boom"
    one = operated.get(complete["url"], admin)
    assert one == complete
    assert one["report"]["counts"] == {"excluded": 3, "prompts_left_out": 1}
    for wrong in ("outcome=good", "since=yesterday", "page_size=0", "sort=scope"):
        assert operated.ask("GET", f"{path}?{wrong}", admin).status_code == 422, wrong


def test_harvests_of_others(operated: Service) -> None:
    """A source's token reads its own harvests; another's are not there for it."""
    admin = operated.token("admin")
    url = operated.get("sources/mlflow-prod/harvests", admin)["items"][0]["url"]
    own = operated.token("source", source_name="mlflow-prod")
    other = operated.token("source", source_name="idle")

    assert operated.ask("GET", url, own).status_code == 200
    assert operated.ask("GET", url, other).json()["code"] == "harvest_not_found"
    assert operated.ask("GET", f"harvests/{uuid7()}", admin).status_code == 404
    assert operated.ask("GET", "harvests/x", admin).status_code == 404


def test_harvest_running(service: Service) -> None:
    """A running harvest has no outcome yet, and is found as running."""
    source = make_source(service.database)
    Sweep(service.database, source, coverage=Coverage.DELTA)
    admin = service.token("admin")
    (running,) = service.get("sources/mlflow-prod/harvests", admin, outcome="running")["items"]

    assert (running["outcome"], running["report"], running["closed_at"]) == (None, None, None)
    assert running["coverage"] == "delta"


def test_quarantine_filtered(operated: Service) -> None:
    """By source, code and kind, in pages."""
    admin = operated.token("admin")
    source = make_source(operated.database, namespaces={"team-b": "wholesale"})
    for number in range(3):
        post(operated.database, source, {"x": number})
    whole = operated.get("quarantine", admin)["items"]
    first = operated.get("quarantine", admin, page_size="3")
    rest = operated.get("quarantine", admin, page_size="3", page_token=first["next_page_token"])

    assert len(whole) == 4
    assert first["items"] + rest["items"] == whole
    assert [
        r["subject"] for r in operated.get("quarantine", admin, code="unknown_fact")["items"]
    ] == ["model:mlflow:mlflow-prod/default/bad"]
    assert operated.get("quarantine", admin, source="idle")["items"] == []
    assert operated.get("quarantine", admin, what="held_back")["items"] == []
    assert len(operated.get("quarantine", admin, what="refused")["items"]) == 4


def test_operations_statements(operated: Service, statements: Statements) -> None:
    """Each list costs the same few statements, however many sources and harvests there are."""
    admin = operated.token("admin")
    paths = ("coverage", "namespaces", "quarantine", "sources/mlflow-prod/harvests")
    operated.get("coverage", admin)

    def counted() -> list[int]:
        found = []
        for path in paths:
            with statements() as said:
                operated.get(path, admin)
            found.append(len([one for one in said if "FROM token" not in one]))
        return found

    few = counted()
    for number in range(5):
        source = make_source(operated.database, f"more-{number}")
        sweep(operated.database, source, scope="registry/default", outcome=Outcome.FAILED)
    assert (few, counted()) == ([1, 1, 1, 2], [1, 1, 1, 2])
