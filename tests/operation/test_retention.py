"""Old training runs leave the catalog; what was said of them, and what was shown, does not."""

from datetime import timedelta
from typing import Any, Final

import pytest

from schemas.harvest import Coverage
from service.db import Database
from service.ingest.rebuild import reconcile_all
from service.operation.retention import forget_training_runs
from tests.support.catalog import (
    NOON,
    OPERATOR,
    Sweep,
    changes,
    entries,
    make_source,
    post,
    rows,
    version,
)
from tests.support.http import opened

LONG_AGO: Final = "2020-01-01T00:00:00Z"
YEAR: Final = timedelta(days=365)


def run(name: str, *, ended_at: str | None = LONG_AGO, at: str = NOON, **facts: Any) -> Any:
    """An observation of a training run."""
    return {
        "subject": identifier(name),
        "observed_at": at,
        "facts": {"name": name, "ended_at": ended_at, "datasets": [trained_on()]} | facts,
    }


def identifier(name: str) -> dict[str, str]:
    """A training run as others name it."""
    return {"kind": "training_run", "scheme": "mlflow", "value": f"mlflow-prod/{name}"}


def trained_on() -> dict[str, Any]:
    """A dataset, linked."""
    dataset = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
    return {"dataset": dataset, "role": "training"}


@pytest.fixture
def filled(database: Database) -> Database:
    """Runs that ended long ago, lately, never; referred to by a version, and by another run."""
    source = make_source(database)
    now = rows(database, 'SELECT to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')')[0][0]
    post(
        database, source, run("old"), run("new", ended_at=now), run("open", ended_at=None),
        run("parent"), run("child", ended_at=now, parent=identifier("parent")), run("trained"),
        version(1, training_run=identifier("trained")),
    )  # fmt: skip
    return database


def names(database: Database) -> set[str]:
    """The training runs that the catalog shows."""
    return {name for (name,) in rows(database, "SELECT name FROM training_run")}


def test_forget_old(filled: Database) -> None:
    """What ended so long ago and is not referred to goes; a second look finds nothing."""
    kept = entries(filled).keys() - {"training_run:mlflow:mlflow-prod/old"}
    before = names(filled)

    planned = forget_training_runs(filled, after=YEAR, dry_run=True)
    done = [forget_training_runs(filled, after=YEAR) for _ in range(2)]

    assert (planned, before - names(filled), done) == (1, {"old"}, [1, 0])
    assert entries(filled).keys() == kept


def test_forget_ledger(filled: Database) -> None:
    """Each has a row in the ledger that says what it was known by, and why it went."""
    forget_training_runs(filled, after=YEAR)

    (row,) = [one for one in changes(filled) if one["op"] == "forget"]
    assert (row["kind"], row["actor"]["id"]) == ("training_run", "retention")
    assert row["old"] == {"identifiers": ["training_run:mlflow:mlflow-prod/old"]}
    assert row["reason"] == "ended more than 365 days ago, and nothing refers to it"


def test_forget_keeps_what_was_said(filled: Database) -> None:
    """Observations, history and the ledger stay: the past answers as it did."""
    said = "SELECT count(*) FROM observation"
    before = rows(filled, said)
    ((gone,),) = rows(filled, "SELECT id FROM training_run WHERE name = 'old'")

    forget_training_runs(filled, after=YEAR)

    assert rows(filled, said) == before
    for table in ("training_run_history", "entry_history"):
        found = rows(filled, f"SELECT count(*) FROM {table} WHERE id = :gone", gone=gone)  # noqa: S608
        assert found == [(1,)]


def test_forget_nothing_left_over(filled: Database) -> None:
    """No row names it any more, and folding everything again brings nothing back."""
    forget_training_runs(filled, after=YEAR)

    assert list(reconcile_all(filled, actor=OPERATOR, dry_run=True)) == []
    assert names(filled) == {"new", "open", "parent", "child", "trained"}
    left = "SELECT count(*) FROM sighting JOIN subject ON id = subject_id WHERE value LIKE '%/old'"
    assert rows(filled, left) == [(0,)]


def test_forget_then_harvested_again(filled: Database) -> None:
    """A delta harvest that does not read it leaves it forgotten; one that does makes it anew."""
    source = make_source(filled)
    forget_training_runs(filled, after=YEAR)

    sweep = Sweep(filled, source, scope="training_runs/default", coverage=Coverage.DELTA)
    sweep.send(run("newer", ended_at="2026-11-20T11:00:00Z"))
    sweep.close()
    assert "old" not in names(filled)

    again = Sweep(filled, source, scope="training_runs/default", coverage=Coverage.DELTA)
    again.send(run("old", at="2026-11-21T12:00:00Z"))
    again.close()
    assert "old" in names(filled)
    assert forget_training_runs(filled, after=YEAR) == 1


def test_forget_served(filled: Database) -> None:
    """Readers do not find it any more; the list of the others is whole."""
    with opened(filled) as service:
        forget_training_runs(filled, after=YEAR)
        listed = service.get("/api/v1/training-runs")["items"]

    assert len(listed) == 5
