"""`worker`, `evaluate` and the ways to call `harvest`: what they take, refuse and print."""

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from service.db import Database
from service.operation.jobs import JOBS
from tests.cli.conftest import PROGRAM, Command, environment
from tests.conftest import ROOT
from tests.support.catalog import Sweep, make_source, model, rows

AWAY: Final = "postgresql://catalog@127.0.0.1:1/catalog"
SHOW: Final = """
from cli.progress import watched
with watched("http://127.0.0.1:1", "token", source="mlflow-prod") as sink:
    sink.scope, sink.seen, sink.recorded = "registry/default", 12345, 67
    sink.begun -= {earlier}
    sink._show()
"""


@pytest.mark.parametrize(
    "arguments",
    [["harvest"], ["harvest", "one", "--due"], ["harvest", "--due", "--full"],
     ["harvest", "--due", "--dry-run"]],
)  # fmt: skip
def test_harvest_wrong_use(command: Command, arguments: list[str]) -> None:
    """One source, or all that are due: anything else is wrong use."""
    ran = command(*arguments, DATABASE_URL=AWAY)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "Name one source, or say --due alone.\n"


@pytest.mark.parametrize("name", ["worker", "evaluate"])
def test_worker_settings(command: Command, name: str) -> None:
    """A setting that cannot be read ends it with 2, before anything happens."""
    ran = command(name, TRAINING_RUN_DAYS="for ever", DATABASE_URL=AWAY)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("MODEL_CATALOG_TRAINING_RUN_DAYS must be a number in plain digits")


def test_worker_waits_for_the_database(tmp_path: Path) -> None:
    """It stands a database that is away, says so, and ends in order when it is told to."""
    log = tmp_path / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*PROGRAM, "worker"], cwd=ROOT, env=environment(DATABASE_URL=AWAY), stderr=said
        )
        while b"database_away" not in log.read_bytes() and process.poll() is None:
            time.sleep(0.05)
        process.terminate()
        code = process.wait(30)

    assert code == 0
    said_so = [json.loads(line) for line in log.read_text().splitlines()]
    away = next(one for one in said_so if one["event"] == "database_away")
    assert away["code"] == "database_unavailable"
    assert "Traceback" not in log.read_text()


def test_evaluate_once(command: Command, database: Database, database_url: str) -> None:
    """It does each job once and says how much there was; a dry run changes nothing."""
    Sweep(database, make_source(database)).send(model())
    with database.writing() as session:
        session.connection().exec_driver_sql("UPDATE harvest SET lease_until = now()")

    ran = [
        command("evaluate", *options, DATABASE_URL=database_url)
        for options in (["--dry-run", "--json"], ["--json"], [])
    ]

    ((waiting,),) = rows(database, "SELECT count(*) FROM change")
    found = dict.fromkeys(
        (
            *JOBS,
            "deliveries_read",
            "pins_expired",
            "deployment_decisions_ended",
            "refolded",
            "rules_begun",
            "rules_previewed",
            "rules_applied",
            "models_evaluated",
            "bundles_built",
        ),
        0,
    )
    found |= {"harvests_expired": 1, "changes_sealed": waiting}
    assert [one.code for one in ran] == [0, 0, 0]
    assert [json.loads(one.out) for one in ran[:2]] == [found, found]
    assert ran[2].lines == [f"{name}\t0" for name in found]


@pytest.mark.parametrize(("earlier", "shown"), [(3, True), (0, False)])
def test_progress_on_a_terminal(earlier: int, shown: bool) -> None:  # noqa: FBT001  # a case
    """What takes longer than two seconds shows how far it is, on standard error."""
    ours, theirs = pty.openpty()
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", SHOW.format(earlier=earlier)], cwd=ROOT, stderr=theirs,
        stdout=subprocess.PIPE, env=environment() | {"TERM": "xterm", "COLUMNS": "100"}, check=True,
    )  # fmt: skip
    os.close(theirs)
    with os.fdopen(ours, "rb", buffering=0) as screen:
        said = b""
        while piece := _read(screen.fileno()):
            said += piece

    assert done.stdout == b""
    assert ("registry/default: 12,345 seen, 67 recorded" in said.decode()) is shown


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other end is closed
        return b""


def test_progress_in_a_pipe() -> None:
    """In a pipe nothing but words is said."""
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", SHOW.format(earlier=3)], cwd=ROOT, capture_output=True, check=True,
        env=environment(),
    )  # fmt: skip

    assert (done.stdout, done.stderr) == (b"", b"")
