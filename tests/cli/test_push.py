"""`push` against a catalog that is really served."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.cli.conftest import Command, Served

NOON = "2026-11-20T12:00:00Z"


def model(name: str, **facts: Any) -> Mapping[str, Any]:
    """What a build says about a model."""
    subject = {"kind": "model", "scheme": "name", "value": f"retail/{name}"}
    given = {"namespace": "retail", "name": name} | facts
    return {"subject": subject, "observed_at": NOON, "facts": given}


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


def test_push_dry_run(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """A dry run prints the plan and keeps nothing; what would be refused is said."""
    token = catalog.source("planning")
    file = tmp_path / "batch.json"
    bad = {**model("bad"), "facts": {"nmae": "bad"}}
    file.write_text(json.dumps({"observations": [model("planned"), bad]}), encoding="utf-8")

    ran = ask("push", "planning", str(file), "--dry-run", "--json", TOKEN=token)

    receipt, planned = map(json.loads, ran.lines)
    assert (ran.code, receipt["recorded"], len(receipt["refused"])) == (1, 1, 1)
    assert "1 refused, the others would be recorded." in ran.err
    assert [one["new"]["name"] for one in planned["plan"]] == ["planned"]
    assert ask("list", "--filter", "name=planned").lines == []


def test_push_several(catalog: Served, ask: Command, tmp_path: Path) -> None:
    """Files go in their order, a large one in several batches; places are those of the file."""
    token = catalog.source("several")
    small, large = tmp_path / "small.json", tmp_path / "large.json"
    many = [model(f"m-{number}") for number in range(1_201)]
    many[1_100] = {**model("bad"), "facts": {"nmae": "bad"}}
    small.write_text(json.dumps({"observations": [model("m-0")]}), encoding="utf-8")
    large.write_text(json.dumps({"observations": many}), encoding="utf-8")

    ran = ask("push", "several", str(small), str(large), TOKEN=token)

    assert ran.lines == [
        f"{small}: 1 recorded, 0 unchanged",
        f"{large}: 1199 recorded, 1 unchanged",
    ]
    assert ran.err.startswith(f"{large}: observation 1100/facts/nmae: ")
    assert ran.code == 1
