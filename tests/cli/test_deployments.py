"""`deployments` against a catalog that is really served."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Served

NAME = "ci-deploys/shadow"


@pytest.fixture
def shadow(catalog: Served, ask: Command, tmp_path: Path) -> str:
    """A deployment that nothing accounts for; answers a reviewer's token."""
    token = catalog.source("ci-deploys")
    subject = {"kind": "deployment", "scheme": "ci", "value": NAME}
    said = {"subject": subject, "observed_at": "2026-11-20T12:00:00Z",
            "facts": {"image": "x:1", "environment_class": "production"}}  # fmt: skip
    file = tmp_path / "said.json"
    file.write_text(json.dumps({"observations": [said]}), encoding="utf-8")
    assert ask("push", "ci-deploys", str(file), TOKEN=token).code == 0
    client = catalog.client()
    client.post("/api/v1/accounts", {"name": "rita", "reason": "tests"})
    client.post("/api/v1/role-grants", {
        "account": "rita", "role": "reviewer", "namespace": "retail", "reason": "tests",
    })  # fmt: skip
    return catalog.token(account="rita")


def test_deployments(shadow: str, ask: Command, tmp_path: Path) -> None:
    """Listed, accepted, reopened, linked; and what is said to run where nobody looks."""
    mine = ("--filter", "source=ci-deploys")
    listed = ask("deployments", "unregistered", *mine)
    row: list[Any] = listed.lines[0].split("\t")
    assert (row[1], row[6], row[7]) == (NAME, "unknown_model, no_build, no_owner", "open"), listed
    known = f"ci:{NAME}"

    assert ask("deployments", "accept", known, "--reason", "r", TOKEN=shadow).code == 2
    until = ("deployments", "accept", known, "--days", "30", "--reason", "until January")
    assert ask(*until).code == 4  # an admin approves nothing
    assert json.loads(ask(*until, "--dry-run", "--json", TOKEN=shadow).out)["dry_run"] is True
    done = ask(*until, TOKEN=shadow)
    assert (done.code, done.lines) == (0, [row[0]]), done
    assert "accepted" in done.err
    assert ask("deployments", "unregistered", *mine).lines == []

    ended = ask("deployments", "reopen", known, "--reason", "no more", TOKEN=shadow)
    assert ended.code == 0, ended
    assert ask("deployments", "reopen", known, "--reason", "again").code == 5
    link = ("deployments", "link", row[0], "retail/shadow-model/1", "--reason", "it is that")
    assert ask(*link).code == 3
    assert ask("deployments", "link", row[0], "retail/shadow-model", "--reason", "r").code == 2
    linked = ask(*link, "--register", "--json")
    assert json.loads(linked.out)["deployment"]["version"] == "retail/shadow-model/1", linked

    unseen = ask("deployments", "ghosts", *mine, "--filter", "state=not_observable", "--json")
    assert [json.loads(line)["reason"] for line in unseen.lines] == ["nobody_looks"]
    file = tmp_path / "open.csv"
    assert ask("deployments", "unregistered", *mine, "--output", str(file)).code == 0
    with file.open(newline="", encoding="utf-8") as written:
        assert [one["causes"] for one in csv.DictReader(written)] == ["no_build; no_owner"]
    assert ask("deployments", "ghosts", "--json", "--format", "csv").code == 2
