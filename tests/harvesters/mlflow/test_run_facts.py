"""Training runs of a real server: their facts, and what they say of versions and datasets."""

from datetime import timedelta
from importlib import import_module
from typing import Any, Final

import pytest

from harvesters.mlflow.names import Place
from tests.harvesters.mlflow.conftest import NOON
from tests.harvesters.mlflow.runs import GIT, Runs

COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
DAY: Final = timedelta(hours=25)
START: Final = int(NOON.timestamp() * 1_000) - 86_400_000
FOREST: Final = "sklearn.ensemble._forest.RandomForestClassifier"
CODE: Final = {
    f"{GIT}commit": COMMIT, f"{GIT}branch": "main",
    f"{GIT}repoURL": "git@github.com:Acme/Churn.git",
}  # fmt: skip
OWN: Final = {
    "mlflow.user": "ada", "mlflow.source.name": "train.py", "team": "ds", "estimator_class": FOREST,
}  # fmt: skip
SAID_OF_CODE: Final = {
    "source_commit": COMMIT, "source_branch": "main",
    "repository": {"kind": "repository", "scheme": "url", "value": "https://github.com/acme/churn"},
}  # fmt: skip


@pytest.fixture
def runs(place: Place) -> Runs:
    """Harvests of the workspace."""
    return Runs(place)


@pytest.fixture
def experiment(writer: Any) -> str:
    """The id of the workspace's experiment."""
    return str(writer.get_experiment_by_name("first").experiment_id)


def test_runs_facts(writer: Any, experiment: str, runs: Runs) -> None:
    """A training run says what was logged to it; its version what follows, apart."""
    parent = writer.create_run(experiment, run_name="sweep", start_time=START).info.run_id
    tags = CODE | OWN | {"mlflow.parentRunId": parent}
    run = writer.create_run(experiment, START, tags, "one").info.run_id
    writer.log_param(run, "depth", "3")
    writer.log_metric(run, "auc", 0.7)
    writer.log_metric(run, "auc", 0.81, step=1)
    writer.set_terminated(run, end_time=START + 60_000)
    writer.create_registered_model("churn")
    writer.create_model_version("churn", "s3://models/churn/1", run)

    walked, referenced = runs.harvest()

    place, version = runs.place, f"mlflow-prod/{runs.place.workspace}/churn/1"
    assert runs.facts(run) == {
        "name": "one", "experiment": experiment, "status": "FINISHED", "lifecycle": "active",
        "started_at": "2026-11-23T12:00:00.000000Z", "ended_at": "2026-11-23T12:01:00.000000Z",
        "created_by": "ada", "source_name": "train.py",
        "parent": place.training_run(parent).model_dump(mode="json"),
        "params": {"depth": "3"}, "metrics": {"auc": 0.81},
        "tags": [f"estimator_class={FOREST}", "team=ds"],
        "logged_models": [], "datasets": [], "warnings": [], **SAID_OF_CODE,
    }  # fmt: skip
    assert runs.facts(parent)["status"] == "RUNNING"
    assert runs.facts(parent)["ended_at"] is None
    trained = runs.said("churn/1")
    assert trained.subject.scheme == "mlflow-training"
    assert [str(other) for other in trained.same_as] == [f"version:mlflow:{version}"]
    assert trained.inferred == ("model_class", "origin")
    assert runs.facts("churn/1") == {
        **SAID_OF_CODE, "metrics": [{"name": "auc", "value": 0.81}],
        "origin": "in_house", "model_class": "tree_or_ensemble",
    }  # fmt: skip
    page = f"{place.uri}/#/experiments/{experiment}/runs/{run}?workspace={place.workspace}"
    assert trained.evidence.url == runs.said(run).evidence.url == page
    assert (walked.counts, referenced.counts) == ({}, {})
    assert runs.referenced.posted == []  # what the walk has read is not read again


