"""`receiver`, `sample` and `kpis` against a catalog that is really served."""

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.cli.conftest import KEY, Command, Served
from tests.outgoing.desk import LOOPBACK, Sink, listening

WHY = ("--reason", "tests")


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A system that takes events."""
    with listening() as found:
        yield found


def test_receiver(ask: Command, sink: Sink, tmp_path: Path) -> None:
    """Made, tried by the service, rotated, replayed, changed, disabled."""
    tried = ask("receiver", "create", "desk", sink.url, *WHY, "--dry-run")
    assert (tried.code, tried.lines) == (0, ["desk"]), tried
    assert ask("receiver", "show", "desk").code == 3
    made = ask("receiver", "create", "desk", sink.url, "--type", "tier.changed", *WHY)
    [secret] = made.lines
    assert secret.startswith("whsec_")
    assert "once" in made.err

    [event] = ask("receiver", "test", "desk").lines
    assert "events_sent" not in json.loads(ask("evaluate", "--json").out)  # nothing signs them
    way = {"OUTBOUND_ALLOW": LOOPBACK, "SECRET_KEY": KEY, "BASE_URL": "https://catalog.example"}
    assert "events_sent" in json.loads(ask("evaluate", "--json", "--dry-run", **way).out)
    tried_by_serve = partial(ask, "receiver", "deliveries", "desk", "--json")
    while not json.loads(tried_by_serve().lines[0])["attempts"]:
        time.sleep(0.05)
    while not (last := json.loads(tried_by_serve().lines[0])["last_error"]):
        time.sleep(0.05)
    assert "MODEL_CATALOG_OUTBOUND_ALLOW=127.0.0.1/32" in last  # the service may not go there
    assert sink.got == []
    [line] = ask("receiver", "deliveries", "desk").lines
    assert line.split("\t")[:2] == [event, "receiver.test"]
    file = tmp_path / "log.csv"
    assert ask("receiver", "deliveries", "desk", "--output", str(file)).code == 0
    assert event in file.read_text(encoding="utf-8")

    assert ask("receiver", "rotate", "desk", *WHY).lines != [secret]
    assert ask("receiver", "replay", "desk", event, *WHY).lines == [event]
    assert ask("receiver", "replay", "desk", *WHY).code == 2
    many = ("--since", "2020-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z", *WHY)
    assert ask("receiver", "replay", "desk", *many).lines == ["0"]  # it waits already
    changed = ask("receiver", "change", "desk", "--all-types", "--json", *WHY)
    assert json.loads(changed.out)["types"] == []
    assert ask("receiver", "disable", "desk", *WHY).lines == ["desk"]
    assert ask("receiver", "test", "desk").code == 5
    assert ask("receiver", "list").lines[0].split("\t")[2] == "false"
    assert ask("receiver", "change", "desk", "--enable", *WHY).code == 0
    found = ask("doctor", "--offline", "--json")
    assert "receiver desk" in found.out


def test_sample(ask: Command, catalog: Served) -> None:
    """Without a sample there is none to show."""
    assert catalog.url
    assert ask("sample", "list").lines == []
    assert ask("sample", "show", "2020Q1").code == 3
    assert ask("sample", "verify", "2020Q1").code == 3
    assert ask("sample", "draws", "2020Q1", "--json").lines == []


def test_kpis(ask: Command, tmp_path: Path) -> None:
    """Figures as lines, as JSON and as a file; what models share."""
    lines = ask("kpis", "--by", "namespace").lines
    assert lines[0].split("\t")[:2] == ["all", "models_in_use"]
    items = json.loads(ask("kpis", "--json").out)["items"]
    assert items[0]["figure"] == "models_in_use"
    file = tmp_path / "kpis.csv"
    assert ask("kpis", "--output", str(file)).code == 0
    assert "models_in_use" in file.read_text(encoding="utf-8")
    assert ask("kpis", "--shared").code == 0
    assert ask("kpis", "--shared", "--by", "tier").code == 2
