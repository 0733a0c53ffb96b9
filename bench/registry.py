"""A real MLflow server with a registry of any size, and the least that reading it can cost."""

import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx2

from bench.result import Stage
from tests.support.mlflow_server import empty_database, run_mlflow_server

API: Final = "/api/2.0/mlflow"
MODELS_A_PAGE, VERSIONS_A_PAGE = 1_000, 200_000  # the most that servers take
CREATED: Final = 1_790_000_000_000  # ms
TIMEOUT: Final = 120


class Size(NamedTuple):
    """How much the registry holds: so many models, so many versions of each."""

    models: int = 500
    versions: int = 4

    def __str__(self) -> str:
        """For the details of a result."""
        return f"{self.models:,} models, {self.models * self.versions:,} versions"


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
    rows: Mapping[str, list[dict[str, object]]] = {
        "registered_models": [_model(name, described=name in set(described)) for name in models],
        "registered_model_tags": [_tag(name, key) for name in models for key in ("team", "domain")],
        "registered_model_aliases": [
            {"name": name, "alias": "champion", "version": size.versions} for name in described
        ],
        "runs": [_run(at, name, number=number) for at, (name, number) in enumerate(versions)],
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
    run = f"{place:032x}"
    return {
        "name": name, "version": number, "creation_time": CREATED + place,
        "last_updated_time": CREATED + place, "user_id": "trainer", "current_stage": "None",
        "description": f"Trained on month {number}." if number % 2 else None,
        "source": f"mlflow-artifacts:/0/{run}/artifacts/model", "run_id": run, "status": "READY",
    }  # fmt: skip


def _run(place: int, name: str, *, number: int) -> dict[str, object]:
    return {
        "run_uuid": f"{place:032x}", "name": f"{name}-{number}", "source_type": "LOCAL",
        "user_id": "trainer", "status": "FINISHED", "start_time": CREATED + place,
        "end_time": CREATED + place + 60_000, "lifecycle_stage": "active", "experiment_id": 0,
        "artifact_uri": f"mlflow-artifacts:/0/{place:032x}/artifacts",
    }  # fmt: skip


class Paging(NamedTuple):
    """What bare paging read, and how long it took."""

    seconds: float
    models: int
    versions: int


PAGES: Final = f"pages of at most {MODELS_A_PAGE:,} models and {VERSIONS_A_PAGE:,} versions"


def page_barely(uri: str, size: Size) -> Paging:
    """Ask what a sweep asks, in the largest pages, by one connection; decode, and forget."""
    with httpx2.Client(base_url=uri, timeout=TIMEOUT, trust_env=False) as client:
        begun = time.perf_counter()
        probe = {"max_results": 1, "view_type": "ALL"}
        client.post(f"{API}/experiments/search", json=probe).raise_for_status().json()
        models = _count(
            client, "registered_models", max_results=MODELS_A_PAGE, order_by=["name ASC"]
        )
        order = ["name ASC", "version_number ASC"]
        versions = _count(client, "model_versions", max_results=VERSIONS_A_PAGE, order_by=order)
        took = time.perf_counter() - begun
    if (models, versions) != (size.models, size.models * size.versions):
        message = f"the server lists {models} models and {versions} versions, not {size}"
        raise RuntimeError(message)
    return Paging(took, models, versions)


def _count(client: httpx2.Client, listed: str, **asked: Any) -> int:
    path = f"{API}/{listed.replace('_', '-')}/search"
    found = 0
    while True:
        page = client.get(path, params=asked).raise_for_status().json()
        found += len(page.get(listed, ()))
        if not page.get("next_page_token"):
            return found
        asked["page_token"] = page["next_page_token"]
