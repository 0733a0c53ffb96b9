"""The demo's way through the product: the same commands and addresses that a user has."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cli.client import Client
from cli.exits import Exit, Stop
from service import migrations
from service.access.tokens import bootstrap
from service.db import Database
from service.embedded import start_embedded
from service.ledger.change import Actor
from service.roles import make_roles

LOOPBACK = "127.0.0.1/32"


def prepare_database(folder: Path) -> tuple[str, str]:
    """A private server with roles and schema; answers its URL and the first token."""
    url = start_embedded(folder)
    database = Database(url, role=None, pool=2)
    with database.engine.begin() as connection:
        make_roles(connection)
    migrations.upgrade(database)
    text, _ = database.transact(
        lambda session: bootstrap(session, actor=Actor("operator", "demo"), recover=False)
    )
    database.dispose()
    return url, text


class Catalog:
    """The running catalog, as an admin and a reader use it."""

    def __init__(self, url: str, *, bootstrap: str) -> None:
        """Turn the one-use token into an admin's, and make a reader's for a day."""
        self.url = url
        made = Client(url, bootstrap).post("/api/v1/tokens", {"role": "admin", "days": 1})
        self.admin = Client(url, made["token"])
        self.reader = str(self.admin.post("/api/v1/tokens", {"role": "reader", "days": 1})["token"])
        self.read = Client(url, self.reader)

    def models(self) -> list[Any]:
        """The models that the catalog lists."""
        found: list[Any] = self.read.get("/api/v1/models", page_size="1000")["items"]
        return found

    def export(self, file: Path, *, versions: bool = False) -> int:
        """Write a CSV; answers its number of records."""
        path = "/api/v1/versions.csv" if versions else "/api/v1/models.csv"
        with file.open("wb") as target:
            self.read.download(path, target)
        with file.open(newline="", encoding="utf-8") as written:
            return sum(1 for _ in csv.reader(written)) - 1

    def harvest(self, source: str) -> None:
        """Run the command that cron would run, with the source's own token."""
        made = self.admin.post("/api/v1/tokens", {"role": "source", "source": source, "days": 1})
        environment = os.environ | {
            "MODEL_CATALOG_URL": self.url,
            "MODEL_CATALOG_TOKEN": made["token"],
            "MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK,
        }
        done = subprocess.run(  # noqa: S603  # our own command
            [sys.executable, "-m", "cli.main", "harvest", source],
            env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode:
            raise Stop(done.stderr, Exit.UNAVAILABLE)


def declare(catalog: Catalog, *, source: str, uri: str) -> None:
    """Declare the MLflow server as a source of namespace `retail`."""
    settings = {
        "name": source, "kind": "mlflow", "namespace": "retail",
        "settings": {"uri": uri, "workspaces": ["default"]},
    }  # fmt: skip
    catalog.admin.put(f"/api/v1/sources/{source}", settings)
