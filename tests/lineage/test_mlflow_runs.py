"""Runs of OpenLineage that are runs of MLflow: they and their versions hang together."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.lineage.openlineage import read_event
from tests.lineage.events import (
    FLOW,
    MLFLOW_RUN,
    REGISTRY,
    RUN,
    Poster,
    count,
    dataset,
    event,
    linked,
)
from tests.support.catalog import make_source, model, post, rows, version

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
MLFLOW_FACETS: dict[str, Any] = {
    "mlflow": {"mlflow": {"run_id": MLFLOW_RUN, "tracking_uri": "https://mlflow.acme.example"}},
    "mlflow_run": {"mlflow_run": {"runId": MLFLOW_RUN, "experimentId": "1"}},
    "mlflowRunId": {"mlflowRunId": {"runUUID": MLFLOW_RUN}},
    "tags": {"tags": {"tags": [{"key": "mlflow.run_id", "value": MLFLOW_RUN, "source": "USER"}]}},
}
TRAINED = {"kind": "training_run", "scheme": "mlflow", "value": f"{REGISTRY}/default/{MLFLOW_RUN}"}


@pytest.mark.parametrize("facets", MLFLOW_FACETS)
def test_read_event_mlflow(facets: str) -> None:
    """However a run tells of its MLflow run, it is read; what is no such id is none."""
    (run,) = read_event(
        event(run_facets=MLFLOW_FACETS[facets]), source=FLOW, zone=None, now=NOW
    ).heard

    assert run.facts["tags"] == [f"mlflow.run_id={MLFLOW_RUN}"]


@pytest.mark.parametrize("key", [{}, [], None, 7, "mlflow.run_ids"])
def test_read_event_no_run(key: Any) -> None:
    """A tag whose name is none of MLflow's, or no text, names no run and stops nothing."""
    tags = {"tags": {"tags": [{"key": key, "value": MLFLOW_RUN}]}}

    (run,) = read_event(event(run_facets=tags), source=FLOW, zone=None, now=NOW).heard

    assert "tags" not in run.facts


@pytest.mark.parametrize("settings", [{"mlflow": 7}, {"mlflow": [{}]}, {"zone": ["UTC"]}])
def test_odd_settings(flow: Poster, settings: Any) -> None:
    """Settings of the source that mean nothing stop nothing either."""
    make_source(flow.service.database, FLOW, kind="openlineage", settings=settings)

    flow.post(event(run_facets=MLFLOW_FACETS["mlflow"]))


@pytest.mark.parametrize("first", ["mlflow", "openlineage"])
def test_run_of_mlflow(flow: Poster, first: str) -> None:
    """A run that names its MLflow run is that run, whoever spoke of it first."""
    database = flow.service.database

    def registry() -> None:
        source = make_source(database, REGISTRY)
        post(database, source, model(), version(1, training_run=TRAINED))

    if first == "mlflow":
        registry()
    flow.post(event("COMPLETE", run_facets=MLFLOW_FACETS["mlflow"], inputs=[dataset("a")]))
    if first == "openlineage":
        registry()

    found = flow.service.get("models/retail/churn/versions/1")
    (reference,) = [one for one in found["references"] if one["fact"] == "training_run"]
    run = flow.service.get(reference["url"])
    assert linked(run["facts"]) == ["s3://lake/a"]
    assert run["facts"]["job"] == "scheduler/train-churn"


def test_run_of_mlflow_several_servers(flow: Poster) -> None:
    """Where two servers could hold it, nothing is guessed: it is joined once one is known to."""
    database = flow.service.database
    make_source(database, "mlflow-staging")
    told = event(run_facets=MLFLOW_FACETS["mlflow"])
    flow.post(told)
    assert count(flow.service, "entry") == 1

    post(database, make_source(database, REGISTRY), model(), version(1, training_run=TRAINED))
    flow.post(event("COMPLETE", run_facets=MLFLOW_FACETS["mlflow"]))

    assert len(rows(database, "SELECT 1 FROM entry WHERE kind = 'training_run' "
                    "AND merged_into IS NULL")) == 1  # fmt: skip


def test_run_of_mlflow_stated_server(flow: Poster) -> None:
    """The source's setting names the server that its runs are logged to."""
    database = flow.service.database
    make_source(database, "mlflow-staging")
    make_source(database, FLOW, kind="openlineage", settings={"mlflow": REGISTRY})

    flow.post(event(run_facets=MLFLOW_FACETS["mlflow"]))

    found = flow.service.get(f"training-runs/openlineage:{FLOW}%2F{RUN}")
    assert f"mlflow:{REGISTRY}/default/{MLFLOW_RUN}" in found["identifiers"]
