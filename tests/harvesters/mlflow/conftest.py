"""A real MLflow server, a scripted one, and a catalog that remembers what it was told."""

import json
import os
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place
from harvesters.mlflow.prompts import PROMPTS
from harvesters.mlflow.sweep import RegistrySweep
from harvesters.runner import harvest
from schemas.commits import NamedCommit
from schemas.harvest import (
    CloseHarvest,
    Coverage,
    HarvestOpened,
    HarvestReport,
    KnownSubject,
    Limits,
    OpenHarvest,
    Outcome,
)
from schemas.hooks import Hint
from schemas.identifiers import Identifier
from schemas.observation import Receipt, Sighting, Wanted, parse_observation
from tests.support.mlflow_server import (
    MlflowServer,
    empty_database,
    prepared_client,
    run_mlflow_server,
)

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)
API: Final = "/api/2.0/mlflow/"


class Catalog:
    """A sink that keeps what is current, as the service would, for one scope."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.current: dict[Identifier, Any] = {}
        self.seen: set[Identifier] = set()
        self.posted: list[Any] = []
        self.cursor: str | None = None
        self.opened: list[OpenHarvest] = []
        self.closed: list[CloseHarvest] = []
        self.left: Sequence[Hint] = ()  # by webhooks

    def full_cursor(self, scope: str) -> str | None:
        """Of the only scope."""
        assert scope
        return self.cursor

    def commits(self) -> Iterator[Sequence[NamedCommit]]:
        """Nobody has named any."""
        return iter(())

    def hints(self) -> Sequence[Hint]:
        """Those that the test left."""
        return self.left

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin, with the cursor of the last complete harvest."""
        self.seen, self.posted = set(), []
        self.opened.append(asked)
        return HarvestOpened(
            harvest=asked.harvest,
            cursor=self.cursor,
            limits=Limits(),
            lease_until=NOON,
            dry_run=dry_run,
            ever_seen=bool(self.current),
        )

    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """Want what says something new."""
        assert harvest
        self.seen |= {sighting.subject for sighting in sightings}
        known = {subject: one.digest() for subject, one in self.current.items()}
        wanted = [i for i, one in enumerate(sightings) if known.get(one.subject) != one.digest]
        return Wanted(wanted=tuple(wanted))

    def send(self, harvest: UUID, batch: bytes) -> Receipt:
        """Keep what is newest."""
        assert harvest
        for document in json.loads(batch)["observations"]:
            said = parse_observation(document)
            self.posted.append(said)
            self.seen.add(said.subject)
            before = self.current.get(said.subject)
            if before is None or before.observed_at <= said.observed_at:
                self.current[said.subject] = said
        return Receipt(recorded=len(self.posted), unchanged=0)

    def unseen(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """One page of all that lives and was not seen."""
        assert harvest
        if missed := self.alive(but=self.seen):
            yield missed

    def known(self, harvest: UUID) -> Iterator[Sequence[KnownSubject]]:
        """One page of all that lives."""
        assert harvest
        yield self.alive()

    def heartbeat(self, harvest: UUID) -> None:
        """The lease never ends."""

    def close(self, harvest: UUID, asked: CloseHarvest) -> HarvestReport:
        """Store the cursor of a complete one."""
        self.closed.append(asked)
        if asked.outcome is Outcome.COMPLETE:
            self.cursor = asked.cursor or self.cursor
        return HarvestReport(
            harvest=harvest, source="mlflow-prod", scope="registry/x", coverage=Coverage.FULL,
            outcome=asked.outcome, opened_at=NOON, closed_at=NOON, seconds=0.0,
            skipped=asked.skipped, counts=asked.counts,
        )  # fmt: skip

    def alive(self, *, but: Collection[Identifier] = ()) -> list[KnownSubject]:
        """All that lives, as the service hands it to a harvester."""
        return [
            KnownSubject(subject=one.subject, digest=one.digest(), marker=one.marker)
            for one in self.live().values()
            if one.subject not in but
        ]

    def live(self) -> dict[Identifier, Any]:
        """What is not gone; versions are gone with their model."""
        return {subject: one for subject, one in self.current.items() if not one.gone}

    def told(self, value: str) -> Any:
        """What is current about the model or version whose value ends so."""
        return next(one for subject, one in self.current.items() if subject.value.endswith(value))

    def sweep(self, sweep: RegistrySweep) -> HarvestReport:
        """Harvest into this catalog by the real runner."""
        return harvest(sweep, self)


class FakeServer:
    """A scripted tracking server: answers a small registry truly, unless told to lie."""

    models: Final = [{"name": "churn", "creation_timestamp": 1795000000000}]
    runs: Final = [
        {"info": {"run_id": "0" * 32, "run_uuid": "0" * 32, "experiment_id": "0",
                  "status": "FINISHED", "start_time": 1795000000000, "end_time": 1795000060000}}
    ]  # fmt: skip
    versions: Final = [
        {"name": "churn", "version": "1", "creation_timestamp": 1795000000000, "source": "s3://x"}
    ]

    def __init__(self, server: HTTPServer) -> None:
        """Serve."""
        self.uri = server.url_for("").rstrip("/")
        self.lies: dict[str, Callable[[Request], Response]] = {}
        self.asked: list[str] = []
        self.released = threading.Event()
        server.expect_request(re.compile("")).respond_with_handler(self._answer)
        self.answers: dict[str, Callable[[Mapping[str, str]], Any]] = {
            "experiments/search": lambda _: {"experiments": [{"experiment_id": "0", "name": "D"}]},
            "registered-models/search": lambda _: {"registered_models": self.models},
            "model-versions/search": lambda _: {"model_versions": self.versions},
            "registered-models/get": lambda a: self._one("registered_model", self.models, a),
            "model-versions/get": lambda a: self._one("model_version", self.versions, a),
            "runs/search": lambda _: {"runs": self.runs},
            "runs/get": lambda a: next(
                ({"run": run} for run in self.runs if run["info"]["run_id"] == a["run_id"]), None
            ),
        }

    def _one(self, key: str, rows: Sequence[Mapping[str, Any]], asked: Mapping[str, str]) -> Any:
        found = [row for row in rows if all(row[name] == text for name, text in asked.items())]
        return {key: found[0]} if found else None

    def _answer(self, request: Request) -> Response:
        call = request.path.removeprefix(API)
        if PROMPTS in request.args.get("filter", ""):
            return Response("{}", content_type="application/json")  # it has none
        self.asked.append(call)
        if call in self.lies:
            return self.lies[call](request)
        asked = request.args or request.get_json(silent=True) or {}
        answer = self.answers[call](asked)
        if answer is None:
            missing = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "not found"}
            return Response(json.dumps(missing), 404, content_type="application/json")
        return Response(json.dumps(answer), content_type="application/json")


