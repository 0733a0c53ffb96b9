"""Training runs of a real server: what is read, when it is read again, and what goes."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from time import time
from typing import Any, Final
from uuid import uuid4

import pytest

from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place
from tests.harvesters.mlflow.conftest import NOON
from tests.harvesters.mlflow.runs import Runs
from tests.support.mlflow_server import MlflowServer

DAY: Final = timedelta(hours=25)
START: Final = int(NOON.timestamp() * 1_000) - 86_400_000
CHILDREN: Final = ("params", "latest_metrics", "metrics", "tags")


@pytest.fixture
def runs(place: Place) -> Runs:
    """Harvests of the workspace."""
    return Runs(place)


@pytest.fixture
def experiment(writer: Any) -> str:
    """The id of the workspace's experiment."""
    return str(writer.get_experiment_by_name("first").experiment_id)


def purge(server: MlflowServer, run_id: str) -> None:
    """What `mlflow gc` does."""
    with closing(sqlite3.connect(server.database)) as connection, connection:
        for table in (*CHILDREN, "runs"):
            connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run_id,))  # noqa: S608


def make_many(server: MlflowServer, experiment: str, starts: Sequence[int]) -> list[str]:
    """Training runs by the rows that MLflow's own store would write."""
    rows = [
        {"run_uuid": uuid4().hex, "name": f"run {n}", "source_type": "LOCAL", "user_id": "ada",
         "status": "FINISHED", "start_time": start, "end_time": start + 1,
         "lifecycle_stage": "active", "experiment_id": int(experiment), "artifact_uri": "x:/y"}
        for n, start in enumerate(starts)
    ]  # fmt: skip
    names = rows[0].keys()
    with closing(sqlite3.connect(server.database)) as connection, connection:
        connection.executemany(
            f"INSERT INTO runs ({', '.join(names)}) VALUES ({', '.join(f':{n}' for n in names)})",  # noqa: S608
            rows,
        )
    return [str(row["run_uuid"]) for row in rows]


def test_runs_unchanged(writer: Any, experiment: str, runs: Runs) -> None:
    """A second harvest of unchanged training runs posts nothing, a complete one neither."""
    for name in ("open", "ended"):
        run = writer.create_run(experiment, run_name=name).info.run_id
        writer.log_metric(run, "auc", 0.5)
    writer.set_terminated(run)
    runs.harvest()
    assert len(runs.posted()) == 2

    for later in (timedelta(minutes=1), DAY):
        runs.harvest(later=later)
        assert runs.posted() == []


def test_runs_dataset_unchanged(writer: Any, experiment: str, runs: Runs) -> None:
    """One that never ended, though read each time, does not outdo what began after it."""
    from mlflow.entities import Dataset, DatasetInput  # noqa: PLC0415  # slow, prepared

    writer.create_registered_model("churn")
    for start, records in ((START, 1_000), (START + 10**7, 5_000)):
        source, profile = '{"uri": "s3://lake/churn"}', f'{{"num_rows": {records}}}'
        read = Dataset("churn", f"d{records}", "s3", source, profile=profile)
        run = writer.create_run(experiment, start_time=start).info.run_id
        writer.log_inputs(run, [DatasetInput(read, [])])
        if records == 1_000:  # the older one, which stays open
            writer.create_model_version("churn", "s3://models/churn/1", run)
        else:
            writer.set_terminated(run, end_time=start + 1)
    runs.harvest()
    assert runs.facts("s3://lake/churn")["records"] == 5_000

    for later in (timedelta(hours=1), timedelta(hours=1), DAY):
        runs.harvest(later=later)
        assert runs.posted() == []


@pytest.mark.parametrize("ended", [None, 1_000, START - 10**10])
def test_runs_open(writer: Any, experiment: str, runs: Runs, ended: int | None) -> None:
    """An open training run is read until it has ended, whatever end time its client writes."""
    run = writer.create_run(experiment, start_time=START).info.run_id
    writer.create_registered_model("churn")
    writer.create_model_version("churn", "s3://models/churn/1", run)
    runs.harvest()
    writer.create_run(experiment)  # so that the walks begin after the open one
    runs.harvest(later=timedelta(hours=1))
    writer.log_metric(run, "auc", 0.9)
    runs.harvest(later=timedelta(hours=1))
    assert runs.facts(run)["metrics"] == {"auc": 0.9}
    assert runs.facts("churn/1")["metrics"] == [{"name": "auc", "value": 0.9}]

    writer.log_metric(run, "auc", 0.95)
    writer.set_terminated(run, "FAILED", end_time=ended)
    runs.harvest(later=timedelta(hours=1))

    assert runs.facts(run)["status"] == "FAILED"
    assert runs.facts("churn/1")["metrics"] == [{"name": "auc", "value": 0.95}]
    runs.harvest(later=timedelta(hours=1))
    assert runs.posted() == []


