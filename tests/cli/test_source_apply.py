"""`source apply`: the plan, what it stores, and what it refuses, against a served catalog."""

import json
from collections.abc import Iterator

import pytest

from service.db import Database
from tests.cli.conftest import Command, Served, Write
from tests.support.http import wait_for_feed

SOURCE = """\
- name: mlflow-prod
  kind: mlflow
  namespace: retail
  absences: 5
  expected_interval: 2h
  settings: {uri: "https://mlflow.acme.example", workspaces: all}
"""


@pytest.fixture(autouse=True)
def disabled(catalog: Served) -> Iterator[None]:
    """Afterwards no source is enabled, so that the next test finds nothing to prune."""
    yield
    for source in catalog.client().get("/api/v1/sources"):
        source.pop("scopes")
        source.pop("refold")
        source.pop("webhooks")
        body = source | {"enabled": False}
        catalog.client().put(f"/api/v1/sources/{source['name']}", body)


def declared(name: str, **changed: str) -> str:
    """A source of this name, with lines changed or added."""
    lines = {"name": name, "kind": "ci", "namespace": "retail"} | changed
    return "- " + "\n  ".join(f"{field}: {value}" for field, value in lines.items()) + "\n"


def test_apply_plan(catalog: Served, ask: Command, write: Write) -> None:
    """A dry run prints the plan field by field and changes nothing; then it is done, then done."""
    file = write(SOURCE)

    planned = ask("source", "apply", file, "--dry-run")
    between = ask("source", "show", "mlflow-prod")
    applied, again = ask("source", "apply", file), ask("source", "apply", file)

    assert (planned.code, planned.err) == (0, "1 of 1 sources would change.\n")
    assert planned.lines[0] == "mlflow-prod: create"
    assert {"  absences: 5", "  expected_interval: 7200", "  precedence: 40"} <= set(planned.lines)
    assert between.code == 3
    assert (applied.out, applied.err) == (planned.out, "1 of 1 sources changed.\n")
    assert (again.lines, again.err) == (["mlflow-prod: unchanged"], "Nothing to change.\n")
    shown = json.loads(ask("source", "show", "mlflow-prod", "--json").out)
    assert (shown["absences"], shown["expected_interval"]) == (5, 7200)
    database = Database(catalog.database_url, pool=1)
    wait_for_feed(database)
    database.dispose()
    ledger = catalog.client().get("/api/v1/changes")["items"]
    assert [one for one in ledger if one["source"] == "mlflow-prod" and one["op"] == "create"]


def test_apply_change(ask: Command, write: Write) -> None:
    """A change shows the old and the new value, and only what differs."""
    ask("source", "apply", write(declared("changing")))
    file = write(declared("changing", precedence="77", field_precedence="{description: 80}"))

    plain, as_json = (ask("source", "apply", file, "--dry-run", *o) for o in ((), ("--json",)))

    assert plain.lines == [
        "changing: change",
        "  precedence: 60 → 77",
        "  field_precedence: {} → {'description': 80}",
    ]
    assert json.loads(as_json.out) == {
        "name": "changing",
        "action": "change",
        "fields": {
            "precedence": {"old": 60, "new": 77},
            "field_precedence": {"old": {}, "new": {"description": 80}},
        },
        "impact": {"entries": 0, "changes": [], "complete": True},
    }


def test_apply_prune(catalog: Served, ask: Command, write: Write) -> None:
    """What the file lacks is left alone; with --prune it is disabled, and keeps its settings."""
    ask("source", "apply", write(declared("kept"), declared("dropped", precedence="61")))
    file = write(declared("kept"))

    alone, pruned, again = (
        ask("source", "apply", file, *o) for o in ((), ("--prune",), ("--prune",))
    )

    assert alone.lines == ["kept: unchanged"]
    assert pruned.lines == ["kept: unchanged", "dropped: disable", "  enabled: True → False"]
    assert again.lines == ["kept: unchanged"]
    dropped = catalog.client().get("/api/v1/sources/dropped")
    assert (dropped["enabled"], dropped["precedence"]) == (False, 61)


def test_apply_not_allowed(catalog: Served, ask: Command, write: Write) -> None:
    """A token that may not declare sources stops the command; nothing is stored."""
    reader = catalog.token(role="reader")

    ran = ask("source", "apply", write(declared("one")), TOKEN=reader)

    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith("The token may not do this.")
    assert "one" not in {source["name"] for source in catalog.client().get("/api/v1/sources")}


def test_source_list(ask: Command, write: Write) -> None:
    """One line a source in a pipe, with the end of its last complete harvest."""
    ask("source", "apply", write(declared("listed")))

    plain, as_json = ask("source", "list"), ask("source", "list", "--json")

    assert "listed\tci\tretail\ttrue\tnever" in plain.lines
    assert [json.loads(line)["scopes"] for line in as_json.lines if '"listed"' in line] == [[]]
