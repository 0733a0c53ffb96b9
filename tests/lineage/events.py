"""Events of OpenLineage as its clients write them, and who posts them."""

import json
from typing import Any, Final
from uuid import UUID

import httpx2

from tests.support.catalog import rows
from tests.support.http import Service

FLOW: Final = "flow"
REGISTRY: Final = "mlflow-prod"
RUN: Final = "ea041791-68bc-4ae1-bd89-4c8106a157e4"
OTHER_RUN: Final = "3f5e83fa-3480-44ff-99c5-ff943904e5e8"
MLFLOW_RUN: Final = "0123456789abcdef0123456789abcdef"
PRODUCER: Final = "https://github.com/OpenLineage/OpenLineage/tree/1.40.1/client/python"
SCHEMA: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
LAKE: Final = "s3://lake"


def dataset(name: str, namespace: str = LAKE, **facets: Any) -> dict[str, Any]:
    """A dataset of an event."""
    return {"namespace": namespace, "name": name, "facets": facets}


def event(
    kind: str | None = "START", at: str = "2026-11-20T09:00:00Z", run: str = RUN, **told: Any
) -> dict[str, Any]:
    """A run event; `run_facets` and `job_facets` stand where they belong."""
    run_facets, job_facets = told.pop("run_facets", {}), told.pop("job_facets", {})
    written = {
        "eventTime": at,
        "run": {"runId": run, "facets": run_facets},
        "job": {"namespace": "scheduler", "name": "train-churn", "facets": job_facets},
        "inputs": [],
        "outputs": [],
        "producer": PRODUCER,
        "schemaURL": SCHEMA,
    }
    return ({} if kind is None else {"eventType": kind}) | written | told


class Poster:
    """A client of one source."""

    def __init__(self, service: Service, source: str) -> None:
        """With a token of the source."""
        self.service = service
        self.token = service.token("source", source_name=source)

    def send(self, body: Any, path: str = "lineage", **options: Any) -> httpx2.Response:
        """Whatever is answered; a text is sent as it stands."""
        text = body if isinstance(body, str | bytes) else json.dumps(body)
        headers = {"Content-Type": "application/json"} | options.pop("headers", {})
        return self.service.ask("POST", path, self.token, content=text, headers=headers, **options)

    def post(self, *events: Any) -> None:
        """Events one by one; each is taken."""
        for one in events:
            answer = self.send(one)
            assert answer.status_code == 201, answer.text

    def batch(self, *events: Any) -> Any:
        """Events at once, and the receipt."""
        answer = self.send(list(events), "lineage/batch")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, body: Any, path: str = "lineage") -> tuple[int, str, str]:
        """With which status, where and why it is refused."""
        answer = self.send(body, path)
        said = answer.json()
        problem = (said["errors"] or [{"pointer": "", "message": said["detail"]}])[0]
        return answer.status_code, problem["pointer"], problem["message"]


def run_of(service: Service, run: str = RUN, source: str = FLOW) -> Any:
    """A training run as the catalog shows it."""
    return service.get(f"training-runs/openlineage:{source}%2F{UUID(run)}")["facts"]


def dataset_of(service: Service, value: str, scheme: str = "uri") -> Any:
    """A dataset's facts."""
    return service.get(f"datasets/{scheme}:{value.replace('/', '%2F')}")["facts"]


def linked(facts: Any, name: str = "datasets") -> list[str]:
    """The identifiers of what a run links to."""
    return sorted(one["dataset"]["value"] for one in facts.get(name, ()))


def count(service: Service, table: str) -> int:
    """How many rows a table has."""
    return int(rows(service.database, f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608
