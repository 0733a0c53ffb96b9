"""`model-catalog worker` and `harvest --due`: real processes, a real MLflow, a real database."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # no stubs; comes with the server's wheel
import pytest

from service.db import Database
from tests.conftest import ROOT
from tests.e2e.site import LOOPBACK, Site, Workspace
from tests.e2e.test_harvest_command import hanging
from tests.support.catalog import changes, rows

LONGEST: Final = 90.0
SECRETS: Final = {
    "MODEL_CATALOG_SECRET_KEY": "k" * 40,
    "MODEL_CATALOG_SECRET_KEY_HOST": "127.0.0.1",
    "MODEL_CATALOG_SECRET_MINE": "user:mine",
    "MODEL_CATALOG_SECRET_MINE_HOST": "127.0.0.1",
    "MODEL_CATALOG_SECRET_OTHERS": "user:others",
    "MODEL_CATALOG_SECRET_OTHERS_HOST": "127.0.0.1",
}


class Worker:
    """A running worker, and what it says."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        """It has just been started."""
        self.process, self.log = process, log

    def said(self, event: str) -> list[Any]:
        """The events of this name so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [one for one in found if one["event"] == event]

    def wait_for(self, event: str, count: int = 1) -> list[Any]:
        """Until it has said so often enough."""
        wait(lambda: len(self.said(event)) >= count, self.log)
        return self.said(event)

    def children(self) -> list[psutil.Process]:
        """The harvests that it runs."""
        return [p for p in psutil.Process(self.process.pid).children() if "harvest" in p.cmdline()]

    def stop(self) -> int:
        """End it as a supervisor does."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def wait(found: Callable[[], Any], log: Path) -> Any:
    """Until something is there."""
    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        if answer := found():
            return answer
        time.sleep(0.05)
    pytest.fail(log.read_text(encoding="utf-8"))


@contextmanager
def working(site: Site, log: Path, *options: str, **environment: str) -> Iterator[Worker]:
    """Run the real command until the block ends."""
    url = site.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    variables = {
        "PATH": os.environ["PATH"],
        "MODEL_CATALOG_URL": site.url,
        "MODEL_CATALOG_DATABASE_URL": url,
        "MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK,
    }
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [sys.executable, "-m", "cli.main", "worker", *options],
            cwd=ROOT, env=variables | environment, stdout=said, stderr=said,
        )  # fmt: skip
        try:
            yield Worker(process, log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_worker_harvests_what_is_due(churn: Workspace, site: Site, tmp_path: Path) -> None:
    """It harvests a due source, and leaves it alone until it is due again; SIGTERM ends it."""
    del churn
    with working(site, tmp_path / "log") as worker:
        (ended,) = worker.wait_for("harvest_ended")
        worker.wait_for("jobs_done")
        code = worker.stop()

    assert (ended["source"], ended["code"], code) == ("mlflow-prod", 0, 0)
    assert len(site.versions()) == 2
    assert len(worker.said("harvest_begun")) == 1
    assert rows(site.database, "SELECT worker, exit_code, failures FROM turn") == [(None, 0, 0)]


def test_worker_token(churn: Workspace, site: Site, tmp_path: Path) -> None:
    """Its token speaks for the one source, is in the ledger, and ends with the worker."""
    del churn
    with working(site, tmp_path / "log") as worker:
        worker.wait_for("harvest_ended")
        worker.stop()

    made = [one for one in changes(site.database) if one["actor"]["id"] == "worker"]
    assert [(one["op"], one["actor"]["kind"]) for one in made] == [
        ("grant", "software"), ("revoke", "software"),
    ]  # fmt: skip
    assert (made[0]["new"]["role"], made[0]["new"]["source"]) == ("source", "mlflow-prod")


def test_workers_share(churn: Workspace, site: Site, tmp_path: Path) -> None:
    """Of two workers only one harvests a source."""
    del churn
    with ExitStack() as stack:
        both = [stack.enter_context(working(site, tmp_path / name)) for name in ("one", "two")]
        for worker in both:
            worker.wait_for("jobs_done")
        wait(lambda: [one for w in both for one in w.said("harvest_ended")], both[0].log)

    assert sum(len(worker.said("harvest_begun")) for worker in both) == 1
    each = "SELECT DISTINCT outcome, count(*) FROM harvest GROUP BY scope_id, outcome"
    assert rows(site.database, each) == [("complete", 1)]


def test_worker_goes_on(registry: Workspace, churn: Workspace, site: Site, tmp_path: Path) -> None:
    """A source that fails does not keep another from being read, and is tried again later."""
    del churn
    broken = Workspace.__new__(Workspace)
    broken.uri, broken.name = "http://127.0.0.1:1", registry.name
    site.declare(broken, source="broken", namespace="other")
    with working(site, tmp_path / "log", "--side-by-side", "1") as worker:
        ended = worker.wait_for("harvest_ended", count=2)

    assert {one["source"]: one["code"] for one in ended} == {"mlflow-prod": 0, "broken": 6}
    said = [one["said"] for one in worker.said("harvest_says") if one["source"] == "broken"]
    assert "Nothing was retired; the next harvest tries again." in said
    failures = "SELECT failures FROM turn JOIN source ON id = source_id ORDER BY name"
    assert rows(site.database, failures) == [(1,), (0,)]


def test_worker_environment(registry: Workspace, site: Site, tmp_path: Path) -> None:
    """A harvest has its source's secrets, and neither another's nor the catalog's own."""
    with hanging() as source:
        for name, credential in (("mlflow-prod", "MINE"), ("mlflow-two", "KEY")):
            registry.uri = f"http://127.0.0.1:{source.port}"
            site.declare(registry, source=name, credential=credential, namespace=name)
        with working(site, tmp_path / "log", **SECRETS) as worker:
            two = wait(lambda: len(found := worker.children()) == 2 and found, worker.log)
            seen = {process.cmdline()[-1]: process.environ() for process in two}

    names = {
        source: {name for name in variables if "MODEL_CATALOG" in name or "HOME" in name}
        for source, variables in seen.items()
    }
    given = {"MODEL_CATALOG_URL", "MODEL_CATALOG_TOKEN", "MODEL_CATALOG_OUTBOUND_ALLOW"}
    assert names == {
        "mlflow-prod": given | {"MODEL_CATALOG_SECRET_MINE", "MODEL_CATALOG_SECRET_MINE_HOST"},
        "mlflow-two": given,
    }
    assert seen["mlflow-prod"]["MODEL_CATALOG_TOKEN"] != seen["mlflow-two"]["MODEL_CATALOG_TOKEN"]


