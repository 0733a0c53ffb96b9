"""A served catalog and the registries that fill it: what people and cron have in front of them."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx2
import uvicorn
from pydantic import SecretStr

from harvesters.mlflow.client import Registry
from harvesters.mlflow.names import Place
from harvesters.mlflow.sweep import RegistrySweep
from harvesters.runner import harvest
from harvesters.sink import HttpSink
from schemas.harvest import HarvestReport
from service.access.tokens import bootstrap
from service.app import create_app
from service.db import Database
from service.settings import Settings
from tests.support.catalog import OPERATOR, rows, written

ROOT: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
LOOPBACK: Final = "127.0.0.1/32"


class Workspace:
    """One workspace of a real MLflow server, written to by MLflow's own client."""

    def __init__(self, uri: str, name: str) -> None:
        """The client's environment is prepared."""
        import mlflow  # noqa: PLC0415  # in the prepared environment only

        self.uri, self.name = uri, name
        self._client = mlflow.MlflowClient(uri, uri)

    def __getattr__(self, method: str) -> Any:
        """A method of `MlflowClient`, in this workspace: it is stored by thread and process."""
        import mlflow  # noqa: PLC0415

        mlflow.set_workspace(None if self.name == "default" else self.name)
        return getattr(self._client, method)


class Site:
    """A catalog that answers on loopback, with an admin's and a reader's token."""

    def __init__(self, url: str, database: Database) -> None:
        """Turn the one-use token into the two."""
        self.url, self.database = url, database
        first, _ = database.transact(lambda s: bootstrap(s, actor=OPERATOR, recover=False))
        alone = httpx2.Limits(max_keepalive_connections=0)  # the server ends idle ones
        self.http = httpx2.Client(
            base_url=f"{url}/api/v1", trust_env=False, timeout=60, limits=alone
        )
        self.admin = self._token(first, role="admin")
        self.reader = self._token(self.admin, role="reader")
        self.tokens: dict[str, str] = {}
        self.places: dict[str, Place] = {}

    def declare(self, workspace: Workspace, *, source: str = "mlflow-prod", **more: Any) -> None:
        """Declare a workspace as a source of namespace `retail`."""
        namespace = more.get("namespace", "retail")
        asked = {
            "name": source, "kind": "mlflow", "namespace": namespace,
            "namespaces": {workspace.name: namespace},
            "settings": {"uri": workspace.uri, "workspaces": [workspace.name]},
        } | more  # fmt: skip
        answer = self.http.put(f"/sources/{source}", json=asked, headers=bearer(self.admin))
        assert answer.is_success, answer.text
        self.places[source] = Place(source, workspace.name, namespace, workspace.uri)
        if source not in self.tokens:
            self.tokens[source] = self._token(self.admin, role="source", source=source)

    def harvest(
        self, source: str = "mlflow-prod", *, through: str | None = None, **options: Any
    ) -> HarvestReport:
        """Sweep in this process; `through` is another way to the catalog."""
        place = self.places[source]
        sink = HttpSink(through or self.url, self.tokens[source], source=source)
        with closing(sink.http):
            registry = Registry(place.uri, workspace=place.workspace)
            return harvest(RegistrySweep(registry, place), sink, **options)

    def command(
        self, *arguments: str, onto: int = subprocess.PIPE, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the real command to its end; `onto` is where its output goes."""
        with self.started(*arguments, onto=onto, **environment) as process:
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    @contextmanager
    def started(
        self, *arguments: str, onto: int = subprocess.PIPE, **environment: str
    ) -> Iterator["subprocess.Popen[str]"]:
        """Start the real command as a process of its own, as cron would; it ends in any case."""
        with subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=ROOT,
            env=self._environment() | environment,
            stdin=subprocess.DEVNULL,
            stdout=onto,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def get(self, path: str, **params: str) -> Any:
        """What a reader is answered."""
        answer = self.http.get(path, params=params, headers=bearer(self.reader))
        assert answer.is_success, answer.text
        return answer.json()

    def text(self, path: str, **params: str) -> str:
        """What a reader is answered, as text."""
        answer = self.http.get(path, params=params, headers=bearer(self.reader))
        assert answer.is_success, answer.text
        return answer.text

    def models(self, **params: str) -> dict[str, Any]:
        """The listed models by name, live ones unless told otherwise."""
        return self._by_name("/models", **{"gone": "false"} | params)

    def versions(self, **params: str) -> dict[str, Any]:
        """The listed versions by name, live ones unless told otherwise."""
        return self._by_name("/versions", **{"gone": "false"} | params)

    def _by_name(self, path: str, **params: str) -> dict[str, Any]:
        """What was replaced keeps its name and has no address any more."""
        return {row["name"]: row for row in self.get(path, **params)["items"] if row["url"]}

    def harvests(self, source: str = "mlflow-prod") -> list[Any]:
        """Harvests of a source as its operator sees them, newest first."""
        answer = self.http.get(f"/sources/{source}/harvests", headers=bearer(self.admin))
        assert answer.is_success, answer.text
        found: list[Any] = answer.json()["items"]
        return found

    def cursor(self, source: str = "mlflow-prod") -> Any:
        """Where the next sweep of the registry begins."""
        answer = self.http.get(f"/sources/{source}", headers=bearer(self.admin))
        (scope,) = (s for s in answer.json()["scopes"] if s["scope"].startswith("registry/"))
        return json.loads(scope["full_cursor"]) if scope["full_cursor"] else None

    def written(self) -> dict[str, tuple[int, int, int]]:
        """What was written so far; a backend's own counts have all arrived when it has ended."""
        self.database.dispose()
        others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        until = time.monotonic() + 30
        while rows(self.database, others) != [(1,)] and time.monotonic() < until:
            time.sleep(0.01)
        return written(self.database)

    def _token(self, by: str, **asked: Any) -> str:
        answer = self.http.post("/tokens", json={"days": 1} | asked, headers=bearer(by))
        assert answer.is_success, answer.text
        return str(answer.json()["token"])

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "MODEL_CATALOG_URL": self.url,
            "MODEL_CATALOG_TOKEN": self.tokens["mlflow-prod"],
            "MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK,
        }


@contextmanager
def served(database: Database) -> Iterator[Site]:
    """The API on a free port, as `model-catalog serve` runs it, in a thread of this process."""
    key = SecretStr("tests-only-and-long-enough-for-it-4711")
    unused = SecretStr("postgresql://unused")  # the database is given
    with socket.create_server((HOST, 0)) as listener:
        url = f"http://{HOST}:{listener.getsockname()[1]}"
        settings = Settings(
            database_url=unused, secret_key=key, base_url=url, outbound_allow=LOOPBACK
        )
        app = create_app(settings, database)
        config = uvicorn.Config(
            app, http="httptools", ws="none", log_config=None, access_log=False, server_header=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            until = time.monotonic() + 30
            while not server.started and time.monotonic() < until:
                time.sleep(0.01)
            site = Site(url, database)
            with closing(site.http):
                yield site
        finally:
            server.should_exit = True
            thread.join()


def bearer(token: str) -> dict[str, str]:
    """The header that carries a token."""
    return {"Authorization": f"Bearer {token}"}
