"""The real service as a process on a database, and the harvest command as another."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from cli.client import Client
from cli.demo.children import Children, free_port, wait_for
from service.access.tokens import bootstrap
from service.db import Database
from service.ledger.change import Actor

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = "mlflow-bench"
LOOPBACK: Final = "127.0.0.1/32"


class Clocked(NamedTuple):
    """A harvest: its time from the first request on, and the command's with start and imports."""

    seconds: float
    with_start: float
    reports: tuple[dict[str, object], ...]


class Running(NamedTuple):
    """A service that answers, with a declared source and that source's token."""

    url: str
    token: str

    def harvest(self) -> Clocked:
        """Run `model-catalog harvest`, with imports before its clock starts."""
        environment = os.environ | {
            "MODEL_CATALOG_URL": self.url,
            "MODEL_CATALOG_TOKEN": self.token,
            "MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK,
        }
        begun = time.perf_counter()
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "bench.clocked", SOURCE],
            cwd=ROOT, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        took = time.perf_counter() - begun
        if done.returncode:
            message = f"the harvest failed:\n{done.stdout}\n{done.stderr}"
            raise RuntimeError(message)
        *reports, clock = map(json.loads, done.stdout.splitlines())
        return Clocked(clock["seconds"], took, tuple(reports))


@contextmanager
def run_catalog(database: str, *, uri: str) -> Iterator[Running]:
    """Start the service on a migrated database; declare an MLflow server as its source."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = {
        "MODEL_CATALOG_DATABASE_URL": database,
        "MODEL_CATALOG_SECRET_KEY": secrets.token_urlsafe(48),
        "MODEL_CATALOG_BASE_URL": url,
    }
    command = [sys.executable, "-m", "cli.main", "serve", "--port", url.rpartition(":")[2]]
    with tempfile.TemporaryDirectory() as folder, Children() as children:
        log = Path(folder) / "catalog.log"
        children.start(command, log=log, environment=os.environ | settings)
        wait_for(f"{url}/readyz", children, log=log)
        yield Running(url, _declared(url, _first_token(database), uri=uri))


def _first_token(database: str) -> str:
    opened = Database(database, pool=1)
    text, _ = opened.transact(
        lambda session: bootstrap(session, actor=Actor("operator", "bench"), recover=False)
    )
    opened.dispose()
    return text


def _declared(url: str, first: str, *, uri: str) -> str:
    """Declare the source, as an admin; answers its token."""
    made = Client(url, first).post("/api/v1/tokens", {"role": "admin", "days": 1})
    admin = Client(url, made["token"])
    settings = {
        "name": SOURCE, "kind": "mlflow", "namespace": "retail",
        "settings": {"uri": uri, "workspaces": ["default"]},
    }  # fmt: skip
    admin.put(f"/api/v1/sources/{SOURCE}", settings)
    own = admin.post("/api/v1/tokens", {"role": "source", "source": SOURCE, "days": 1})
    return str(own["token"])
