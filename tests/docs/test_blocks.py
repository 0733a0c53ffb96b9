"""What the documents show can be pasted: one shell goes through them from the top."""

import csv
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import typer

from cli.demo.children import free_port
from cli.main import app
from tests.architecture.source import ROOT
from tests.docs.blocks import TARGET, commands_in, read_blocks
from tests.docs.test_tables import commands, options
from tests.support.mlflow_server import empty_database, prepared_client, run_mlflow_server

LOOPBACK: Final = "127.0.0.1/32"
SERVER: Final = "https://mlflow.acme.example"  # what the documents call the reader's server
PRIVATE: Final = "10.20.0.0/16"
PORT: Final = "8010"
PROGRAM: Final = """#!/bin/sh
[ "$1" = serve ] && set -- "$@" --port "$DOCS_PORT"
exec "{python}" -m cli.main "$@"
"""
PIP: Final = """#!/bin/sh
[ "$1" = install ] && shift
set -- --target "$DOCS_SITE" --no-deps --no-index --no-build-isolation "$@"
exec "{python}" -m pip install -q "$@"
"""


def test_blocks_commands() -> None:
    """Every command, option and make target that any block shows exists."""
    known = {
        name: options(command) | {"--token-file", "--help"}
        for name, command in commands(typer.main.get_command(app), prefix="")
    }
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong = []
    for block in read_blocks():
        wrong += [f"{block.place}: make {one}" for one in TARGET.findall(block.text)
                  if one not in targets]  # fmt: skip
        for said, given in commands_in(block.text):
            name = said if said in known else said.split()[0]
            if name not in known or given - known[name]:
                wrong.append(f"{block.place}: model-catalog {said} {given}")

    assert wrong == []


@pytest.fixture
def desk() -> Iterator[Path]:
    """A folder that the private server's account may enter: pytest's own is root's alone."""
    with tempfile.TemporaryDirectory(prefix="docs-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def mlflow(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[str]:
    """Somebody's MLflow server, filled by its own client."""
    template = empty_database(pytestconfig.cache.mkdir("mlflow"))
    with run_mlflow_server(tmp_path, template) as server:
        home = tmp_path / "home"
        home.mkdir()
        with prepared_client(home):
            import mlflow  # noqa: PLC0415  # in the prepared environment only

            client = mlflow.MlflowClient(server.uri, server.uri)
            client.create_experiment("first")
            client.create_registered_model("churn", {"catalog.owner": "team:retention"})
            client.create_model_version("churn", "s3://models/churn/1", await_creation_for=0)
            client.create_registered_model("pricing")
        yield server.uri


def test_blocks_run(desk: Path, mlflow: str) -> None:
    """A reader who pastes block after block gets what the documents promise."""
    port, site = str(free_port()), desk / ".site"
    replaced = {SERVER: mlflow, PRIVATE: LOOPBACK, PORT: port}
    script = ["set -euo pipefail", "trap 'echo \"$BLOCK failed\" >&2' ERR"]
    for block in read_blocks():
        text = block.text
        for shown, real in replaced.items():
            text = text.replace(shown, real)
        if block.file:
            _write(desk / block.file, text)
        elif block.is_run:
            script += [f"BLOCK={block.place}", text]

    code, said = run(desk, "\n".join(script), port=port, site=site)

    assert code == 0, said
    assert "\nacme/pricing\t-\tteam:pricing\tpilot\t20" in said, said  # gone since
    with (desk / "models.csv").open(newline="", encoding="utf-8") as written:
        models = [row["model"] for row in csv.DictReader(written)]
    assert models == ["retail/churn", "retail/pricing"]


def run(desk: Path, script: str, *, port: str, site: Path) -> tuple[int, str]:
    """Run a script as a shell of its own, and end what it left running; code and all output."""
    places = desk / ".bin"
    for name, text in (("model-catalog", PROGRAM), ("pip", PIP)):
        _write(places / name, text.format(python=sys.executable))
        (places / name).chmod(stat.S_IRWXU)
    kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
    environment = kept | {
        "PATH": f"{places}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": f"{site}:{ROOT}",
        "MODEL_CATALOG_URL": f"http://127.0.0.1:{port}",
        "DOCS_PORT": port,
        "DOCS_SITE": str(site),
    }
    log = desk / ".log"
    with (
        log.open("w") as said,
        subprocess.Popen(  # noqa: S603  # our own documents
            [shutil.which("bash") or "bash", "-c", script],
            cwd=desk, env=environment, stdout=said, stderr=said, start_new_session=True,
        ) as shell,
    ):  # fmt: skip
        try:
            code = shell.wait(600)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
    _wait_for_end(desk / "catalog-data" / "postmaster.pid")
    return code, log.read_text(errors="replace")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _wait_for_end(pid_file: Path) -> None:
    """The service stops its private server on the way out; the folder goes after that."""
    until = time.monotonic() + 30
    while pid_file.exists() and time.monotonic() < until:
        time.sleep(0.1)
