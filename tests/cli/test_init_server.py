"""`init --server`: the catalog knows what it calls the MLflow server that a project trains on."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from cli.client import Client
from cli.exits import Exit
from schemas.yaml_walk import read_yaml
from tests.cli.conftest import Command, Served

TRACKING: Final = "https://mlflow.acme.example"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a remote, whose runs go to a tracking server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"https://bot:hunter2@{TRACKING[8:]}/")
    remote = ("config", "remote.origin.url", "https://git.acme.example/retail/churn.git")
    for words in (("init", "-q", "."), remote):
        subprocess.run(["git", *words], check=True)  # noqa: S603, S607


def spec_of(text: str) -> Any:
    """What a printed manifest says."""
    return read_yaml(text.encode()).value["spec"]


def test_init_registered(catalog: Served, ask: Command) -> None:
    """A model that a source has shown under this name is named; one it has not, is asked for."""
    token = catalog.source("mlflow-init", kind="mlflow", settings={"uri": TRACKING})

    before = ask("init", "--stdout", "--server", catalog.url)
    shown = {
        "subject": {"kind": "model", "scheme": "mlflow", "value": "mlflow-init/default/churn"},
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"namespace": "retail", "name": "churn"},
    }
    path = "/api/v1/sources/mlflow-init/observations"
    Client(catalog.url, token).post(path, {"observations": [shown]})
    after = ask("init", "--stdout", "--server", catalog.url)

    assert (before.code, after.code) == (0, 0)
    assert "registered_as" not in spec_of(before.out)
    assert "source mlflow-init, which has shown no model called churn" in before.out
    assert spec_of(after.out)["registered_as"] == [{"source": "mlflow-init", "name": "churn"}]
    assert "hunter2" not in before.out + after.out + before.err + after.err


def test_init_server_tells_nothing(catalog: Served, ask: Command) -> None:
    """A token that may not list sources is no reason to write nothing; no token is."""
    reader = catalog.token(role="reader")

    ran = ask("init", "--stdout", "--server", catalog.url, TOKEN=reader)
    without = ask("init", "--stdout", "--server", catalog.url, TOKEN="")

    assert ran.code == 0
    assert "your token may not list sources; an admin or auditor may" in ran.out
    assert without.code == Exit.NOT_ALLOWED
