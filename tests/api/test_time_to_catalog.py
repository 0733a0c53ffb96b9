"""Time to catalog: quantiles by source, kind and week; what was there before and clocks ahead."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.report_columns import REPORTS
from service.db import Database
from tests.api.test_stale import sweep
from tests.conftest import Statements
from tests.support.catalog import NOON, make_source, model, post, version
from tests.support.http import Service


def ago(**since: float) -> str:
    """A moment before now."""
    return (datetime.now(UTC) - timedelta(**since)).isoformat()


def run(name: str, **facts: Any) -> Any:
    """An observation of a training run."""
    about = {"kind": "training_run", "scheme": "mlflow", "value": f"mlflow-prod/default/{name}"}
    return {"subject": about, "observed_at": NOON, "facts": facts}


def long_declared(database: Database, name: str = "mlflow-prod") -> Any:
    """A source that was declared and read completely long ago."""
    source = make_source(database, name)
    sweep(database, source, scope="registry/default")
    with database.writing() as session:
        for table, columns in (("harvest", ("opened_at", "closed_at")),):
            moved = ", ".join(f"{column} = {column} - interval '60 days'" for column in columns)
            session.execute(sa.text(f"UPDATE {table} SET {moved}"))  # noqa: S608
    return source


def figures(service: Service, **asked: str) -> dict[tuple[Any, ...], Any]:
    """The rows of the report, by what they are of."""
    items = service.get("time-to-catalog", **asked)["items"]
    return {
        (row["part"], row["source"], row["kind"]): row for row in items if row["part"] != "week"
    }


def test_time_to_catalog(service: Service) -> None:
    """Versions made 10, 20, … 100 seconds before they were recorded: the quantiles say so."""
    source = long_declared(service.database)
    made = [version(n, created_at=ago(seconds=10 * n)) for n in range(1, 11)]
    sweep(service.database, source, model(), *made, scope="registry/default")
    found = figures(service)
    row = found["source_and_kind", "mlflow-prod", "version"]

    assert (row["count"], row["backfilled"], row["ahead"]) == (10, 0, 0)
    assert [55 <= row["p50"] < 85, 91 <= row["p90"] < 121] == [True, True]  # a slow machine's 30 s
    assert row["p50"] <= row["p90"] <= row["p95"] <= row["p99"] <= row["max"]
    assert 100 <= row["max"] < 130
    assert found["overall", None, None]["count"] == 10


def test_time_to_catalog_backfill(service: Service) -> None:
    """What was there before the first complete harvest of its scope is counted apart."""
    source = make_source(service.database)
    old = model(created_at=ago(hours=3)), version(1, created_at=ago(hours=2))
    sweep(service.database, source, *old, scope="registry/default")
    post(service.database, source, version(9, created_at=ago(days=9)))  # pushed: since declared
    new = version(2, created_at=ago(seconds=0))
    sweep(service.database, source, *old, new, scope="registry/default")
    found = figures(service)

    assert found["source_and_kind", "mlflow-prod", "model"]["backfilled"] == 1
    assert found["source_and_kind", "mlflow-prod", "model"]["p50"] is None
    row = found["source_and_kind", "mlflow-prod", "version"]
    assert (row["count"], row["backfilled"]) == (1, 2)
    assert row["max"] < 60


def test_time_to_catalog_ahead(service: Service) -> None:
    """An event in the future of its entry is counted apart, and is in no figure."""
    source = long_declared(service.database)
    sweep(service.database, source, model(), version(1, created_at=ago(hours=-2)),
          version(2, created_at=ago(seconds=1)), scope="registry/default")  # fmt: skip
    row = figures(service)["source_and_kind", "mlflow-prod", "version"]

    assert (row["count"], row["ahead"], row["backfilled"]) == (1, 1, 0)


def test_time_to_catalog_known_before(service: Service) -> None:
    """A run that was known while it ran counts from the row that brought its end."""
    source = long_declared(service.database)
    post(service.database, source, run("r1", status="RUNNING"))
    ended = rows_now(service.database)
    post(service.database, source, run("r1", status="FINISHED", ended_at=ended)
         | {"observed_at": "2026-11-21T12:00:00Z"})  # fmt: skip
    row = figures(service)["source_and_kind", "mlflow-prod", "training_run"]

    assert (row["count"], row["ahead"]) == (1, 0)
    assert 0 <= row["p50"] < 60


def rows_now(database: Database) -> str:
    """The database's clock."""
    with database.reading() as session:
        return str(session.execute(sa.select(sa.func.clock_timestamp())).scalar_one().isoformat())


