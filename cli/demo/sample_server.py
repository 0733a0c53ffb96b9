"""The sample company's MLflow server, and the process that plays the company."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, cast

from cli.demo.children import Children, broken, free_port, our_environment
from cli.demo.repositories import Repositories

QUIET: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes that nobody needs here
}


def start(children: Children, home: Path) -> str:
    """Begins at once and takes a while: its database is made by sixty migrations."""
    port = free_port()
    store = home / "mlflow"
    store.mkdir()
    children.start(
        [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port),
         "--workers", "1", "--enable-workspaces", "--backend-store-uri", f"sqlite:///{store}/mlflow.db",
         "--artifacts-destination", str(store / "artifacts")],
        log=home / "mlflow.log",
        environment=our_environment() | QUIET,
    )  # fmt: skip
    return f"http://127.0.0.1:{port}"


class Company(NamedTuple):
    """The process that plays the company, one step at a time."""

    orders: IO[str]
    answers: IO[str]
    log: Path

    def step(self, name: str, *told: str) -> Any:
        """Let it take a step, wait until it is done, and hand on what it answers."""
        with suppress(BrokenPipeError):  # it has ended, and its log says why
            print(name, *told, file=self.orders, flush=True)
        for line in self.answers:
            if line.startswith("done "):
                return json.loads(line.removeprefix("done "))
        raise broken(f"The sample company could not {name} MLflow.", self.log)


@contextmanager
def company(uri: str, home: Path, *, shelf: Repositories) -> Iterator[Company]:
    """In a process of its own: MLflow's client is told to keep quiet and to itself."""
    log = home / "company.log"
    command = [sys.executable, "-m", "cli.demo.company", uri, json.dumps(shelf)]
    environment, pipe = our_environment() | QUIET, subprocess.PIPE
    with (
        log.open("w") as said,
        subprocess.Popen(  # noqa: S603  # our own command
            command, env=environment, stdin=pipe, stdout=pipe, stderr=said, text=True
        ) as process,
    ):
        try:
            yield Company(cast("IO[str]", process.stdin), cast("IO[str]", process.stdout), log)
        finally:
            process.kill()
