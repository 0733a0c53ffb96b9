"""`list`, `show`, `explain` and `export` against a catalog that is really served."""

import csv
import io
import json
import os
import pty
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from openpyxl import load_workbook

from cli.kinds import ASIDE, COLUMNS
from cli.output import QUIET_SECONDS
from tests.cli.conftest import PROGRAM, Command, Served, environment
from tests.conftest import ROOT

NOON = "2026-11-20T12:00:00Z"


def said(kind: str, scheme: str, *, value: str, **facts: Any) -> Mapping[str, Any]:
    """What a build says about something."""
    subject = {"kind": kind, "scheme": scheme, "value": value}
    return {"subject": subject, "observed_at": NOON, "facts": facts}


def model(name: str, **facts: Any) -> Mapping[str, Any]:
    """What a build says about a model."""
    given = {"namespace": "retail", "name": name} | facts
    return said("model", "name", value=f"retail/{name}", **given)


LAKE = {"kind": "dataset", "scheme": "uri", "value": "s3://lake/churn"}
CHURN = {"kind": "model", "scheme": "name", "value": "retail/churn"}
TEAM = {"kind": "owner", "scheme": "handle", "value": "team:retention"}
SAID = [
    model("churn", description="first [red]\nsecond\tcell", owners=[{"owner": TEAM}]),
    said("version", "number", value="retail/churn/7", model=CHURN, number="7", aliases=["champion"],
         datasets=[{"dataset": LAKE, "role": "training"}]),
    said("dataset", "uri", value=LAKE["value"], name="churn"),
]  # fmt: skip


@pytest.fixture
def pushed(catalog: Served, ask: Command, tmp_path: Path) -> str:
    """A model's name; it has a description of two lines, an owner, a version with a dataset."""
    token = catalog.source("reading")
    file = tmp_path / "batch.json"
    file.write_text(json.dumps({"observations": SAID}), encoding="utf-8")
    assert ask("push", "reading", str(file), TOKEN=token).code == 0
    return "retail/churn"


def test_list_models(ask: Command, pushed: str) -> None:
    """A line a model in a pipe; with --json the row of the API, one document a line."""
    asked = ("list", "--filter", "name=churn")

    plain, as_json = ask(*asked), ask(*asked, "--json")

    (row,) = map(json.loads, as_json.lines)
    assert (plain.code, plain.err, plain.lines) == (0, "", [f"{pushed}\t7\tteam:retention\t-\t-"])
    assert UUID(row["id"]).version == 7
    assert row["facts"]["description"] == "first [red]\nsecond\tcell"


def test_list_kinds(ask: Command, pushed: str) -> None:
    """Every kind is listed with what names it, filtered and sorted as the API does."""
    listed = {kind: ask("list", kind) for kind in [*COLUMNS, *ASIDE]}
    words = ask("list", "models", "-q", "chrun", "--sort", "-name")

    assert {kind: ran.code for kind, ran in listed.items()} == dict.fromkeys(listed, 0)
    assert listed["versions"].lines == [f"{pushed}/7\tchampion\t-\t-\t-"]
    assert [line.split("\t")[0] for line in listed["datasets"].lines] == [LAKE["value"]]
    assert [line.split("\t")[0] for line in listed["owners"].lines] == ["team:retention"]
    assert listed["namespaces"].lines == ["retail\t1\t1\t1"]
    assert [line.split("\t")[0] for line in words.lines] == [pushed]


@pytest.mark.parametrize("name", ["list", "show", "explain", "export", "push", "demo"])
def test_help_shown(command: Command, name: str) -> None:
    """Each says what it takes; no text is taken for markup."""
    ran = command(name, "--help")

    assert (ran.code, ran.err) == (0, "")
    assert f"{name} [OPTIONS]" in ran.out


def test_list_unknown_kind(ask: Command) -> None:
    """A word that is no kind is answered with the nearest."""
    ran = ask("list", "modles")

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("There are no modles. Did you mean models? Known are models, ")


def test_show_model(ask: Command, pushed: str) -> None:
    """Each fact with its source; a value of two lines stays on one, and is no markup."""
    plain, as_json = ask("show", pushed), ask("show", pushed, "--json")

    assert ["description", "first [red] second cell", "reading", f"{NOON[:-1]}.000000Z"] in [
        line.split("\t") for line in plain.lines
    ]
    (document,) = map(json.loads, as_json.lines)
    assert document["provenance"]["description"]["source"] == "reading"


def test_show_others(ask: Command, pushed: str) -> None:
    """A version by number or alias, another thing by kind and identifier; a name that is none."""
    shown = [
        ask("show", *asked, "--json")
        for asked in ([f"{pushed}/7"], [f"{pushed}/@champion"], ["datasets", "uri:s3://lake/churn"])
    ]
    nameless = ask("show", "churn")

    number, alias, dataset = (json.loads(ran.out) for ran in shown)
    assert (number["name"], alias["name"]) == (f"{pushed}/7", f"{pushed}/7")
    assert dataset["facts"]["name"] == "churn"
    assert (nameless.code, nameless.out) == (2, "")
    assert "`model-catalog list` shows them" in nameless.err


