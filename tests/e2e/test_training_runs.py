"""Training runs of a real server in the catalog: what is read, when it is read again, what goes."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest

from harvesters.mlflow.client import Registry
from harvesters.mlflow.experiments import ExperimentWalk
from harvesters.mlflow.sweep import RegistrySweep
from harvesters.mlflow.training import TrainingSweep
from harvesters.runner import harvest
from harvesters.sink import HttpSink
from schemas.harvest import HarvestReport
from service.db import Database
from tests.e2e.site import Site, Workspace
from tests.support.catalog import entries, rows
from tests.support.mlflow_server import MlflowServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GIT = {
    "mlflow.source.git.commit": COMMIT,
    "mlflow.source.git.branch": "main",
    "mlflow.source.git.repoURL": "git@github.com:Acme/Churn.git",
}
START = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp() * 1_000)
DAY = timedelta(hours=25)


class Harvests:
    """Harvests all scopes of a source, one after the other, at times of its own."""

    def __init__(self, site: Site) -> None:
        """Begin now."""
        self.site, self.later = site, timedelta()

    def __call__(
        self, source: str = "mlflow-prod", *, later: timedelta = timedelta(), **options: Any
    ) -> dict[str, HarvestReport]:
        """Harvest so much later than the last time; answers the reports by scope."""
        self.later += later
        place = self.site.places[source]
        registry = Registry(place.uri, workspace=place.workspace)
        readers: list[Any] = [
            RegistrySweep(registry, place, clock=self.now, **options),
            ExperimentWalk(registry, place, clock=self.now, **options),
            TrainingSweep(registry, place, clock=self.now, **options),
        ]
        sink = HttpSink(self.site.url, self.site.tokens[source], source=source)
        with closing(sink.http):
            done = [harvest(reader, sink) for reader in readers]
        return {report.scope.partition("/")[0]: report for report in done}

    def now(self) -> datetime:
        """Our clock."""
        return datetime.now(UTC) + self.later


@pytest.fixture
def harvests(site: Site, registry: Workspace) -> Harvests:
    """Harvests of a declared workspace."""
    site.declare(registry)
    return Harvests(site)


@pytest.fixture
def experiment(registry: Workspace) -> str:
    """The id of the workspace's experiment."""
    return str(registry.get_experiment_by_name("first").experiment_id)


def entry(database: Database, value: str) -> Any:
    """The entry of the thing whose identifier ends so."""
    return next(one for name, one in entries(database).items() if name.endswith(value))


def stated(database: Database, value: str) -> dict[str, Any]:
    """Its facts that are stated."""
    (facts,) = entry(database, value)["facts"]
    known = facts["provenance"].keys()
    return {n: v for n, v in facts.items() if n in known or n.removesuffix("_id") in known}


def test_training_run(
    harvests: Harvests, registry: Workspace, experiment: str, database: Database
) -> None:
    """A training run is cataloged with its dataset; its version shows what it says of it."""
    entities: Any = import_module("mlflow.entities")
    parent = registry.create_run(experiment, run_name="sweep").info.run_id
    tags = {**GIT, "mlflow.parentRunId": parent}
    run = registry.create_run(experiment, START, tags, "one").info.run_id
    registry.log_metric(run, "auc", 0.81)
    source = '{"uri": "s3a://Lake/churn/"}'
    read = entities.Dataset("churn", "3f2a9c0d", "s3", source, "{}", "{}")
    context = [entities.InputTag("mlflow.data.context", "train")]
    registry.log_inputs(run, [entities.DatasetInput(read, context)])
    registry.set_terminated(run, end_time=START + 60_000)
    registry.create_registered_model("churn")
    registry.create_model_version("churn", "s3://models/churn/1", run)

    reports = harvests()

    assert {scope: one.outcome for scope, one in reports.items()} == {
        "registry": "complete", "experiments": "complete", "training_runs": "complete",
    }  # fmt: skip
    assert [(one.refused, one.skipped) for one in reports.values()] == [(0, ())] * 3
    here = f"mlflow-prod/{registry.name}"
    repository = "repository:url:https://github.com/acme/churn"
    shown = stated(database, run)
    assert (shown["name"], shown["status"], shown["metrics"]) == ("one", "FINISHED", {"auc": 0.81})
    assert shown["parent_id"] == f"training_run:mlflow:{here}/{parent}"
    assert shown["repository_id"] == repository
    version = stated(database, "churn/1")
    assert {name: version[name] for name in ("source_commit", "repository_id", "origin")} == {
        "source_commit": COMMIT, "repository_id": repository, "origin": "in_house",
    }  # fmt: skip
    assert version["metrics"] == [{"name": "auc", "value": 0.81}]
    assert version["training_run_id"] == f"training_run:mlflow:{here}/{run}"
    for value in (run, "churn/1"):
        (link,) = entry(database, value)["links"]
        assert (link["field"], link["target_id"], link["role"], link["digest"]) == (
            "datasets", "dataset:uri:s3://lake/churn", "training", "mlflow:3f2a9c0d",
        )  # fmt: skip