def test_runs_open_of_old_version(writer: Any, experiment: str, runs: Runs) -> None:
    """Where versions are not all listed, the one of an open training run is found by it."""
    run = writer.create_run(experiment).info.run_id
    writer.create_registered_model("churn")
    writer.create_model_version("churn", "s3://models/churn/1", run)
    for walk in (True, False):
        runs.harvest(walk=walk)
        runs.harvest(later=timedelta(hours=1), listed=False, walk=walk)
        writer.log_metric(run, "auc", 0.9, step=int(walk))
        runs.harvest(later=timedelta(hours=1), listed=False, walk=walk)
        assert runs.facts("churn/1")["metrics"] == [{"name": "auc", "value": 0.9}]


def test_runs_late(writer: Any, experiment: str, runs: Runs, mlflow_server: MlflowServer) -> None:
    """No time tells of a late tag, a deletion, or a run under an old date: a day later it does."""
    run = writer.create_run(experiment, start_time=START - 10**9).info.run_id
    writer.set_terminated(run, end_time=START - 10**9)
    writer.set_terminated(writer.create_run(experiment).info.run_id)
    runs.harvest()
    writer.set_tag(run, "approved", "yes")
    (old,) = make_many(mlflow_server, experiment, [START - 2 * 10**9])
    runs.harvest(later=timedelta(hours=1))
    assert runs.posted() == []

    runs.harvest(later=DAY)
    assert runs.facts(run)["tags"] == ["approved=yes"]
    assert runs.facts(old)["name"] == "run 0"

    writer.delete_run(run)
    runs.harvest(later=DAY)
    assert runs.posted() == [f"mlflow:{run}"]
    assert runs.facts(run)["lifecycle"] == "deleted"


def test_runs_deleted_experiment(writer: Any, experiment: str, runs: Runs) -> None:
    """Training runs of a deleted experiment are deleted; they revive with it."""
    run = writer.create_run(experiment).info.run_id
    for change in (writer.delete_experiment, writer.restore_experiment):
        change(experiment)
        runs.harvest(later=DAY)
        deleted = change == writer.delete_experiment
        assert runs.facts(run)["lifecycle"] == ("deleted" if deleted else "active")


@pytest.mark.parametrize("walk", [True, False])
def test_runs_purged(
    writer: Any, experiment: str, runs: Runs, mlflow_server: MlflowServer, *, walk: bool
) -> None:
    """A purged training run is gone; what it said of its version stays."""
    run = writer.create_run(experiment).info.run_id
    writer.log_metric(run, "auc", 0.9)
    writer.set_terminated(run)
    writer.create_run(experiment)
    writer.create_registered_model("churn")
    writer.create_model_version("churn", "s3://models/churn/1", run)
    runs.harvest(walk=walk)
    purge(mlflow_server, run)

    reports = runs.harvest(later=DAY, walk=walk)

    assert [report.outcome for report in reports] == ["complete"] * len(reports)
    assert f"mlflow:{run}" in runs.posted()
    assert runs.said(run).gone
    assert runs.facts("churn/1")["metrics"] == [{"name": "auc", "value": 0.9}]
    if walk:  # else nobody has read all there are, and it is asked for once a day
        runs.harvest(later=DAY)
        assert runs.posted() == []


def test_runs_purged_open(
    writer: Any, experiment: str, runs: Runs, mlflow_server: MlflowServer
) -> None:
    """An open training run that is purged is gone in the next harvest."""
    run = writer.create_run(experiment, start_time=START).info.run_id
    writer.create_run(experiment)
    runs.harvest()
    purge(mlflow_server, run)
    runs.harvest(later=timedelta(minutes=1))
    assert [one.gone for one in runs.walked.posted] == [True]
    assert runs.said(run).gone


