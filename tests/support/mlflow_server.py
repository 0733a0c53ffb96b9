"""A real `mlflow server` for tests: own process group, own database, a free port on loopback."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple

from harvesters.mlflow.environment import prepare_environment

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 120.0
STOP_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.1
TRIES: Final = 3
MIGRATE: Final = (
    "import sys; from mlflow.store.db import utils; "
    "utils._initialize_tables(utils.create_sqlalchemy_engine_with_retry(sys.argv[1]))"
)


class MlflowServer(NamedTuple):
    """A server that answers."""

    uri: str
    database: Path


def empty_database(cache: Path) -> Path:
    """An MLflow database without content, migrated once a machine: that takes ten seconds.

    `cache` is a folder that outlives the session. Two processes may both make it; either will do.
    """
    made = cache / f"mlflow-{version('mlflow')}.db"
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            fresh = Path(folder) / "fresh.db"
            subprocess.run(  # noqa: S603  # our own words
                [sys.executable, "-c", MIGRATE, f"sqlite:///{fresh}"],
                check=True,
                capture_output=True,
                env=_environment(Path(folder)),
            )
            fresh.replace(made)
    return made


@contextmanager
def run_mlflow_server(folder: Path, template: Path) -> Iterator[MlflowServer]:
    """Start a server on a copy of the template; it and its children are gone afterwards.

    It has workspaces: a fresh one is as good as a fresh server, and costs milliseconds.
    """
    database = folder / "mlflow.db"
    shutil.copyfile(template, database)
    for _ in range(TRIES):  # somebody else may take the port before the server does
        port = _free_port()
        process = _start(folder, port, database)
        try:
            if _answers(process, port):
                yield MlflowServer(f"http://{HOST}:{port}", database)
                return
        finally:
            _stop(process)
    message = f"mlflow server did not start:\n{(folder / 'server.log').read_text()[-4_000:]}"
    raise RuntimeError(message)


@contextmanager
def prepared_client(home: Path) -> Iterator[None]:
    """The environment that MLflow's client is used in; everything is as before afterwards."""
    before = dict(os.environ)
    fresh = prepare_environment(before, home=str(home), uri=f"http://{HOST}")
    os.environ.clear()
    os.environ.update(fresh | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"})
    try:
        yield
    finally:
        import mlflow  # noqa: PLC0415  # in the prepared environment only

        mlflow.set_workspace(None)
        os.environ.clear()
        os.environ.update(before)


def _start(folder: Path, port: int, database: Path) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port),
        "--workers", "1", "--enable-workspaces", "--backend-store-uri", f"sqlite:///{database}",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  # our own words
            command,
            cwd=folder,
            env=_environment(folder),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it leaves children behind when it alone is stopped
        )


def _environment(folder: Path) -> Mapping[str, str]:
    """Nothing of the developer's; no telemetry; no job runners, which are seven processes more."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        # Webhooks to this machine; a list of them that was read once is not kept for a minute.
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    """Wait until it is healthy; False when it died before."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == http.HTTPStatus.OK:
                return True
        except OSError:
            time.sleep(POLL_SECONDS)
        finally:
            connection.close()
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
