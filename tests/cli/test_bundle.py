"""`export --profile`, `exports` and `export-schedule`, against a catalog that is really served."""

import json
import signal
import subprocess
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import PROGRAM, Command, Served, environment
from tests.conftest import ROOT


def bundles(catalog: Served, **asked: str) -> list[dict[str, Any]]:
    """The bundles of the admin, the newest first."""
    return list(catalog.client().pages("/api/v1/exports", **asked))


def test_bundle_fetched(ask: Command, tmp_path: Path) -> None:
    """It is asked for, built, saved whole, and its id is printed; later it can be taken again."""
    file, again = tmp_path / "q3.zip", tmp_path / "again.zip"
    ran = ask("export", "--profile", "osfi-e23", "--since", "2026-01-01", "-o", str(file))
    export = ran.lines[0]
    taken = ask("exports", "download", export, "-o", str(again))
    listed = ask("exports", "list", "--filter", "state=DONE", "--json")
    shown = ask("exports", "show", export, "--json")

    assert (ran.code, ran.err) == (0, f"{file}\n")
    with zipfile.ZipFile(file) as archive:
        assert "data/osfi-e23.csv" in archive.namelist()
    assert (taken.code, again.read_bytes()) == (0, file.read_bytes())
    assert json.loads(listed.lines[0]) == json.loads(shown.out)
    assert json.loads(shown.out)["since"] == "2026-01-01T00:00:00.000000Z"
    assert sorted(tmp_path.iterdir()) == [again, file]


def test_bundle_interrupted(catalog: Served, tmp_path: Path) -> None:
    """Ctrl-C, or SIGTERM, cancels the bundle that it waits for, and leaves no file."""
    known = len(bundles(catalog))
    command = subprocess.Popen(  # noqa: S603  # our own command
        [*PROGRAM, "export", "--profile", "models"], cwd=tmp_path, stderr=subprocess.PIPE,
        env=environment(URL=catalog.url, TOKEN=catalog.admin) | {"PYTHONPATH": str(ROOT)},
        text=True,
    )  # fmt: skip
    while len(bundles(catalog)) == known and command.poll() is None:
        time.sleep(0.01)
    command.send_signal(signal.SIGTERM)  # SIGINT may be ignored, as everywhere in the background
    _, said = command.communicate(timeout=60)
    (newest, *_) = bundles(catalog)

    assert (command.returncode, said) == (130, f"Cancelled: {newest['id']}\n")
    assert newest["state"] == "CANCELLED"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "versions", "--profile", "models"], "A bundle takes no KIND"),
        (["export", "--profile", "models", "-q", "x"], "A bundle takes no --query"),
        (["export", "--since", "2026-01-01"], "--since and --known-at are for a bundle"),
        (["export", "--profile", "sox"], "The request is not valid."),
        (["exports", "list", "--json", "-o", "x.csv"], "--json is for rows"),
        (["export-schedule", "put", "x", "--every", "day"], "The request is not valid."),
    ],
)
def test_bundle_wrong_use(ask: Command, arguments: list[str], said: str) -> None:
    """What means nothing is refused, and says what would."""
    ran = ask(*arguments)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(said)


def test_bundle_cancelled(ask: Command, catalog: Served) -> None:
    """A bundle is cancelled by its id; one that is not there says in which state it is."""
    made = catalog.client().post("/api/v1/exports", {})
    ran = ask("exports", "cancel", made["id"])
    taken = ask("exports", "download", made["id"])

    assert (ran.code, ran.lines) == (0, [made["id"]])
    assert (taken.code, taken.err) == (
        5, f"The bundle {made['id']} is not there. Its state is CANCELLED.\n",
    )  # fmt: skip


def test_schedule_commands(ask: Command) -> None:
    """A schedule is declared, listed and removed."""
    put = ask("export-schedule", "put", "retail", "--every", "quarter", "--filter", "tier=HIGH")
    listed = ask("export-schedule", "list", "--json")
    removed = ask("export-schedule", "remove", "retail")
    gone = ask("export-schedule", "list")

    assert (put.code, put.lines, removed.lines) == (0, ["retail"], ["retail"])
    shown = json.loads(listed.out)
    assert (shown["every"], shown["filters"], shown["enabled"]) == (
        "quarter", {"tier": "HIGH"}, True,
    )  # fmt: skip
    assert (gone.code, gone.out) == (0, "")


def test_exports_file(ask: Command, tmp_path: Path) -> None:
    """The list is written as a file."""
    file = tmp_path / "exports.csv"

    assert ask("exports", "list", "-o", str(file)).code == 0
    assert file.read_text(encoding="utf-8").startswith('"id","state",')
