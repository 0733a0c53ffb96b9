"""From a source's settings to its harvesters."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harvesters.errors import SourceRefused
from harvesters.mlflow import harvesters
from harvesters.mlflow.names import Place
from harvesters.registry import Secret, find_factory
from schemas.sources import SourceSettings
from tests.harvesters.mlflow.conftest import Catalog
from tests.support.mlflow_server import MlflowServer

ROOT = Path(__file__).parents[3]
CHILD = """
import json, os, socket, sys
from harvesters.mlflow import harvesters
from schemas.sources import SourceSettings

early, said, asked, look_up = [], [], set(), socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: asked.add(host) or look_up(host, *rest, **more)
for reader in harvesters(SourceSettings.model_validate_json(sys.argv[1]), None, os.environ):
    early.append("mlflow" in sys.modules)
    for page in reader.pages(None):
        said += [
            [reader.scope, str(one.subject), one.evidence and one.evidence.url]
            for one in reader.observe(page)
        ]
print(json.dumps({"imported early": early[0], "said": said, "asked": sorted(asked)}))
"""
LOOPBACK = {"MODEL_CATALOG_OUTBOUND_ALLOW": "127.0.0.0/8"}


def make_source(**settings: Any) -> SourceSettings:
    """A source with these settings."""
    mapped = {"namespace": "retail", "namespaces": {"team-b": "wholesale"}}
    named = {"name": "mlflow-prod", "kind": "mlflow"}
    return SourceSettings.model_validate({**named, **mapped, "settings": settings})


def test_harvesters_places(tmp_path: Path) -> None:
    """Some harvesters a workspace; `default` is the source's namespace, others are mapped."""
    source = make_source(uri=f"file://{tmp_path}", workspaces=["default", "team-b", "team-c"])
    environ = {"MLFLOW_TRACKING_URI": "http://other", "PATH": "/bin"}
    found, before = [], Path.cwd()
    harvester: Any
    for harvester in harvesters(source, None, environ):
        found.append((harvester.scope, harvester.coverage, harvester.place.namespace))
        assert list(Path.cwd().iterdir()) == []
        assert environ["HOME"] == str(Path.cwd())
    spaces = {"default": "retail", "team-b": "wholesale", "team-c": None}
    assert found == [
        (f"{scope}/{workspace}", "full" if scope == "registry" else "delta", namespace)
        for workspace, namespace in spaces.items()
        for scope in ("registry", "experiments", "training_runs", "models")
    ]
    assert Path.cwd() == before
    assert find_factory("mlflow") is harvesters
    assert environ["MLFLOW_TRACKING_URI"] == source.settings["uri"]  # not the one that stood there


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({}, "settings.uri"),
        ({"uri": "https://mlflow.example", "workspace": "x"}, "settings.workspace "),
        ({"uri": "https://mlflow.example", "workspaces": []}, "settings.workspaces"),
        ({"uri": "https://canary@mlflow.example"}, "credential"),
    ],
)
def test_harvesters_refused(settings: dict[str, Any], where: str) -> None:
    """A wrong setting is named, its value is not repeated."""
    with pytest.raises(SourceRefused, match=where) as refused:
        next(harvesters(make_source(**settings), None, {}))
    assert "canary" not in str(refused.value)


def test_harvesters_secret_for_another_host() -> None:
    """A credential does not follow a changed address; the environment stays untouched."""
    environ = {"PATH": "/bin"}
    source = make_source(uri="https://evil.example")
    with pytest.raises(SourceRefused, match=r"mlflow\.example only"):
        next(harvesters(source, Secret("t0ken", "mlflow.example"), environ))
    assert environ == {"PATH": "/bin"}


def test_harvesters_all_workspaces(place: Place, writer: Any, catalog: Catalog) -> None:
    """`all` asks the server; a workspace that is not mapped fails alone."""
    writer.create_registered_model("churn")
    os.environ.update(LOOPBACK)
    source = make_source(uri=place.uri, workspaces="all")
    mapped = source.model_copy(update={"namespaces": {place.workspace: "retail"}})
    harvester: Any
    for harvester in harvesters(mapped, None, os.environ):
        if harvester.scope == f"registry/{place.workspace}":
            catalog.sweep(harvester)
        elif harvester.scope.partition("/")[2] not in {"default", place.workspace}:
            with pytest.raises(SourceRefused, match="namespace_unmapped"):
                catalog.sweep(harvester)
    assert [subject.value.rsplit("/", 1)[1] for subject in catalog.current] == ["churn"]


