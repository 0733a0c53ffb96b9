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
import json, os, sys
from harvesters.mlflow import harvesters
from schemas.sources import SourceSettings

for sweep in harvesters(SourceSettings.model_validate_json(sys.argv[1]), None, os.environ):
    early = "mlflow" in sys.modules
    said = [one for page in sweep.pages(None) for one in sweep.observe(page)]
    print(json.dumps({
        "imported early": early,
        "said": [one.subject.value for one in said],
    }))
"""
LOOPBACK = {"MODEL_CATALOG_OUTBOUND_ALLOW": "127.0.0.0/8"}


def make_source(**settings: Any) -> SourceSettings:
    """A source with these settings."""
    mapped = {"namespace": "retail", "namespaces": {"team-b": "wholesale"}}
    named = {"name": "mlflow-prod", "kind": "mlflow"}
    return SourceSettings.model_validate({**named, **mapped, "settings": settings})


def test_harvesters_places(tmp_path: Path) -> None:
    """One harvester a workspace; `default` is the source's namespace, others stand in the map."""
    source = make_source(uri=f"file://{tmp_path}", workspaces=["default", "team-b", "team-c"])
    environ = {"MLFLOW_TRACKING_URI": "http://other", "PATH": "/bin"}
    found, before = [], Path.cwd()
    for harvester in harvesters(source, None, environ):
        found.append((harvester.scope, harvester.coverage, harvester.place.namespace))
        assert list(Path.cwd().iterdir()) == []
        assert environ["HOME"] == str(Path.cwd())
    assert found == [
        ("registry/default", "full", "retail"),
        ("registry/team-b", "full", "wholesale"),
        ("registry/team-c", "full", None),
    ]
    assert Path.cwd() == before
    assert find_factory("mlflow") is harvesters
    assert "MLFLOW_TRACKING_URI" not in environ


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
    for harvester in harvesters(mapped, None, os.environ):
        if harvester.scope == f"registry/{place.workspace}":
            catalog.sweep(harvester)
        elif harvester.scope != "registry/default":
            with pytest.raises(SourceRefused, match="namespace_unmapped"):
                catalog.sweep(harvester)
    assert [subject.value.rsplit("/", 1)[1] for subject in catalog.current] == ["churn"]


def test_harvesters_without_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the client says how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SourceRefused, match="extra `mlflow`"):
        next(harvesters(make_source(uri="https://mlflow.example"), None, {}))


@pytest.mark.usefixtures("prepared")
def test_harvesters_own_process(fresh_server: MlflowServer) -> None:
    """A database is read without a server, whatever the environment says; it stays as it was.

    The client is imported when the sweep begins, not before.
    """
    import mlflow  # noqa: PLC0415  # in the prepared environment only

    writer = mlflow.MlflowClient(fresh_server.uri, fresh_server.uri)
    writer.create_registered_model("churn")
    writer.create_model_version("churn", "s3://models/churn")
    database = fresh_server.database
    before = database.read_bytes()
    source = make_source(uri=f"sqlite:///file:{database}?mode=ro&uri=true")
    hostile = {"MLFLOW_REGISTRY_URI": "http://127.0.0.1:1", "MLFLOW_WORKSPACE": "other"}

    said = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", CHILD, source.model_dump_json()],
        check=True,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **hostile},
        text=True,
    )

    assert json.loads(said.stdout) == {
        "imported early": False,
        "said": ["mlflow-prod/default/churn", "mlflow-prod/default/churn/1"],
    }
    assert database.read_bytes() == before