def test_training_runs_unchanged(
    harvests: Harvests, site: Site, registry: Workspace, experiment: str
) -> None:
    """Harvested again, and in full a day later, unchanged training runs write nothing."""
    for _ in range(3):
        run = registry.create_run(experiment).info.run_id
        registry.log_metric(run, "auc", 0.5)
    registry.set_terminated(run)
    registry.create_registered_model("churn")
    registry.create_model_version("churn", "s3://models/churn/1", run)
    harvests()
    before = site.written()
    for later in (timedelta(minutes=1), DAY):
        reports = harvests(later=later)
        assert {one.outcome for one in reports.values()} == {"complete"}
        assert site.written() == before


def test_training_runs_scopes_apart(
    harvests: Harvests, registry: Workspace, experiment: str, database: Database
) -> None:
    """Neither the registry's sweep nor the training run's takes away what the other says."""
    run = registry.create_run(experiment).info.run_id
    registry.log_metric(run, "auc", 0.5)
    registry.create_registered_model("churn")
    registry.create_model_version("churn", "s3://models/churn/1", run)
    harvests()
    changes: list[Any] = [
        (lambda: registry.set_model_version_tag("churn", "1", "a", "b"), 0.5, ["a=b"]),
        (lambda: registry.log_metric(run, "auc", 0.9, step=1), 0.9, ["a=b"]),
    ]
    for change, metrics, tags in changes:
        change()
        harvests()
        shown = stated(database, "churn/1")
        assert (shown["metrics"], shown["tags"]) == ([{"name": "auc", "value": metrics}], tags)


def test_training_runs_purged(
    harvests: Harvests,
    registry: Workspace,
    experiment: str,
    database: Database,
    mlflow_server: MlflowServer,
) -> None:
    """Five purged of thirty are gone a day later; their versions keep what they said."""
    runs = [registry.create_run(experiment).info.run_id for _ in range(30)]
    registry.log_metric(runs[0], "auc", 0.9)
    registry.create_registered_model("churn")
    registry.create_model_version("churn", "s3://models/churn/1", runs[0])
    harvests()
    registry.delete_run(runs[0])
    with closing(sqlite3.connect(mlflow_server.database)) as connection, connection:
        for run in runs[:5]:
            for table in ("tags", "metrics", "latest_metrics", "runs"):
                connection.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run,))  # noqa: S608

    reports = harvests(later=DAY)

    assert reports["experiments"].retired == 5
    gone = "SELECT count(*) FROM entry WHERE kind = 'training_run' AND gone_since IS NOT NULL"
    assert rows(database, gone) == [(5,)]
    assert stated(database, "churn/1")["metrics"] == [{"name": "auc", "value": 0.9}]
    assert entry(database, "churn/1")["gone_since"] is None


def test_training_runs_two_workspaces(
    harvests: Harvests, site: Site, registry: Workspace, other_registry: Workspace,
    database: Database,
) -> None:  # fmt: skip
    """Training runs of two workspaces are read each for itself, equal names stay apart."""
    site.declare(other_registry, source="mlflow-other", namespace="wholesale")
    for workspace, value in ((registry, 0.1), (other_registry, 0.2)):
        experiment = workspace.get_experiment_by_name("first").experiment_id
        run = workspace.create_run(experiment, run_name="one").info.run_id
        workspace.log_metric(run, "auc", value)
        workspace.create_registered_model("churn")
        workspace.create_model_version("churn", "s3://models/churn/1", run)
    for source in ("mlflow-prod", "mlflow-other"):
        harvests(source)
    for workspace, value in ((registry, 0.1), (other_registry, 0.2)):
        shown = stated(database, f"{workspace.name}/churn/1")
        assert shown["metrics"] == [{"name": "auc", "value": value}]
    assert rows(database, "SELECT count(*) FROM training_run") == [(2,)]
