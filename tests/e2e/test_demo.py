"""The demo, as `make demo ONCE=1` runs it: everything from nothing, by the real commands."""

import csv
import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
MODELS: Final = ["basket-ranking", "churn", "demand-forecast", "fraud", "price-elasticity"]


def run_demo(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command, where nothing of ours is set."""
    return subprocess.run(  # noqa: S603  # our own command
        [
            sys.executable,
            "-m",
            "cli.main",
            "demo",
            "--once",
            "--port",
            "0",
            "--folder",
            str(folder),
        ],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "HOME")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's account may reach: pytest's own is root's alone."""
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_demo_once(folder: Path) -> None:
    """One command makes a catalog of five models from a real MLflow; list and CSV agree."""
    done = run_demo(folder)

    assert done.returncode == 0, done.stderr
    listed = [line.split("\t") for line in done.stdout.splitlines()]
    with (folder / "models.csv").open(newline="", encoding="utf-8") as written:
        models = list(csv.DictReader(written))
    with (folder / "versions.csv").open(newline="", encoding="utf-8") as written:
        versions = list(csv.DictReader(written))
    assert [row["model"] for row in models] == [f"retail/{name}" for name in MODELS]
    assert listed == [
        [row["model"], row["newest_version"].removeprefix("v") or "-", row["description"]]
        for row in models
    ]
    assert len(versions) == 8
    assert re.search(r"export TOKEN=mcatp_\w+", done.stderr)
    assert not (folder / "postgresql" / "postmaster.pid").exists()


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