def test_harvesters_without_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the client says how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SourceRefused, match="extra `mlflow`"):
        next(harvesters(make_source(uri="https://mlflow.example"), None, {}))


def harvested(source: SourceSettings, **environment: str) -> Any:
    """What a process of its own says that has nothing but this environment."""
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", CHILD, source.model_dump_json()],
        check=False,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def fill(client: Any) -> str:
    """A model whose version was made by a training run; answers its id."""
    run = str(client.create_run("0").info.run_id)
    client.log_metric(run, "auc", 0.5)
    client.set_terminated(run)
    client.create_run("0")
    client.create_registered_model("churn")
    client.create_model_version("churn", "s3://models/churn", run)
    return run


def expected(run: str) -> dict[str, Any]:
    """What is said of it in the order of the scopes; what no page shows has no link."""
    here = "mlflow:mlflow-prod/default/"
    return {
        "imported early": False,
        "asked": [],
        "said": [
            ["registry/default", f"model:{here}churn", None],
            ["registry/default", f"version:{here}churn/1", None],
            ["experiments/default", f"training_run:{here}{run}", None],
            ["experiments/default", "version:mlflow-training:mlflow-prod/default/churn/1", None],
        ],
    }


@pytest.mark.usefixtures("prepared")
def test_harvesters_own_process(fresh_server: MlflowServer) -> None:
    """A database is read without a server, whatever the environment says; it stays as it was.

    The client is imported when the sweep begins, not before.
    """
    import mlflow  # noqa: PLC0415  # in the prepared environment only

    run = fill(mlflow.MlflowClient(fresh_server.uri, fresh_server.uri))
    database = fresh_server.database
    before = database.read_bytes()
    source = make_source(uri=f"sqlite:///file:{database}?mode=ro&uri=true")
    hostile = {"MLFLOW_REGISTRY_URI": "http://127.0.0.1:1", "MLFLOW_WORKSPACE": "other"}

    said = harvested(source, **hostile)

    assert [*said["said"][:3], said["said"][-2]] == [
        *expected(run)["said"][:3],
        expected(run)["said"][3],
    ]
    assert len(said["said"]) == 5
    assert (said["imported early"], said["asked"]) == (False, [])
    assert database.read_bytes() == before


def test_harvesters_ask_nobody_else(place: Place, writer: Any) -> None:
    """The client looks up no host but its server: no telemetry, no proxy, no other registry."""
    experiment = writer.get_experiment_by_name("first").experiment_id
    run = writer.create_run(experiment).info.run_id
    made = writer.create_logged_model(experiment, name="m", source_run_id=run)
    writer.create_registered_model("churn")
    source = f"models:/{made.model_id}"
    writer.create_model_version("churn", source, run, model_id=made.model_id)
    writer.create_model_version("churn", source, model_id=made.model_id)
    declared = make_source(uri=place.uri, workspaces=[place.workspace])
    mapped = declared.model_copy(update={"namespaces": {place.workspace: "retail"}})

    said = harvested(mapped, HTTPS_PROXY="http://proxy.invalid", HTTP_PROXY="http://proxy.invalid",
                     MLFLOW_TRACKING_URI="http://other.invalid", **LOOPBACK)  # fmt: skip

    assert said["asked"] == ["127.0.0.1"]
    assert {scope.partition("/")[0] for scope, _, _ in said["said"]} >= {"registry", "experiments"}


@pytest.mark.usefixtures("prepared")
def test_harvesters_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is read like a server, and stays as it was."""
    import mlflow  # noqa: PLC0415  # in the prepared environment only

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "mlruns"
    run = fill(mlflow.MlflowClient(folder.as_uri(), folder.as_uri()))
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    said = harvested(make_source(uri=folder.as_uri()))

    assert [one for one in said["said"] if "churn" in one[1] or run in one[1]] == (
        expected(run)["said"]
    )
    assert {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()} == before
