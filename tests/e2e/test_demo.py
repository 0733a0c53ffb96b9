"""The demo, as `make demo` runs it: everything from nothing, by the real commands."""

import csv
import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from cli.demo.own_server import Server, find_server
from tests.e2e.site import Workspace
from tests.support.mlflow_server import run_mlflow_server

ROOT: Final = Path(__file__).parents[2]
COMMAND: Final = (sys.executable, "-m", "cli.main", "demo")
NOTES: Final = {  # model → what stands out, as the table says it
    "credit/affordability": "-",
    "credit/churn": "-",
    "credit/credit-score": "-",
    "retail/basket-ranking": "nobody owns it",
    "retail/churn": "sources disagree about: description, license, owners",
    "retail/coupon-uplift": "gone since …",
    "retail/delivery-time": "replaced: another model has this name now, -",
    "retail/demand-forecast": "-",
    "retail/next-best-offer": "-",
    "retail/payment-fraud": "-",
    "retail/price-elasticity": "catalog.lifecycle: …; the nearest is production",
}
HEX: Final = re.compile(r"[0-9a-f]{32,40}")
KNOWN: Final = {  # of the version that the release made: what, which, who said so
    ("owner", "team:retention-ds", "git-demo"),
    ("owner", "owner@example.com", "git-demo"),
    ("commit", "…", "ci-demo"),
    ("repository", "retail/churn", "ci-demo"),
    ("training run", "…", "ci-demo"),
    ("build", "9001", "ci-demo"),
    ("training data", "s3://lake/retail/contracts", "mlflow-demo"),
    ("test data", "s3://lake/retail/holdout", "ci-demo"),
    ("runs as", "486325809/production", "ci-demo"),
    ("runs as", "retail-production/churn", "cluster-demo"),
}
BYPASSED: Final = {"unknown_version", "no_build", "not_by_pipeline"}
TIMED: Final = [
    ("repository", "git-demo"),
    ("training run", "mlflow-demo"),
    ("version", "mlflow-demo"),
    ("build", "ci-demo"),
    ("deployment", "cluster-demo"),
]
FILLED_BY: Final = {  # field and column of Appendix 1 → who said what stands there
    ("1", "model_id"): "the catalog",
    ("2", "model_name"): "git-demo",
    ("2", "key_features"): "mlflow-demo",
    ("2", "model_use"): "git-demo",
    ("3", "risk_rating"): "mlflow-demo",
    ("3", "risk_rating_status"): "mlflow-demo",
    ("4", "owner"): "mlflow-demo",
    ("5", "developer"): "git-demo",
    ("6", "origin"): "git-demo",
    ("7", "version"): "mlflow-demo",
    ("8", "production_date"): "mlflow-demo",
    ("9", "reviewer"): "anton",
    ("10", "approver"): "anton",
    ("11", "dependencies"): "git-demo",
    ("12", "data_sources"): "mlflow-demo",
    ("13", "approved_uses"): "anton",
    ("14", "limitations"): "git-demo",
    ("14", "restrictions"): "git-demo",
    ("14", "requirements"): "anton",
    ("15", "last_review"): "anton",
    ("16", "monitoring_status"): "pin",
    ("17", "next_review"): "anton",
}
TOLD: Final = (  # in this order
    "\nNow a release", "repositories: complete",
    "\nThe training", "registry/default: complete",
    "\nThe build", "  github:127.0.0.1:", " recorded, ",
    "\nThe deployment", "serving: complete; 1 seen, 1 created",
    "\nAround all of it", "serving: complete; 2 seen, 1 created",
    "\nWhat the catalog knows of retail/churn/4:", "\nWhat runs unregistered, and why:",
    "\nHow long the latest events took",
)  # fmt: skip


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's account may reach: pytest's own is root's alone."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def variables(**more: str) -> dict[str, str]:
    """Where nothing of ours is set."""
    return {name: os.environ[name] for name in ("PATH", "HOME")} | more


