"""The demo's way through the product: the same commands and addresses that a user has."""

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import IO, Any, Final, cast

from cli.client import Client
from cli.demo.children import PREFIX, our_environment
from cli.exits import Exit, Stop
from cli.output import say
from service import migrations
from service.access.tokens import bootstrap
from service.db import Database
from service.embedded import start_embedded
from service.ledger.change import Actor
from service.roles import make_roles

FIGURES: Final = ("seen", "created", "changed", "retired", "refused")
ENVIRONMENT: Final = "environment"
MOST_SAID: Final = 10  # things passed over, of each scope; the file has all of them


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

    def __init__(self, url: str, *, bootstrap: str, home: Path, database: str) -> None:
        """Turn the one-use token into an admin's, and make a reader's for a day."""
        self.url, self.home, self.database = url, home, database
        made = Client(url, bootstrap).post("/api/v1/tokens", {"role": "admin", "days": 1})
        self.token = str(made["token"])
        self.admin = Client(url, self.token)
        self.reader = str(self.admin.post("/api/v1/tokens", {"role": "reader", "days": 1})["token"])
        self.read = Client(url, self.reader)

    def leave_environment(self, **variables: str) -> None:
        """Leave a file that a shell reads, for whoever wants to go on by hand; ours alone."""
        own = {"URL": self.url, "TOKEN": self.token, "DATABASE_URL": self.database}
        known = {PREFIX + name: value for name, value in own.items()} | variables
        file = self.home / ENVIRONMENT
        file.touch(mode=0o600)
        file.write_text("".join(f"export {name}={quote(value)}\n" for name, value in known.items()))

    def declare(
        self,
        source: str,
        settings: Mapping[str, Any],
        *,
        spaces: Mapping[str, str],
        kind: str = "mlflow",
        credential: str | None = None,
    ) -> None:
        """Declare a source; `spaces` are the namespaces of its workspaces, by which it may name."""
        body = {
            "name": source, "kind": kind, "namespace": spaces.get("default", "default"),
            "namespaces": spaces, "credential": credential, "settings": settings,
        }  # fmt: skip
        self.admin.put(f"/api/v1/sources/{source}", body)

    def harvest(self, source: str, **variables: str) -> None:
        """Run the command that cron would run, with the source's own token; say what came of it.

        A scope that fails is said and left out; when all fail, that ends the demo.
        """
        made = self.admin.post("/api/v1/tokens", {"role": "source", "source": source, "days": 1})
        command = [sys.executable, "-m", "cli.main", "harvest", source, "--json"]
        environment = our_environment(URL=self.url, TOKEN=made["token"], **variables)
        outcomes = set()
        with (
            (self.home / "harvests.jsonl").open("a", encoding="utf-8") as kept,
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process,  # noqa: S603  # our own
        ):
            for line in cast("IO[bytes]", process.stdout):  # as each scope is done
                kept.write(line.decode())
                report = json.loads(line)
                outcomes.add(report["outcome"])
                self._tell(report)
        if "complete" not in outcomes:
            message = "Nothing was harvested; what went wrong stands above."
            raise Stop(message, Exit.UNAVAILABLE)

    def export(self, name: str) -> int:
        """Write a list as CSV; answers its number of records."""
        file = self.home / f"{name}.csv"
        with file.open("wb") as target:
            self.read.download(f"/api/v1/{name}.csv", target, advance=lambda _: None)
        with file.open(newline="", encoding="utf-8") as written:
            return sum(1 for _ in csv.reader(written)) - 1

    def models(self) -> list[Any]:
        """The models that the catalog lists."""
        return list(self.read.pages("/api/v1/models"))

    def _tell(self, report: Mapping[str, Any]) -> None:
        """One scope of a harvest in a line, and below it what it passed over and why."""
        figures = (f"{report[name]} {name}" for name in FIGURES if report[name] or name == "seen")
        left_out = (f"{count} {reason}" for reason, count in sorted(report["counts"].items()))
        say(f"  {report['scope']}: {report['outcome']}; {', '.join((*figures, *left_out))}")
        skipped = report["skipped"]
        for one in skipped[:MOST_SAID]:
            about = (one["subject"] or {}).get("value", "")
            say(f"    passed over {about} ({one['code']}): {one['message']}")
        if len(skipped) > MOST_SAID:
            say(f"    and {len(skipped) - MOST_SAID} more: {self.home / 'harvests.jsonl'}")
