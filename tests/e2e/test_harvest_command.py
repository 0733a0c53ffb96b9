"""The command as cron meets it: exit codes, what it prints, signals, and who else is running."""

import json
import os
import pty
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import pytest

from service.db import Database
from tests.e2e.proxy import Answered, Asked, Proxy
from tests.e2e.site import Site, Workspace
from tests.support.catalog import entries, last_change, rows

LEFT: Final = 28.0  # on a busy machine; MLflow's client gives a hanging server 90, our own 60


class Hanging:
    """Accepts every connection and never says a word."""

    def __init__(self, listener: socket.socket) -> None:
        """Wait for the first one."""
        self.port: int = listener.getsockname()[1]
        self.reached = threading.Event()


@contextmanager
def hanging() -> Iterator[Hanging]:
    """A server that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ExitStack() as stack:
        server = Hanging(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                stack.enter_context(connection)
                server.reached.set()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_harvest_signalled(
    registry: Workspace, site: Site, database: Database, number: signal.Signals
) -> None:
    """A signal closes the harvest as failed within ten seconds, also while the source hangs."""
    with hanging() as source:
        registry.uri = f"http://127.0.0.1:{source.port}"
        site.declare(registry)
        with site.started("harvest", "mlflow-prod") as process:
            assert source.reached.wait(60)
            process.send_signal(number)
            out, err = process.communicate(timeout=LEFT)

    assert (process.returncode, out, err) == (130, "", "Interrupted; nothing was retired.\n")
    (left,) = site.harvests()
    assert (left["outcome"], left["report"]["error"]) == ("failed", "KeyboardInterrupt: ")
    assert rows(database, "SELECT count(*) FROM subject") == [(0,)]


def test_harvest_signalled_catalog_hangs(churn: Workspace, site: Site, way_in: Proxy) -> None:
    """A catalog that does not answer any more does not keep the command from ending."""
    reached = threading.Event()

    def hang(asked: Asked) -> None:
        if asked.step == "sightings" or reached.is_set():
            reached.set()
            way_in.stopping.wait(60)

    way_in.before = hang
    with site.started("harvest", "mlflow-prod", MODEL_CATALOG_URL=way_in.url) as process:
        assert reached.wait(60)
        process.terminate()
        _, err = process.communicate(timeout=LEFT)

    assert (process.returncode, err) == (130, "Interrupted; nothing was retired.\n")
    assert site.harvests()[0]["outcome"] is None  # its lease will end
    assert churn.get_registered_model("churn").name == "churn"


@pytest.mark.usefixtures("churn")
def test_harvest_twice_at_once(site: Site, way_in: Proxy) -> None:
    """The second harvester of a source leaves in peace and says until when the first may run."""
    opened, over = threading.Event(), threading.Event()

    def wait(asked: Asked, answered: Answered) -> Answered:
        if asked.step == "open":
            opened.set()
            over.wait(60)
        return answered

    way_in.after = wait
    with site.started("harvest", "mlflow-prod", MODEL_CATALOG_URL=way_in.url) as first:
        assert opened.wait(60)
        second = site.command("harvest", "mlflow-prod")
        over.set()
        out, err = first.communicate(timeout=60)

    (_, answered) = next(said for said in way_in.answered if said[0].step == "open")
    until = json.loads(answered.body)["lease_until"]
    scope, *others = (json.loads(line)["scope"] for line in out.splitlines())
    assert second.returncode == 0
    assert [json.loads(line)["scope"] for line in second.stdout.splitlines()] == others
    assert second.stderr == f"{scope}: already running until {until}\n"
    assert (first.returncode, err, len(site.versions())) == (0, "", 2)


@pytest.mark.usefixtures("churn")
def test_harvest_prints(site: Site) -> None:
    """In a pipe a line of JSON for each scope, with what came of it."""
    done = site.command("harvest", "mlflow-prod")

    reports = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, "")
    assert reports == [harvest["report"] for harvest in reversed(site.harvests())]
    assert [(one["scope"].partition("/")[0], one["outcome"], one["seen"]) for one in reports] == [
        ("registry", "complete", 4), ("experiments", "complete", 0),
        ("training_runs", "complete", 0), ("models", "complete", 0),
    ]  # fmt: skip


@pytest.mark.usefixtures("churn")
def test_harvest_prints_reports_alone(site: Site, way_in: Proxy) -> None:
    """A catalog that is busy for a moment is asked again; of that nothing stands in the output."""
    busy = {"open", "sightings", "close"}

    def refuse(asked: Asked) -> Answered | None:
        if asked.step not in busy:
            return None
        busy.remove(asked.step)
        return Answered(503, b"{}")

    way_in.before = refuse
    done = site.command("harvest", "mlflow-prod", "--json", MODEL_CATALOG_URL=way_in.url)

    assert (done.returncode, busy) == (0, set())
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["complete"] * 4
    assert done.stderr == ""


@pytest.mark.usefixtures("churn")
def test_harvest_on_a_terminal(site: Site) -> None:
    """On a terminal a table; a plan is listed field by field."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as screen:
        done = site.command("harvest", "mlflow-prod", "--dry-run", onto=theirs)
        os.close(theirs)
        shown = read_all(screen).replace("\r\n", "\n")

    assert done.returncode == 0
    cells = [[part.strip() for part in line.split("│")[1:-1]] for line in shown.splitlines()]
    assert ["outcome", *["complete"] * 4] in cells
    assert ["created", "4", "0", "0", "0"] in cells
    assert "model:mlflow:mlflow-prod" in shown
    assert "create: None -> {" in shown
    assert "'name': 'churn'" in shown
    assert not shown.lstrip().startswith("{")