def run_demo(folder: Path, *asked: str, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(  # noqa: S603  # our own command
        [*COMMAND, "--once", "--port", "0", "--folder", str(folder), *asked],
        cwd=ROOT, env=variables(**more), capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@contextmanager
def demo_running(folder: Path, *asked: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Start the command; answers what it said until it waits for Ctrl-C."""
    with subprocess.Popen(  # noqa: S603  # our own command
        [*COMMAND, "--folder", str(folder), *asked], cwd=ROOT, env=variables(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            said = ""
            while "Ctrl-C ends it" not in said and (line := read_line(process)):
                said += line
            yield process, said
        finally:
            process.send_signal(signal.SIGTERM)


def read_line(process: "subprocess.Popen[str]") -> str:
    """One line of what it says, empty at the end."""
    assert process.stderr is not None
    return process.stderr.readline()


def records(file: Path) -> list[dict[str, str]]:
    """The records of a CSV."""
    with file.open(newline="", encoding="utf-8") as written:
        return list(csv.DictReader(written))


def test_demo_sample(folder: Path) -> None:
    """Ten models from two workspaces; what was deleted, renamed and begun anew is told apart.

    Repositories add what their manifests say, a model that no registry has yet, and a conflict.
    The lines to paste work while it runs, a taken port is no obstacle, and Ctrl-C ends it with 0.
    """
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with demo_running(folder, "--port", str(port)) as (process, said):
            assert f"Port {port} is taken: the catalog takes another one." in said
            lines = re.findall(r"^  (export TOKEN=\w+|curl .*)$", said, re.MULTILINE)
            token, *questions = lines
            answers = [ask(f"{token}; {question} -f") for question in questions]
            process.send_signal(signal.SIGINT)
            written = process.communicate(timeout=60)[0]

    assert process.returncode == 0
    released, risk, table = apart(written)
    check_release(said, released)
    check_risk(said, risk)
    check_committee(said, risk)
    assert len(answers) == 3
    assert [bool(answer) for answer in answers] == [True] * 3
    assert noted(table) == NOTES
    models, versions = records(folder / "models.csv"), records(folder / "versions.csv")
    assert [row["model"] for row in models] == [line.split("\t")[0] for line in table.splitlines()]
    assert len(versions) == 15
    shelf = {row["repository"]: row for row in records(folder / "repositories.csv")}
    assert len(shelf) == 5
    assert sum(row["manifests"] == "" for row in shelf.values()) == 2
    assert {row["model"] for row in versions if row["repository"] != "unknown"} == {
        "retail/churn", "retail/demand-forecast",
    }  # fmt: skip
    churn = [row for row in versions if row["model"] == "retail/churn"]
    assert [row["aliases"] for row in churn] == ["", "", "", "champion"]
    assert {row["framework"] for row in versions if not row["gone_since"]} >= {"sklearn"}
    assert not (folder / "postgresql" / "postmaster.pid").exists()


def apart(written: str) -> tuple[list[list[str]], list[list[str]], str]:
    """The tables about the release, those about risk, and that of the models, which is the last."""
    lines = written.splitlines(keepends=True)
    named = [re.match(r"(retail|credit)/", line) is not None for line in lines]
    last = len(lines) - named[::-1].index(False)
    rows = [line.rstrip("\n").split("\t") for line in lines]
    return rows[: named.index(True)], rows[named.index(True) : last], "".join(lines[last:])


def check_risk(said: str, rows: list[list[str]]) -> None:
    """Tiers, a question, due reviews, what is blocked, a drawn model, a waiver that is over."""
    tiers = {
        row[0]: row[1:4] for row in rows if len(row) == 6 and row[2] in {"FIRM", "PROVISIONAL"}
    }
    assert len(tiers) == 11
    assert tiers["credit/credit-score"] == ["HIGH", "FIRM", "HIGH"]
    assert tiers["retail/demand-forecast"] == ["LOW", "FIRM", "LOW"]
    assert tiers["retail/churn"][1] == "PROVISIONAL"
    assert "retail/churn for retention-offers is PROVISIONAL" in said
    assert {row[2] for row in rows if len(row) == 6 and row[3] == "REQUIRED"} == {"PRE", "POST"}
    assert "May credit/credit-score 2 go to production? NEEDS_APPROVAL" in said
    assert ["1", "retail/demand-forecast", "drawn"] in rows
    assert "is over:" in said
    assert "INV-03" in {row[0] for row in rows if row[1:2] == ["FAIL"]}


def check_committee(said: str, rows: list[list[str]]) -> None:
    """Each of the 17 fields of Appendix 1 is filled, by whom it has to be; the bundle verifies."""
    assert "osfi-e23" in said
    assert ".zip: verified" in said
    filled = {tuple(row[:2]): row[4] for row in rows if len(row) == 5 and row[0].isdigit()}
    assert {field for field, _ in filled} == {str(number) for number in range(1, 18)}
    assert filled == FILLED_BY


def check_release(said: str, rows: list[list[str]]) -> None:
    """The story is told step by step; then all that is known, what went around it, and how long."""
    place = 0
    for words in TOLD:
        place = said.find(words, place)
        assert place >= 0, f"{words} in {said}"
    known = {(what, shortened(which), who) for what, which, who in rows[: len(KNOWN)]}
    assert known == KNOWN
    wrong = rows[len(KNOWN) : len(KNOWN) + len(BYPASSED)]
    assert {what for what, _, _ in wrong} == {f"offer-ranker: {cause}" for cause in BYPASSED}
    assert all(why and todo for _, why, todo in wrong)
    timed = rows[len(KNOWN) + len(BYPASSED) :]
    assert [(step, source) for step, source, _, _ in timed] == TIMED
    assert all(int(events) >= 1 and float(seconds) >= 0 for _, _, events, seconds in timed)


def shortened(which: str) -> str:
    """Without what is another one each time: ports, commits, ids."""
    if which.startswith("s3://"):
        return which
    last = which.split("/")[-2:] if not which.endswith("/9001") else ["9001"]
    return HEX.sub("…", last[-1]) if HEX.search(last[-1]) else "/".join(last)


def ask(line: str) -> str:
    """What a shell answers to a pasted line."""
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return done.stdout


def noted(table: str) -> dict[str, str]:
    """The last column of the demo's table by model; days and lists are cut out."""
    found: dict[str, str] = {}
    for line in table.splitlines():
        name, _, _, note = line.split("\t")
        note = re.sub(r"since \S+", "since …", re.sub(r"(lifecycle:) .*(; the)", r"\1 …\2", note))
        found[name] = f"{found[name]}, {note}" if name in found else note
    return found


@pytest.fixture
def own_server(mlflow_template: Path, tmp_path: Path, prepared: None) -> Iterator[Workspace]:
    """Somebody's server, with a workspace beside the default one."""
    del prepared
    with run_mlflow_server(tmp_path, mlflow_template) as server:
        Workspace(server.uri, "default").create_workspace("team-b")
        made = Workspace(server.uri, "team-b")
        made.create_experiment("first")
        yield made


def test_demo_own_server(folder: Path, own_server: Workspace) -> None:
    """Somebody's own server: all its workspaces, each in a namespace of its name, as CSV."""
    own_server.create_registered_model("forecast", {"catalog.ownr": "team:x"}, "Units sold.")
    own_server.create_model_version("forecast", "s3://models/forecast/1")
    own_server.create_registered_model("ranking", {"catalog.owner": "team:shop"})
    Workspace(own_server.uri, "default").create_registered_model("churn")

    done = run_demo(folder, "--mlflow", f"{own_server.uri}/")

    assert done.returncode == 0, done.stderr
    models = records(folder / "models.csv")
    assert [(row["model"], row["owner"], row["newest_version"]) for row in models] == [
        ("default/churn", "unknown", ""),
        ("team-b/forecast", "unknown", "v1"),
        ("team-b/ranking", "team:shop", ""),
    ]
    assert "with workspaces: default, team-b." in done.stderr
    assert "registry/team-b: complete; 3 seen" in done.stderr
    assert "the nearest is catalog.owner" in done.stderr
    assert (folder / "harvests.jsonl").exists()


def protected(request: Request) -> Response:
    """A server that wants a login."""
    if request.authorization and request.authorization.password == "right":  # noqa: S105  # a test's
        return Response('{"experiments": []}', content_type="application/json")
    return Response("Who are you?", 401)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda _: Response("<h1>Welcome</h1>", content_type="text/html"), "cannot be read"),
        (lambda _: Response("Not here", 404), "cannot be read"),
        (protected, "MODEL_CATALOG_SECRET_MLFLOW"),
    ],
    ids=["a web page", "nothing", "wrong login"],
)
def test_demo_no_mlflow(folder: Path, httpserver: HTTPServer, answer: Any, said: str) -> None:
    """A server that is none, or lets nobody in: 6 and what to look at, before anything starts."""
    httpserver.expect_request(re.compile(".*")).respond_with_handler(answer)
    url = httpserver.url_for("/")

    secret = {"MODEL_CATALOG_SECRET_MLFLOW": "me:wrong-one"}
    done = run_demo(folder, "--mlflow", url, **secret)

    assert (done.returncode, done.stdout) == (6, "")
    assert said in done.stderr
    assert "wrong-one" not in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "postgresql").exists()


