"""A real MLflow server of any size, and the least that reading it can cost."""

import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2

from bench.result import Stage
from tests.support.mlflow_server import empty_database, run_mlflow_server

API: Final = "/api/2.0/mlflow"
MODELS_A_PAGE, VERSIONS_A_PAGE, RUNS_A_PAGE = 1_000, 200_000, 50_000  # the most that servers take
CREATED: Final = 1_790_000_000_000  # ms
MINUTE: Final = 60_000  # between two training runs
PARAMS, METRICS, RUNS_A_DATASET = 10, 6, 4
TIMEOUT: Final = 120


class Size(NamedTuple):
    """How much the server holds: so many models, of each so many versions, each with its run."""

    models: int = 500
    versions: int = 4

    def __str__(self) -> str:
        """For the details of a result."""
        return f"{self.models:,} models, {self.runs:,} versions, {self.runs:,} training runs"

    @property
    def runs(self) -> int:
        """Every version was made by a training run of its own."""
        return self.models * self.versions

    @property
    def datasets(self) -> int:
        """Every so many training runs read the same one."""
        return -(-self.runs // RUNS_A_DATASET)


SMALL: Final = Size(10, 2)


@contextmanager
def run_registry(stage: Stage, size: Size) -> Iterator[str]:
    """Start a server that holds so much; answers its address."""
    with tempfile.TemporaryDirectory(prefix="bench-mlflow-") as made:
        filled = Path(made) / "filled.db"
        filled.write_bytes(empty_database(stage.cache).read_bytes())
        fill(filled, size)
        folder = Path(made) / "server"
        folder.mkdir()
        with run_mlflow_server(folder, filled) as server:
            yield server.uri


def fill(database: Path, size: Size) -> None:
    """Write the rows that MLflow's own store would: in a second, by its API it takes a minute."""
    models = [f"model-{number:05}" for number in range(size.models)]
    versions = [(name, number) for name in models for number in range(1, size.versions + 1)]
    described = models[::2]
    marked = set(described)
    rows: Mapping[str, list[dict[str, object]]] = {
        "registered_models": [_model(name, described=name in marked) for name in models],
        "registered_model_tags": [_tag(name, key) for name in models for key in ("team", "domain")],
        "registered_model_aliases": [
            {"name": name, "alias": "champion", "version": size.versions} for name in described
        ],
        **_training(versions),
        "model_versions": [
            _version(at, name, number=number) for at, (name, number) in enumerate(versions)
        ],
        "model_version_tags": [
            {**_tag(name, "auc"), "version": number} for name, number in versions if number % 2
        ],
    }
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, of_table in rows.items():
            names = of_table[0].keys()
            statement = (
                f"INSERT INTO {table} ({', '.join(names)})"  # noqa: S608  # constants
                f" VALUES ({', '.join(f':{name}' for name in names)})"
            )
            connection.executemany(statement, of_table)


def _model(name: str, *, described: bool) -> dict[str, object]:
    text = f"{name}: how likely a customer leaves, by contract and month." if described else None
    return {
        "name": name,
        "creation_time": CREATED,
        "last_updated_time": CREATED,
        "description": text,
    }


def _tag(name: str, key: str) -> dict[str, object]:
    return {"name": name, "key": key, "value": f"{key} of {name}"}


def _version(place: int, name: str, *, number: int) -> dict[str, object]:
    run, created = f"{place:032x}", CREATED + place * MINUTE
    return {
        "name": name, "version": number, "creation_time": created, "last_updated_time": created,
        "user_id": "trainer", "current_stage": "None",
        "description": f"Trained on month {number}." if number % 2 else None,
        "source": f"mlflow-artifacts:/0/{run}/artifacts/model", "run_id": run, "status": "READY",
    }  # fmt: skip


def _training(versions: Sequence[tuple[str, int]]) -> dict[str, list[dict[str, object]]]:
    """A training run for each version, with what is logged by default and one dataset for four."""
    runs = [_run(at, name, number=number) for at, (name, number) in enumerate(versions)]
    ids = [str(run["run_uuid"]) for run in runs]
    return {
        "runs": runs,
        "params": [
            {"run_uuid": run, "key": f"param_{n}", "value": f"{n}.{at % 7}"}
            for at, run in enumerate(ids)
            for n in range(PARAMS)
        ],
        "latest_metrics": [
            {"run_uuid": run, "key": f"metric_{n}", "value": (at % 97) / 97 + n,
             "timestamp": CREATED + at, "step": 0, "is_nan": False}
            for at, run in enumerate(ids)
            for n in range(METRICS)
        ],
        "tags": [
            {"run_uuid": run, "key": key, "value": value}
            for at, run in enumerate(ids)
            for key, value in _run_tags(at)
        ],
        "datasets": [_dataset(at) for at in range(0, len(ids), RUNS_A_DATASET)],
        "inputs": [_input(at, run) for at, run in enumerate(ids)],
        "input_tags": [
            {"input_uuid": f"{at:032x}", "name": "mlflow.data.context", "value": "training"}
            for at in range(len(ids))
        ],
    }  # fmt: skip


def _run_tags(place: int) -> Iterator[tuple[str, str]]:
    yield "mlflow.user", "trainer"
    yield "mlflow.source.name", "train.py"
    yield "mlflow.source.type", "LOCAL"
    yield "mlflow.source.git.commit", f"{place // 40:040x}"
    yield "mlflow.source.git.branch", "main"
    yield "mlflow.source.git.repoURL", f"https://github.com/acme/repo-{place % 50}.git"
    yield "team", f"team-{place % 9}"


def _dataset(place: int) -> dict[str, object]:
    return {
        "dataset_uuid": f"{place:032x}", "experiment_id": 0, "name": f"month-{place}",
        "digest": f"{place:08x}", "dataset_source_type": "s3",
        "dataset_source": json.dumps({"uri": f"s3://lake/month-{place}"}),
        "dataset_schema": json.dumps(
            {"mlflow_colspec": [{"type": "double", "name": f"column_{n}", "required": True}
                                for n in range(12)]}
        ),
        "dataset_profile": json.dumps({"num_rows": 10_000 + place, "num_elements": 120_000}),
    }  # fmt: skip


def _input(place: int, run: str) -> dict[str, object]:
    return {
        "input_uuid": f"{place:032x}", "source_type": "DATASET",
        "source_id": f"{place - place % RUNS_A_DATASET:032x}",
        "destination_type": "RUN", "destination_id": run, "step": 0,
    }  # fmt: skip


def _run(place: int, name: str, *, number: int) -> dict[str, object]:
    return {
        "run_uuid": f"{place:032x}", "name": f"{name}-{number}", "source_type": "LOCAL",
        "user_id": "trainer", "status": "FINISHED", "start_time": CREATED + place * MINUTE,
        "end_time": CREATED + (place + 1) * MINUTE, "lifecycle_stage": "active", "experiment_id": 0,
        "artifact_uri": f"mlflow-artifacts:/0/{place:032x}/artifacts",
    }  # fmt: skip


class Paging(NamedTuple):
    """What bare paging read, and how long it took, up to the training runs and in all."""

    registry_seconds: float
    seconds: float
    models: int
    versions: int
    runs: int


PAGES: Final = (
    f"pages of at most {MODELS_A_PAGE:,} models, {VERSIONS_A_PAGE:,} versions and "
    f"{RUNS_A_PAGE:,} training runs"
)


def page_barely(uri: str, size: Size) -> Paging:
    """Ask what a harvest asks, in the largest pages, by one connection; decode, and forget."""
    with httpx2.Client(base_url=uri, timeout=TIMEOUT, trust_env=False) as client:
        begun = time.perf_counter()
        models = _count(
            client, "registered_models", max_results=MODELS_A_PAGE, order_by=["name ASC"]
        )
        order = ["name ASC", "version_number ASC"]
        versions = _count(client, "model_versions", max_results=VERSIONS_A_PAGE, order_by=order)
        between = time.perf_counter() - begun
        runs = _count_runs(client)
        took = time.perf_counter() - begun
    if (models, versions, runs) != (size.models, size.runs, size.runs):
        message = f"the server lists {models} models, {versions} versions, {runs} runs, not {size}"
        raise RuntimeError(message)
    return Paging(between, took, models, versions, runs)


def _count_runs(client: httpx2.Client) -> int:
    everything = {"max_results": MODELS_A_PAGE, "view_type": "ALL"}
    experiments = _post(client, "experiments", asked=everything)["experiments"]
    found, asked = 0, {
        "experiment_ids": [experiment["experiment_id"] for experiment in experiments],
        "run_view_type": "ALL",
        "max_results": RUNS_A_PAGE,
        "order_by": ["attributes.start_time ASC", "attributes.run_id ASC"],
    }  # fmt: skip
    while True:
        page = _post(client, "runs", asked=asked)
        found += len(page.get("runs", ()))
        if not page.get("next_page_token"):
            return found
        asked["page_token"] = page["next_page_token"]


def _post(client: httpx2.Client, listed: str, *, asked: Mapping[str, Any]) -> Any:
    return client.post(f"{API}/{listed}/search", json=asked).raise_for_status().json()


def _count(client: httpx2.Client, listed: str, **asked: Any) -> int:
    path = f"{API}/{listed.replace('_', '-')}/search"
    found = 0
    while True:
        page = client.get(path, params=asked).raise_for_status().json()
        found += len(page.get(listed, ()))
        if not page.get("next_page_token"):
            return found
        asked["page_token"] = page["next_page_token"]
