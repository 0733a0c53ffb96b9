"""`list`, `show`, `export` and `push` against a catalog that is really served."""

import csv
import io
import json
import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.cli.conftest import PROGRAM, Command, Served, environment
from tests.conftest import ROOT

NOON = "2026-11-20T12:00:00Z"


def model(name: str, **facts: Any) -> Mapping[str, Any]:
    """What a build says about a model."""
    subject = {"kind": "model", "scheme": "name", "value": f"retail/{name}"}
    return {
        "subject": subject,
        "observed_at": NOON,
        "facts": {"namespace": "retail", "name": name} | facts,
    }


@pytest.fixture
def pushed(catalog: Served, ask: Command, tmp_path: Path) -> str:
    """The name of a model with a description of two lines; it is in the catalog."""
    token, name = catalog.source("reading"), "churn"
    file = tmp_path / "batch.json"
    said = {"observations": [model(name, description="first [red]\nsecond\tcell")]}
    file.write_text(json.dumps(said), encoding="utf-8")
    assert ask("push", "reading", str(file), TOKEN=token).code == 0
    return f"retail/{name}"


def test_push_receipt(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """What is refused is printed with place and reason; the others are recorded, the code is 1."""
    token = catalog.source("pushing")
    file = tmp_path / "batch.json"
    bad = {**model("bad"), "facts": {"namespace": "retail", "nmae": "bad"}}
    file.write_text(json.dumps({"observations": [model("good"), bad]}), encoding="utf-8")

    ran = ask("push", "pushing", str(file), TOKEN=token)
    again = ask("push", "pushing", str(file), "--json", TOKEN=token)

    assert (ran.code, ran.lines) == (1, [f"{file}: 1 recorded, 0 unchanged"])
    assert f"{file}: observation 1/facts/nmae:" in ran.err
    assert "1 refused, the others are recorded." in ran.err
    (receipt,) = map(json.loads, again.lines)
    assert (receipt["file"], receipt["recorded"], receipt["unchanged"]) == (str(file), 0, 1)
    assert [one["index"] for one in receipt["refused"]] == [1]


def test_push_unread(ask: Command, tmp_path: Path) -> None:
    """A file that is no JSON stops the command before the first one is posted."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text('{"observations": []}')
    bad.write_bytes(b'{"observations": [\xff]}')

    ran = ask("push", "nowhere", str(good), str(bad))

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(f"{bad}: is no JSON in UTF-8:")


def test_list_models(ask: Command, pushed: str) -> None:
    """A line a model in a pipe; with --json the row of the API, one document a line."""
    asked = ("list", "--filter", "name=churn")

    plain, as_json = ask(*asked), ask(*asked, "--json")

    (row,) = map(json.loads, as_json.lines)
    assert (plain.code, plain.err, plain.lines) == (0, "", [f"{pushed}\t-\t{row['id']}"])
    assert UUID(row["id"]).version == 7
    assert row["facts"]["description"] == "first [red]\nsecond\tcell"


def test_show_model(ask: Command, pushed: str) -> None:
    """Each fact with its source; a value of two lines stays on one, and is no markup."""
    plain, as_json = ask("show", pushed), ask("show", pushed, "--json")

    assert ["description", "first [red] second cell", "reading", f"{NOON[:-1]}.000000Z"] in [
        line.split("\t") for line in plain.lines
    ]
    (document,) = map(json.loads, as_json.lines)
    assert document["provenance"]["description"]["source"] == "reading"


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


def test_export_refused(ask: Command, tmp_path: Path) -> None:
    """A refused export leaves no file, neither whole nor in part, and the old one as it was."""
    file = tmp_path / "models.csv"
    file.write_text("old")

    ran = ask("export", "--filter", "nme=churn", "-o", str(file))

    assert ran.code == 2
    assert "Did you mean name?" in ran.err
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("models.csv", "old")]