@pytest.mark.parametrize(
    "given",
    [
        {"MODEL_CATALOG_SECRET_MLFLOW": "me:right"},
        {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "right"},
    ],
    ids=["ours", "MLflow's"],
)
def test_demo_login(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    """A server that asks for a login gets the credential that is set, and nobody else does."""
    httpserver.expect_request("/api/2.0/mlflow/experiments/search").respond_with_handler(protected)
    for name, text in given.items():
        monkeypatch.setenv(name, text)

    server = find_server(httpserver.url_for("/"))

    address = httpserver.url_for("").removesuffix("/")
    assert server == Server(
        {"uri": address, "workspaces": ["default"]},
        {"default": "default"},
        "MLFLOW",
        {
            "OUTBOUND_ALLOW": "127.0.0.1/32",
            "SECRET_MLFLOW": "me:right",
            "SECRET_MLFLOW_HOST": address.removeprefix("http://"),
        },
    )


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("http://127.0.0.1:1", 6, "Is it running, and can this machine reach it?"),
        ("http://nowhere.invalid", 6, "is --mlflow written right?"),
        ("mlflow.acme.example", 2, "--mlflow must be an http, https, sqlite or file address"),
        ("https://me:pass@mlflow.acme.example", 2, "MODEL_CATALOG_SECRET_MLFLOW"),
    ],
)
def test_demo_wrong_address(folder: Path, url: str, code: int, said: str) -> None:
    """An address that leads nowhere, or is none: the code for it, and what to do."""
    done = run_demo(folder, "--mlflow", url)

    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_folder_of_others(folder: Path) -> None:
    """A folder that holds anything but a demo is left alone; so is one where a demo runs."""
    letter = folder / "letter.txt"
    letter.write_text("Dear all,")
    foreign = run_demo(folder)
    mark = folder / ".model-catalog-demo"
    with mark.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        running = run_demo(folder)

    assert (foreign.returncode, foreign.stdout, foreign.stderr) == (
        2, "", f"{folder} is not empty and no demo's: name another with --folder.\n",
    )  # fmt: skip
    assert (running.returncode, running.stdout, running.stderr) == (
        5, "", f"Another demo runs in {folder}: end it, or name another with --folder.\n",
    )  # fmt: skip
    assert letter.read_text() == "Dear all,"