def test_time_to_catalog_weeks(service: Service) -> None:
    """By the event's ISO week, in UTC, of the last twelve; older ones when they are asked for."""
    source = long_declared(service.database)
    times = [ago(weeks=1), ago(weeks=3), ago(weeks=3, seconds=1), ago(weeks=20)]
    made = [version(number, created_at=at) for number, at in enumerate(times)]
    sweep(service.database, source, model(), *made, scope="registry/default")
    rows = [row for row in service.get("time-to-catalog")["items"] if row["part"] == "week"]
    weeks = {f"{year}-W{week:02}" for year, week, _ in
             (datetime.fromisoformat(at).isocalendar() for at in times[:3])}  # fmt: skip

    assert {row["week"] for row in rows} == weeks
    assert sum(row["count"] for row in rows) == 3
    older = figures(service, since=ago(weeks=30)[:10])["overall", None, None]
    assert older["count"] + older["backfilled"] == 4


def test_time_to_catalog_filtered(service: Service) -> None:
    """By source, kind and namespace; names that do not exist and moments too far back are 422."""
    first = long_declared(service.database)
    second = make_source(service.database, "mlflow-other", namespace="wholesale")
    sweep(
        service.database,
        first,
        model(),
        version(1, created_at=ago(seconds=5)),
        scope="registry/default",
    )
    sweep(service.database, second, scope="registry/default")
    sweep(service.database, second, model("price", "mlflow-other", namespace="wholesale",
          created_at=ago(seconds=0)), scope="registry/default")  # fmt: skip

    def shown(token: str | None = None, **asked: str) -> set[tuple[str, str]]:
        items = service.get("time-to-catalog", token, **asked)["items"]
        return {(row["source"], row["kind"]) for row in items if row["part"] == "source_and_kind"}

    both = {("mlflow-prod", "version"), ("mlflow-other", "model")}
    assert shown() == both
    assert shown(source="mlflow-prod") == shown(kind="version") == {("mlflow-prod", "version")}
    assert shown(namespace="wholesale") == {("mlflow-other", "model")}
    assert shown(service.token(namespaces=["retail"])) == {("mlflow-prod", "version")}
    assert shown(service.token(namespaces=["retail"]), namespace="retail") == {
        ("mlflow-prod", "version")
    }
    for wrong in (
        "source=mlflow-prd",
        "namespace=retial",
        "kind=dataset",
        "since=2001-01-01",
        "week=1",
    ):
        assert service.ask("GET", f"time-to-catalog?{wrong}", service.reader).status_code == 422, (
            wrong
        )
    assert shown(kind="deployment") == set()


def test_time_to_catalog_files(service: Service, statements: Statements) -> None:
    """Files hold what the pages hold; a page is one statement, however much there is."""
    source = long_declared(service.database)
    made = model(created_at=ago(seconds=9)), version(1, created_at=ago(seconds=5))
    sweep(service.database, source, *made, scope="registry/default")
    items = service.get("time-to-catalog")["items"]
    first = service.get("time-to-catalog", page_size="2")
    rest = service.get("time-to-catalog", page_size="1000", page_token=first["next_page_token"])
    lines = service.ask("GET", "time-to-catalog.jsonl", service.reader).text.splitlines()
    text = service.ask("GET", "time-to-catalog.csv", service.reader).text
    records = list(csv.DictReader(io.StringIO(text)))

    assert first["items"] + rest["items"] == [json.loads(line) for line in lines] == items
    assert list(records[0]) == [column.name for column in REPORTS["time-to-catalog"]]
    assert [row["part"] for row in records] == [row["part"] for row in items]
    assert records[0]["part"] == "overall"
    with statements() as said:
        service.get("time-to-catalog")
    assert len([one for one in said if "FROM token" not in one]) == 1


@pytest.mark.parametrize("kind", ["deployment", "model"])
def test_time_to_catalog_kinds(service: Service, kind: str) -> None:
    """Deployments and models have events of their own."""
    source = long_declared(service.database)
    about = {"kind": "deployment", "scheme": "k8s", "value": "c/one"}
    served = {"subject": about, "observed_at": NOON, "facts": {"created_at": ago(seconds=7)}}
    what = {"deployment": served, "model": model(created_at=ago(seconds=7))}[kind]
    sweep(service.database, source, what, scope="registry/default")

    assert figures(service)["source_and_kind", "mlflow-prod", kind]["count"] == 1