@pytest.fixture(scope="session")
def mlflow_server(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MlflowServer]:
    """This worker's server; every test that wants a registry gets a workspace of its own in it."""
    template = empty_database(pytestconfig.cache.mkdir("mlflow"))
    with run_mlflow_server(tmp_path_factory.mktemp("mlflow"), template) as running:
        yield running


@pytest.fixture
def fresh_server(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[MlflowServer]:
    """A server with a database of its own, for tests that break it."""
    with run_mlflow_server(tmp_path, empty_database(pytestconfig.cache.mkdir("mlflow"))) as running:
        yield running


@pytest.fixture
def prepared(tmp_path: Path) -> Iterator[None]:
    """The client's environment, without second tries; everything is as before afterwards."""
    with prepared_client(tmp_path):
        yield


@pytest.fixture
def place(mlflow_server: MlflowServer, prepared: None) -> Place:
    """An empty workspace, with one experiment; the client in this process writes to it."""
    import mlflow  # noqa: PLC0415

    del prepared
    workspace = f"t-{uuid4().hex[:12]}"
    mlflow.MlflowClient(mlflow_server.uri, mlflow_server.uri).create_workspace(workspace)
    mlflow.set_workspace(workspace)
    return Place("mlflow-prod", workspace, "retail", mlflow_server.uri)


@pytest.fixture
def writer(place: Place) -> Any:
    """An `MlflowClient` that writes to the workspace."""
    import mlflow  # noqa: PLC0415

    mlflow.set_workspace(place.workspace)
    client = mlflow.MlflowClient(place.uri, place.uri)
    client.create_experiment("first")
    return client


@pytest.fixture
def sweep(place: Place) -> RegistrySweep:
    """The sweep of the workspace, with a clock that never stands still."""
    return make_sweep(place)


@pytest.fixture
def catalog() -> Catalog:
    """A catalog that knows nothing."""
    return Catalog()


@pytest.fixture
def fake(httpserver: HTTPServer, prepared: None) -> Iterator[FakeServer]:
    """A scripted server; calls that hang are released at the end."""
    del prepared
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] = "1"
    scripted = FakeServer(httpserver)
    yield scripted
    scripted.released.set()


def make_sweep(place: Place, *, secrets: Sequence[str] = (), **options: Any) -> RegistrySweep:
    """A sweep of a place."""
    ticks = count()
    began = datetime.now(UTC)
    registry = Registry(place.uri, workspace=place.workspace, secrets=secrets)
    return RegistrySweep(
        registry, place, clock=lambda: began + timedelta(microseconds=next(ticks)), **options
    )