def test_runs_future(writer: Any, experiment: str, runs: Runs) -> None:
    """Start times of the year 10,000 and before 1970 hide no later training run."""
    odd = {at: writer.create_run(experiment, start_time=at).info.run_id for at in (-1, 10**18)}
    walked, _ = runs.harvest()
    assert walked.counts == {"time_dropped": 2}
    for at, run in odd.items():
        assert "started_at" not in runs.facts(run)
        assert runs.facts(run)["warnings"] == [
            f"started_at: {at} is no time between 1990 and tomorrow, in milliseconds"
        ]

    late = writer.create_run(experiment).info.run_id
    runs.harvest()
    assert f"mlflow:{late}" in runs.posted()


def test_runs_many(
    writer: Any,
    experiment: str,
    runs: Runs,
    mlflow_server: MlflowServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """1,200 training runs come in few calls, each once, also when half began at one time."""
    assert writer
    made = make_many(mlflow_server, experiment, [START] * 700 + list(range(START, START + 500)))
    asked: list[str] = []
    known = Registry.runs

    def counted(registry: Registry, *arguments: Any, **options: Any) -> Any:
        asked.append(arguments[1])
        return known(registry, *arguments, **options)

    monkeypatch.setattr(Registry, "runs", counted)
    runs.harvest()
    assert runs.posted() == sorted(f"mlflow:{run}" for run in made)
    assert len(asked) == 4
    runs.harvest(later=timedelta(hours=1))
    assert runs.posted() == []


def test_runs_window(
    writer: Any, experiment: str, place: Place, mlflow_server: MlflowServer
) -> None:
    """With a window, what is older is read when a version refers to it, or while it is open."""
    day = 86_400_000
    now = int(time() * 1_000)
    old, referenced, new = make_many(mlflow_server, experiment, [now - 9 * day] * 2 + [now - day])
    still_open = writer.create_run(experiment, start_time=now - 9 * day).info.run_id
    long = writer.create_run(experiment, start_time=now - 9 * day).info.run_id
    writer.set_terminated(long, end_time=now - day)
    writer.create_registered_model("churn")
    writer.create_model_version("churn", "s3://models/x", referenced)
    runs = Runs(place, days=3)
    runs.harvest()
    told = {new, still_open, long, referenced}
    assert runs.posted() == ["mlflow-training:churn/1", *sorted(f"mlflow:{run}" for run in told)]
    assert old not in str(runs.posted())


def test_runs_resumed(writer: Any, experiment: str, runs: Runs) -> None:
    """A training run that was resumed is open and has an end; it is told once."""
    run = writer.create_run(experiment, start_time=START).info.run_id
    writer.set_terminated(run)
    writer.create_run(experiment)
    runs.harvest()
    writer.update_run(run, "RUNNING")
    writer.log_metric(run, "auc", float("nan"))
    walked, _ = runs.harvest(later=timedelta(minutes=1))
    assert runs.facts(run)["status"] == "RUNNING"
    assert walked.counts == {"metric_not_finite": 1}


def test_runs_excluded(writer: Any, experiment: str, place: Place) -> None:
    """What a training run says of a version of an excluded model is not said; itself is."""
    run = writer.create_run(experiment).info.run_id
    for name in ("churn", "tmp-churn"):
        writer.create_registered_model(name)
        writer.create_model_version(name, "s3://models/x", run)
    runs = Runs(place, exclude=["tmp-*"])
    runs.harvest()
    assert runs.posted() == ["mlflow-training:churn/1", f"mlflow:{run}"]


def test_runs_referenced(writer: Any, experiment: str, runs: Runs) -> None:
    """Without the walk only what versions refer to is read; a version names what never was."""
    run = writer.create_run(experiment).info.run_id
    writer.create_run(experiment)
    writer.create_registered_model("churn")
    for named in (run, "0" * 32, "no such'); DROP"):
        writer.create_model_version("churn", "s3://models/x", named)
    (report,) = runs.harvest(walk=False, listed=False)
    assert report.outcome == "complete"
    gone = [one.subject.value for one in runs.referenced.current.values() if one.gone]
    assert [runs.short(value) for value in gone] == ["0" * 32]
    assert [value for value in runs.posted() if run in value or "churn" in value] == [
        "mlflow-training:churn/1", f"mlflow:{run}",
    ]  # fmt: skip
