"""OpenLineage's own Python client as the sender: what its users write reaches the catalog."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import (
    DatasetEvent,
    InputDataset,
    Job,
    JobEvent,
    OutputDataset,
    Run,
    RunEvent,
    RunState,
    StaticDataset,
)
from openlineage.client.facet_v2 import (
    column_lineage_dataset,
    documentation_dataset,
    ownership_dataset,
    parent_run,
    schema_dataset,
    source_code_location_job,
    tags_run,
)
from openlineage.client.transport.http import (
    ApiKeyTokenProvider,
    HttpCompression,
    HttpConfig,
    HttpTransport,
)
from requests import HTTPError

from tests.lineage.events import FLOW, MLFLOW_RUN, REGISTRY, Poster, dataset_of, linked, run_of
from tests.support.catalog import make_source, model, post, version

NOW = datetime.now(UTC) - timedelta(minutes=5)
JOB = Job("airflow-prod", "churn.train")
COMMIT = "9f" * 20


def transport(flow: Poster, **more: Any) -> HttpTransport:
    """The client's HTTP transport with a token, as its configuration makes it."""
    url = f"http://127.0.0.1:{flow.service.port}"
    auth = ApiKeyTokenProvider({"apiKey": flow.token})
    return HttpTransport(HttpConfig(url=url, auth=auth, timeout=60.0, **more))


@pytest.fixture
def client(flow: Poster, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The client, which finds no other configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    found = OpenLineageClient(transport=transport(flow))
    yield found
    found.close()


def told_run(run: str, kind: RunState, *, minute: int = 0, **more: Any) -> RunEvent:
    """A run of a job that says where its code stands."""
    code = source_code_location_job.SourceCodeLocationJobFacet(
        type="git", url="https://github.com/acme/churn/blob/main/train.py",
        repoUrl="git@github.com:acme/churn.git", version=COMMIT, branch="main",
    )  # fmt: skip
    job = Job(JOB.namespace, JOB.name, facets={"sourceCodeLocation": code})
    at = (NOW + timedelta(minutes=minute)).isoformat()
    facets = more.pop("facets", {})
    return RunEvent(eventTime=at, run=Run(run, facets=facets), job=job, eventType=kind, **more)


def features() -> InputDataset:
    """A dataset with all that the client can say of one."""
    field = schema_dataset.SchemaDatasetFacetFields(name="id", type="int")
    owner = ownership_dataset.Owner("team:data")
    facets: dict[str, Any] = {
        "schema": schema_dataset.SchemaDatasetFacet(fields=[field]),
        "documentation": documentation_dataset.DocumentationDatasetFacet("One row each."),
        "ownership": ownership_dataset.OwnershipDatasetFacet(owners=[owner]),
        "columnLineage": column_lineage_dataset.ColumnLineageDatasetFacet(fields={}),
    }
    return InputDataset("s3://lake", "churn/features", facets=facets)


def test_client_run(client: OpenLineageClient, flow: Poster) -> None:
    """Start and end of a run with all that the client can say of it, and where it leads."""
    database, run = flow.service.database, str(uuid4())
    tags = tags_run.TagsRunFacet([tags_run.TagsRunFacetFields("mlflow.run_id", MLFLOW_RUN)])
    parent = parent_run.ParentRunFacet(
        run=parent_run.Run(str(uuid4())), job=parent_run.Job("airflow-prod", "churn")
    )
    scores = OutputDataset("s3://lake", "churn/scores")

    client.emit(told_run(run, RunState.START, facets={"parent": parent}, inputs=[features()]))
    client.emit(told_run(run, RunState.COMPLETE, minute=1, facets={"tags": tags}, outputs=[scores]))

    facts = run_of(flow.service, run)
    assert (facts["status"], facts["job"], facts["source_commit"]) == (
        "FINISHED", "airflow-prod/churn.train", COMMIT,
    )  # fmt: skip
    assert linked(facts) == ["s3://lake/churn/features"]
    assert linked(facts, "outputs") == ["s3://lake/churn/scores"]
    assert "warnings" not in facts
    read = dataset_of(flow.service, "s3://lake/churn/features")
    assert read["description"] == "One row each."
    assert '"name":"id"' in read["schema"]

    trained = {"kind": "training_run", "scheme": "mlflow",
               "value": f"{REGISTRY}/default/{MLFLOW_RUN}"}  # fmt: skip
    post(database, make_source(database), model(), version(1, training_run=trained))
    graph = flow.service.get("models/retail/churn/lineage")
    assert "s3://lake/churn/features" in {one["name"] for one in graph["nodes"]}


def test_client_other_events(client: OpenLineageClient, flow: Poster) -> None:
    """Events of a job and of a dataset, as the client sends them."""
    client.emit(
        JobEvent(eventTime=NOW.isoformat(), job=JOB, inputs=[InputDataset("s3://lake", "a")])
    )
    client.emit(DatasetEvent(eventTime=NOW.isoformat(), dataset=StaticDataset("bigquery", "p.d.t")))

    assert dataset_of(flow.service, "s3://lake/a")["name"] == "a"
    assert dataset_of(flow.service, "bigquery/p.d.t", "openlineage")["name"] == "p.d.t"


def test_client_told_of_refusals(client: OpenLineageClient, flow: Poster) -> None:
    """What is refused raises in the client: a time without a zone, and a compressed body."""
    naive = datetime.now().isoformat()  # noqa: DTZ005  # as many write it
    with pytest.raises(HTTPError, match="422"):
        client.emit(DatasetEvent(eventTime=naive, dataset=StaticDataset("s3://lake", "a")))

    packed = OpenLineageClient(transport=transport(flow, compression=HttpCompression.GZIP))
    with pytest.raises(HTTPError, match="415"):
        packed.emit(
            DatasetEvent(eventTime=NOW.isoformat(), dataset=StaticDataset("s3://lake", "a"))
        )
    packed.close()

    make_source(flow.service.database, FLOW, kind="openlineage", settings={"zone": "UTC"})
    client.emit(DatasetEvent(eventTime=naive, dataset=StaticDataset("s3://lake", "a")))
    assert dataset_of(flow.service, "s3://lake/a")["name"] == "a"