def test_worker_terminated(registry: Workspace, site: Site, tmp_path: Path) -> None:
    """SIGTERM ends the harvests within ten seconds, in order: closed as failed, due as before."""
    with hanging() as source:
        registry.uri = f"http://127.0.0.1:{source.port}"
        site.declare(registry)
        with working(site, tmp_path / "log") as worker:
            assert source.reached.wait(60)
            (child,) = worker.children()
            code = worker.stop()

    assert (code, child.is_running()) == (0, False)
    assert [one["outcome"] for one in site.harvests()] == ["failed"]
    assert rows(site.database, "SELECT worker, ended_at FROM turn") == [(None, None)]


def test_worker_time_limit(registry: Workspace, site: Site, tmp_path: Path) -> None:
    """A harvest that takes too long is asked to end, which closes it, and counts as failed."""
    with hanging() as source:
        registry.uri = f"http://127.0.0.1:{source.port}"
        site.declare(registry)
        with working(site, tmp_path / "log", "--time-limit", "8") as worker:
            (ended,) = worker.wait_for("harvest_ended")

    assert (ended["code"], len(worker.said("harvest_too_long"))) == (6, 1)
    assert rows(site.database, "SELECT exit_code, failures FROM turn") == [(6, 1)]
    assert {one["outcome"] for one in site.harvests()} == {"failed"}


@pytest.mark.usefixtures("churn")
def test_harvest_due(site: Site, database: Database) -> None:
    """`harvest --due` reads what is due, once; then nothing is due, and 0 is the answer."""
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)

    ran = [site.command("harvest", "--due", MODEL_CATALOG_DATABASE_URL=url) for _ in range(2)]

    assert [one.returncode for one in ran] == [0, 0]
    assert [one.stderr for one in ran] == ["1 sources were due.\n", "0 sources were due.\n"]
    assert {json.loads(line)["outcome"] for line in ran[0].stdout.splitlines()} == {"complete"}
    assert len(site.versions()) == 2


def test_harvest_due_fails(registry: Workspace, site: Site, database: Database) -> None:
    """What went wrong is said with the source's name, and its exit code is the answer."""
    registry.uri = "http://127.0.0.1:1"
    site.declare(registry)
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)

    ran = site.command("harvest", "--due", MODEL_CATALOG_DATABASE_URL=url)

    assert ran.returncode == 6
    assert "mlflow-prod: Nothing was retired; the next harvest tries again.\n" in ran.stderr
    assert ran.stderr.endswith("1 sources were due.\nNot as it should be: mlflow-prod (6).\n")