def read_all(screen: Any) -> str:
    """What a terminal shows, without its colours, until its program has left."""
    said = b""
    while True:
        try:
            part = screen.read(65_536)
        except OSError:  # Linux says so when nobody writes any more
            part = b""
        if not part:
            return re.sub(r"\x1b\[[0-9;]*m", "", said.decode())
        said += part


@pytest.mark.usefixtures("churn")
def test_harvest_dry_run(site: Site, database: Database) -> None:
    """A dry run prints its plan and keeps nothing; the harvest after it does what was planned."""
    before = last_change(database)

    done = site.command("harvest", "mlflow-prod", "--dry-run")

    planned = json.loads(done.stdout.splitlines()[0])
    assert (done.returncode, done.stderr, planned["dry_run"]) == (0, "", True)
    assert (planned["created"], len(planned["plan"])) == (4, 4)
    assert (entries(database), last_change(database)) == ({}, before)
    assert rows(database, "SELECT (SELECT count(*) FROM subject), count(*) FROM sighting") == [
        (0, 0)
    ]
    assert site.cursor() is None
    assert site.harvest().created == planned["created"]


def test_harvest_source_down(registry: Workspace, site: Site) -> None:
    """A source that is not there is exit code 6, and its harvest is closed as failed."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        registry.uri = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    site.declare(registry)

    done = site.command("harvest", "mlflow-prod")

    assert (done.returncode, done.stdout) == (6, "")
    first, *others, last = done.stderr.splitlines()
    assert first.startswith(f"registry/{registry.name}: failed. SourceUnavailable: search_exp")
    assert all(": failed. SourceUnavailable: " in line for line in others)
    assert last == "Nothing was retired; the next harvest tries again."
    assert site.harvests()[0]["outcome"] == "failed"


@pytest.mark.usefixtures("churn")
def test_harvest_catalog_down(site: Site) -> None:
    """A catalog that is not there is exit code 6, with its address."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"

    done = site.command("harvest", "mlflow-prod", MODEL_CATALOG_URL=url)

    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr.startswith(f"The catalog at {url} does not answer")


@pytest.mark.usefixtures("churn")
def test_harvest_wrong_token(site: Site) -> None:
    """A token that is refused, missing or another's is exit code 4."""
    for token in ("mcats_wrong", "", site.reader):
        done = site.command("harvest", "mlflow-prod", MODEL_CATALOG_TOKEN=token)
        assert (done.returncode, done.stdout) == (4, "")
        assert "oken" in done.stderr
    assert site.harvests() == []


@pytest.mark.usefixtures("churn")
def test_harvest_wrong_use(site: Site) -> None:
    """An unknown source is exit code 3, a range that cannot be read 2; no address is reached."""
    unknown = site.command("harvest", "nowhere", MODEL_CATALOG_TOKEN=site.admin)
    ranges = site.command("harvest", "mlflow-prod", MODEL_CATALOG_OUTBOUND_ALLOW="everything")
    private = site.command("harvest", "mlflow-prod", MODEL_CATALOG_OUTBOUND_ALLOW="")

    assert unknown.returncode == 3
    assert (ranges.returncode, ranges.stderr.splitlines()[0][:29]) == (
        2, "MODEL_CATALOG_OUTBOUND_ALLOW:",
    )  # fmt: skip
    assert private.returncode == 6
    assert "MODEL_CATALOG_OUTBOUND_ALLOW=127.0.0.1/32" in private.stderr
    assert site.harvests() == []


@pytest.mark.usefixtures("churn")
def test_harvest_not_the_catalog(site: Site, way_in: Proxy) -> None:
    """What answers in the catalog's stead is no catalog: exit code 6, and nothing is believed."""
    page = Answered(200, b"<html>Please log in.</html>", {"Content-Type": "text/html"})
    way_in.before = lambda asked: page if asked.step == "open" else None

    done = site.command("harvest", "mlflow-prod", MODEL_CATALOG_URL=way_in.url)

    assert (done.returncode, done.stdout) == (6, "")
    assert "is MODEL_CATALOG_URL right?" in done.stderr
    assert site.harvests() == []


@pytest.mark.usefixtures("churn")
def test_harvest_reader_leaves(site: Site) -> None:
    """Whoever reads the reports may leave early; the harvest goes on to its end."""
    with site.started("harvest", "mlflow-prod") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(60) == 0

    assert site.harvests()[0]["outcome"] == "complete"