def test_runs_odd(writer: Any, experiment: str, runs: Runs) -> None:
    """What MLflow takes and the catalog cannot hold is dropped alone, counted and said."""
    metrics = {"inf": float("inf"), "minus": float("-inf"), "nan": float("nan"), "auc": 0.5}
    names = ["مرحبا", """a/b:c%2F"'""", "x" * 250, "Churn", "churn", "a\tb"]
    made = [writer.create_run(experiment, run_name=name).info.run_id for name in names]
    for name, value in metrics.items():
        writer.log_metric(made[0], name, value)
    for number in range(205):
        writer.log_param(made[0], f"p{number:03}", number)
    writer.set_tag(made[0], "long", "x" * 8_000)
    writer.set_tag(made[0], "catalog.comit", "x")

    walked, _ = runs.harvest()

    assert [runs.facts(run)["name"] for run in made] == [*names[:-1], None]
    facts = runs.facts(made[0])
    assert facts["metrics"] == {"auc": 0.5, "inf": None, "minus": None, "nan": None}
    assert len(facts["params"]) == 200
    assert len(facts["warnings"]) == 6
    assert walked.counts == {
        "metric_not_finite": 3, "param_beyond_200": 5, "tag_dropped": 1,
        "catalog_tag_unknown": 1, "text_dropped": 1,
    }  # fmt: skip
    assert walked.skipped == ()


def test_runs_datasets(writer: Any, experiment: str, runs: Runs) -> None:
    """Each dataset is told once, as the training run shows it that began last."""
    mlflow: Any = import_module("mlflow.entities")

    def read(run: str, name: str, kind: str, source: str, **tags: str) -> None:
        dataset = mlflow.Dataset(name, "3f2a9c0d", kind, source, "[]", '{"num_rows": 7}')
        named = [mlflow.InputTag(key.replace("_", "."), value) for key, value in tags.items()]
        writer.log_inputs(run, [mlflow.DatasetInput(dataset, named)])

    first, last = (writer.create_run(experiment, START + n).info.run_id for n in (0, 1))
    read(last, "new", "s3", '{"uri": "s3://lake/churn"}', mlflow_data_context="train")
    read(first, "old", "s3", '{"uri": "s3a://lake/churn/"}', mlflow_data_context="eval")
    read(first, "dataset", "code", "{}", catalog_uri="gs://lake/x", mlflow_data_context="val")
    read(last, "a/b", "local", '{"uri": "/home/ada/x.csv"}')

    runs.harvest()

    own = f"{experiment}/a%2Fb/3f2a9c0d"
    assert [one for one in runs.posted() if not one.endswith((first, last))] == [
        f"mlflow:{own}", "uri:gs://lake/x", "uri:s3://lake/churn",
    ]  # fmt: skip
    assert runs.facts("s3://lake/churn") == {
        "name": "new", "uri": "s3://lake/churn", "source_type": "s3", "schema": "[]", "records": 7,
    }  # fmt: skip
    linked = {
        run: {(one["dataset"]["value"], one.get("role")) for one in runs.facts(run)["datasets"]}
        for run in (first, last)
    }
    assert linked == {
        first: {("s3://lake/churn", "test"), ("gs://lake/x", "validation")},
        last: {
            ("s3://lake/churn", "training"),
            (f"mlflow-prod/{runs.place.workspace}/{own}", None),
        },
    }
    runs.harvest(later=DAY)
    assert runs.posted() == []


def test_runs_logged_model(writer: Any, experiment: str, runs: Runs) -> None:
    """A version that names only a logged model was made by that one's training run."""
    run = writer.create_run(experiment).info.run_id
    writer.log_metric(run, "auc", 0.9)
    made = writer.create_logged_model(experiment, name="m", source_run_id=run)
    writer.log_outputs(run, [_output(made.model_id)])
    writer.create_registered_model("churn")
    writer.create_model_version("churn", f"models:/{made.model_id}", model_id=made.model_id)
    runs.harvest()
    assert runs.facts(run)["logged_models"] == [runs.place.logged_model(made.model_id)]
    assert runs.facts("churn/1")["metrics"] == [{"name": "auc", "value": 0.9}]


def test_runs_same_normal_form(writer: Any, experiment: str, runs: Runs) -> None:
    """Of two models whose names have one normal form the versions of the first are told."""
    for name, value in (("Cafe\u0301", 0.1), ("Caf\u00e9", 0.2)):
        run = writer.create_run(experiment).info.run_id
        writer.log_metric(run, "auc", value)
        writer.create_registered_model(name)
        writer.create_model_version(name, "s3://models/x", run)
    runs.harvest()
    assert [one for one in runs.posted() if "Caf" in one] == ["mlflow-training:Caf\u00e9/1"]
    assert runs.facts("Caf\u00e9/1")["metrics"] == [{"name": "auc", "value": 0.1}]


def _output(model_id: str) -> Any:
    from mlflow.entities import LoggedModelOutput  # noqa: PLC0415

    return LoggedModelOutput(model_id, 0)
