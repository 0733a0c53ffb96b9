"""`pin`, `unpin`, `conflicts` and `source precedence` against a catalog that is really served."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Command, Served


def said(source: str, text: str) -> Any:
    """What a source says about a model; the models have names of this module's own."""
    return {
        "subject": {"kind": "model", "scheme": "other", "value": f"{source}/pinned"},
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"namespace": "retail", "name": "pinned", "description": text},
    }


@pytest.fixture
def disputed(catalog: Served, ask: Command, tmp_path: Any) -> str:
    """A model that two sources describe."""
    for source, text in (("ci-one", "one"), ("ci-two", "two")):
        token = catalog.source(source, precedence=60 if text == "one" else 50)
        file = tmp_path / f"{source}.json"
        file.write_text(json.dumps({"observations": [said(source, text)]}), encoding="utf-8")
        assert ask("push", source, str(file), TOKEN=token).code == 0
    return "retail/pinned"


def test_conflicts_and_pins(disputed: str, ask: Command) -> None:
    """Listed, pinned, settled, released, and decided by a rank: all from the command line."""
    listed = ask("conflicts", "list", "--field", "description", "--json")
    assert [json.loads(line)["value"] for line in listed.lines] == ["one"], listed
    shown = ask("conflicts", "list", "--source", "ci-two")
    assert shown.lines[0].split("\t")[:6] == [
        "retail/pinned", "description", "one", "ci-one", "two (ci-two)", "precedence",
    ]  # fmt: skip
    tried = ask("pin", disputed, "description", "right", "--reason", "r", "--dry-run", "--json")
    assert json.loads(tried.out)["value"] == "right", tried
    done = ask("pin", disputed, "description", "right", "--reason", "r")
    assert (done.code, done.lines) == (0, ["model:name:retail/pinned\tdescription\tone\tright"])
    assert "is right, pinned" in done.err
    assert ask("conflicts", "list").lines == []
    assert len(ask("conflicts", "list", "--settled").lines) == 1
    assert ask("unpin", disputed, "description", "--reason", "done").code == 0
    rank = ("source", "precedence", "ci-two", "description")
    tried = ask(*rank, "70", "--reason", "r", "--dry-run")
    assert tried.lines == ["model:name:retail/pinned\tdescription\tone\ttwo"], tried
    resolved = ask("conflicts", "resolve", disputed, "description", "--source", "ci-two",
                   "--rank", "70", "--reason", "r", "--json")  # fmt: skip
    assert json.loads(resolved.out)["field"]["value"] == "two", resolved
    assert ask(*rank, "--reason", "r").code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("pin", "retail/pinned", "description", "--reason", "r"), 2),
        (("pin", "retail/pinned", "descripton", "x", "--reason", "r"), 3),
        (("pin", "retail/pinned", "name", "x", "--reason", "r"), 2),
        (("pin", "retail/nobody", "description", "x", "--reason", "r"), 3),
        (("unpin", "retail/pinned", "license"), 3),
        (("conflicts", "resolve", "retail/pinned", "license", "--reason", "r"), 2),
        (("conflicts", "list", "--field", "descripton"), 2),
        (("source", "precedence", "ci-one", "descripton", "7", "--reason", "r"), 2),
    ],
)
def test_refused(disputed: str, ask: Command, arguments: tuple[str, ...], code: int) -> None:
    """Each refusal has its exit code, and says what to do."""
    assert disputed
    ran = ask(*arguments)

    assert (ran.code, bool(ran.err)) == (code, True), ran
