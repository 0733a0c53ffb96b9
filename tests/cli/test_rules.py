"""`policy` and `pack` against a catalog that is really served, and without one."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command, Served

PEOPLE = {"rita": "reviewer", "abel": "approver"}
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def second_line(catalog: Served) -> dict[str, str]:
    """Tokens of a reviewer and of an approver of everything."""
    client, tokens = catalog.client(), {}
    for name, role in PEOPLE.items():
        client.post("/api/v1/accounts", {"name": name, "reason": "tests"})
        client.post("/api/v1/role-grants", {
            "account": name, "role": role, "namespace": None, "reason": "tests",
        })  # fmt: skip
        tokens[name] = catalog.token(account=name)
    return tokens


@pytest.fixture
def shipped(tmp_path: Path) -> Write:
    """Writes shipped rules with changes to a file."""

    def written(name: str, **changes: str) -> Path:
        text = files("service.risk").joinpath(f"policies/{name}").read_text("utf-8")
        for old, new in changes.items():
            assert old.replace("_", " ") in text, old
            text = text.replace(old.replace("_", " "), new, 1)
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return written


def test_check_without_server(ask: Command, shipped: Write, tmp_path: Path) -> None:
    """Everything that is wrong, with its place; the digest if nothing is."""
    whole = shipped("controls-v1.yaml")
    found = ask("pack", "check", str(whole), URL="http://127.0.0.1:1")
    assert (found.code, found.lines[0].partition(":")[0]) == (0, "sha256"), found
    told = json.loads(ask("pack", "check", str(whole), "--json").out)
    assert (told["usable"], told["controls"], told["problems"]) == (True, 24, [])
    assert told["digest"] == found.lines[0]

    spoilt = shipped("controls-v1.yaml", **{"size(": "sise("})
    wrong = ask("pack", "check", str(spoilt))
    assert wrong.code == 1
    assert wrong.lines[0].startswith("INV-01, ")
    assert json.loads(ask("pack", "check", str(spoilt), "--json").out)["usable"] is False

    policy = shipped("tiering-policy-v1.yaml")
    assert ask("policy", "check", str(policy)).code == 0
    policy = shipped("tiering-policy-v1.yaml", **{"HIGH:_55": "HIGH: 20"})
    wrong = ask("policy", "check", str(policy))
    assert (wrong.code, wrong.lines[0].partition(": ")[0]) == (1, "/bands/HIGH"), wrong
    assert "line 9" in wrong.lines[0]
    assert ask("policy", "check", str(tmp_path / "missing.yaml")).code == 2


def test_policy(second_line: dict[str, str], ask: Command, shipped: Write) -> None:
    """Uploaded by one, put in force by another; listed and shown on the way."""
    version = "2.0.0"
    file = shipped("tiering-policy-v1.yaml", **{"version:_1.0.0": f"version: {version}"})
    rita, abel = (second_line[name] for name in PEOPLE)
    assert ask("policy", "upload", str(file)).code == 4  # an admin writes none
    uploaded = ask("policy", "upload", str(file), TOKEN=rita)
    assert uploaded.lines == [f"/api/v1/policies/default-tiering@{version}"], uploaded
    early = ask("policy", "activate", version, "--reason", "r", TOKEN=abel)
    assert early.code == 5
    seen = ask("policy", "preview", version, TOKEN=rita)
    assert seen.code == 0, seen
    assert "differ" in seen.err
    later = ("--effective-from", "2999-01-01T00:00:00Z")
    waits = ask("policy", "activate", version, "--reason", "as agreed", *later, TOKEN=abel)
    assert (waits.code, "2999-01-01" in waits.err) == (0, True), waits
    done = ask("policy", "activate", version, "--reason", "as agreed", "--json", TOKEN=abel)
    assert (done.code, json.loads(done.out)["state"]) == (0, "ACTIVE"), done
    listed = [json.loads(line) for line in ask("policy", "list", "--json").lines]
    assert (listed[0]["version"], listed[0]["state"]) == (version, "ACTIVE")
    assert any(line.startswith("preview\t") for line in ask("policy", "show", version).lines)
    assert ask("policy", "show", "9.9.9").code == 3


def test_pack(second_line: dict[str, str], ask: Command, shipped: Write) -> None:
    """The same of a pack; what cannot be used is told whole."""
    version = "2.0.0"
    spoilt = shipped("controls-v1.yaml", **{"size(": "sise("})
    refused = ask("pack", "upload", str(spoilt), TOKEN=second_line["rita"])
    assert refused.code == 2
    assert "INV-01" in refused.err
    file = shipped("controls-v1.yaml", **{"version:_1.0.0": f"version: {version}"})
    uploaded: Any = ask("pack", "upload", str(file), "--json", TOKEN=second_line["rita"])
    assert json.loads(uploaded.out)["state"] == "DRAFT", uploaded
    seen = ask("pack", "preview", version, TOKEN=second_line["rita"])
    assert (seen.code, "0 results of 0 models differ" in seen.err) == (0, True), seen
    done = ask("pack", "activate", version, "--reason", "r", TOKEN=second_line["abel"])
    assert done.lines == [f"/api/v1/control-packs/default@{version}"], done