def test_explain(ask: Command, pushed: str) -> None:
    """One sentence says why a thing is there; what the catalog never heard of is not found."""
    there, nowhere = ask("explain", pushed), ask("explain", "retail/nothing")

    assert (there.code, there.err) == (0, "")
    assert there.out.startswith("in_catalog: ")
    assert (nowhere.code, nowhere.out != "") == (3, True)


def test_list_terminal(catalog: Served, pushed: str) -> None:
    """On a terminal a table without colour under NO_COLOR; --json is the same as in a pipe."""
    variables = environment(URL=catalog.url, TOKEN=catalog.admin) | {"NO_COLOR": "1"}
    asked = [*PROGRAM, "list", "--filter", "name=churn"]
    piped = subprocess.run(  # noqa: S603  # our own command
        [*asked, "--json"], env=variables, cwd=ROOT, capture_output=True, check=True
    )

    def on_terminal(*arguments: str) -> str:
        ours, theirs = pty.openpty()
        subprocess.run([*asked, *arguments], env=variables, cwd=ROOT, stdout=theirs, check=True)  # noqa: S603
        os.close(theirs)
        said = os.read(ours, 65_536).decode()
        os.close(ours)
        return said

    table = on_terminal()

    assert on_terminal("--json").replace("\r\n", "\n") == piped.stdout.decode()
    assert "\x1b[" not in table
    assert "newest_version" in table
    assert pushed in table


def test_export_file(ask: Command, pushed: str, tmp_path: Path) -> None:
    """The file holds what standard output would get; its name is said, and no part is left."""
    file = tmp_path / "models.csv"
    asked = ("export", "--filter", "name=churn", "--dialect", "raw")

    written, printed = ask(*asked, "-o", str(file)), ask(*asked)

    assert (written.code, written.out, written.err) == (0, "", f"{file}\n")
    assert {one.name for one in tmp_path.iterdir()} == {"batch.json", "models.csv"}
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    said = list(csv.DictReader(io.StringIO(printed.out, newline="")))
    assert [row["model"] for row in rows] == [pushed]
    assert [row | {"as_of": ""} for row in rows] == [row | {"as_of": ""} for row in said]


def test_export_forms(ask: Command, pushed: str, tmp_path: Path) -> None:
    """The file's name or --format says which form; all hold the same rows."""
    workbook = tmp_path / "versions.xlsx"

    lines = ask("export", "versions", "--format", "jsonl")
    written = ask("export", "versions", "-o", str(workbook))
    assert (lines.code, written.code) == (0, 0)

    (row,) = map(json.loads, lines.lines)
    sheet = load_workbook(workbook, read_only=True).active
    assert sheet is not None
    head, *rows = sheet.iter_rows(values_only=True)
    assert row["name"] == f"{pushed}/7"
    assert [dict(zip(head, one, strict=True))["version"] for one in rows] == ["v7"]


def test_export_refused(ask: Command, tmp_path: Path) -> None:
    """A refused export leaves no file, neither whole nor in part, and the old one as it was."""
    file = tmp_path / "models.csv"
    file.write_text("old")

    ran = ask("export", "--filter", "nme=churn", "-o", str(file))

    assert ran.code == 2
    assert "Did you mean name?" in ran.err
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("models.csv", "old")]


@contextmanager
def stalling() -> Iterator[tuple[str, socket.socket]]:
    """A catalog that begins its answer and does not go on; also gives the accepted connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), ("cut", 6)], ids=str
)
def test_export_interrupted(tmp_path: Path, how: signal.Signals | str, code: int) -> None:
    """Interrupted, or cut by the service, an export leaves nothing behind."""
    file = tmp_path / "models.csv"
    with stalling() as (url, listener):
        variables = environment(URL=url, TOKEN="mcatp_any")  # noqa: S106  # none
        with subprocess.Popen(  # noqa: S603  # our own command
            [*PROGRAM, "export", "-o", str(file)], env=variables, cwd=ROOT, stderr=subprocess.PIPE
        ) as process:
            line, _ = listener.accept()
            with line:
                line.recv(65_536)
                line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
                while not file.with_name("models.csv.part").exists():
                    assert process.poll() is None
                if isinstance(how, signal.Signals):
                    process.send_signal(how)
                    process.wait(30)
            said = process.communicate(timeout=30)[1]

    assert process.returncode == code
    assert (b"broke off in the middle" in said) is (how == "cut")
    assert b"Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_export_progress(tmp_path: Path) -> None:
    """What takes longer than two seconds says on a terminal how far it is; the data stays clean."""
    file = tmp_path / "models.csv"
    ours, theirs = pty.openpty()
    with stalling() as (url, listener), file.open("wb") as written:
        variables = environment(URL=url, TOKEN="mcatp_any") | {"TERM": "xterm"}  # noqa: S106  # none
        with subprocess.Popen(  # noqa: S603  # our own command
            [*PROGRAM, "export"], env=variables, cwd=ROOT, stdout=written, stderr=theirs
        ) as process:
            line, _ = listener.accept()
            with line:
                line.recv(65_536)
                line.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
                time.sleep(QUIET_SECONDS + 0.5)
                line.sendall(b"5\r\nwhole\r\n")
                said = b""
                while b"models: 9 bytes" not in said:
                    said += os.read(ours, 65_536)
                line.sendall(b"0\r\n\r\n")
                process.wait(30)
    os.close(theirs)
    os.close(ours)

    assert (process.returncode, file.read_bytes()) == (0, b"halfwhole")
