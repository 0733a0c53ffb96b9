"""`tier` against a catalog that is really served."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.cli.conftest import Command, Served


@pytest.fixture
def model(catalog: Served, ask: Command, tmp_path: Any) -> str:
    """A model of which too little is said, with an admin who may answer; answers its name."""
    source, name = f"mlflow-{uuid4().hex[:8]}", f"churn-{uuid4().hex[:8]}"
    token = catalog.source(source, kind="mlflow", may_grant_ownership=True)
    said = {
        "subject": {"kind": "model", "scheme": "mlflow", "value": f"{source}/default/{name}"},
        "observed_at": "2026-11-20T12:00:00Z",
        "facts": {"namespace": "retail", "name": name, "update_mode": "static",
                  "owners": [{"owner": {"kind": "owner", "scheme": "handle", "value": name}}]},
    }  # fmt: skip
    file = tmp_path / "said.json"
    file.write_text(json.dumps({"observations": [said]}), encoding="utf-8")
    pushed = ask("push", source, str(file), TOKEN=token)
    assert pushed.code == 0, pushed
    return f"retail/{name}"


@pytest.fixture
def owner(catalog: Served, model: str) -> str:
    """The token of the account that the model's owner stands for."""
    client, name = catalog.client(), model.removeprefix("retail/")
    client.post("/api/v1/accounts", {"name": name, "reason": "tests"})
    grant = {"account": name, "role": "reader", "namespace": "retail", "reason": "tests"}
    client.post("/api/v1/role-grants", grant)
    mapping = {"owner": f"handle:{name}", "account": name, "reason": "tests"}
    client.post("/api/v1/owner-mappings", mapping)
    return catalog.token(account=name)


def test_tier_show(model: str, ask: Command) -> None:
    """How risky it is, by which policy; factors, questions; the same as JSON."""
    shown = ask("tier", "show", model)
    assert shown.code == 0, shown
    assert f"{model}: LOW to HIGH, PROVISIONAL, reviewed as MEDIUM" in shown.err + shown.out
    assert "(undeclared) decides" in shown.err + shown.out
    assert any(line.startswith("inherent\tupdate_mode\tstatic\t0\tmlflow-") for line in shown.lines)

    found = json.loads(ask("tier", "show", model, "--json").out)
    assert (found["model"], found["tier"], found["status"]) == (model, "HIGH", "PROVISIONAL")


def test_tier_ask(model: str, ask: Command) -> None:
    """What to answer next, at most three questions; with --json by use."""
    asked = ask("tier", "ask", model)
    assert asked.code == 0, asked
    found = json.loads(ask("tier", "ask", model, "--json").out)
    assert found.keys() == {"(undeclared)"}
    facts = [one["fact"] for one in found["(undeclared)"]]
    assert 0 < len(facts) <= 3
    assert all(any(line.startswith(fact) for line in asked.lines) for fact in facts)


def test_tier_preview(model: str, ask: Command) -> None:
    """What it would be; a strange value is refused, and so is what is no statement."""
    fact = 'regulated_purposes=["creditworthiness"]'
    told = ask("tier", "preview", model, "--fact", fact)
    assert (told.code, "(undeclared): HIGH FIRM" in told.err + told.out) == (0, True), told
    found = json.loads(ask("tier", "preview", model, "--fact", fact, "--json").out)
    assert [floor["id"] for floor in found["floors"]][:1] == ["F5"]

    assert ask("tier", "preview", model, "--fact", "decision_role=ponders").code == 2
    assert ask("tier", "preview", model, "--fact", "decision_role").code == 2
    assert ask("tier", "preview", model, "--use", "lunch").code == 3


def test_tier_answer_and_confirm(model: str, owner: str, ask: Command) -> None:
    """An owner answers, which is pinned, and confirms; others may not."""
    answer = ("tier", "answer", model, "decision_role", "informational", "--reason", "I asked")
    assert ask(*answer).code == 4
    done = ask(*answer, TOKEN=owner)
    assert done.code == 0, done
    found = json.loads(ask("tier", "show", model, "--json").out)
    assert found["uses"][0]["facts"]["decision_role"] == "informational"
    again = ask("tier", "answer", model, "decision_role", "assists", "--reason", "I asked again",
                "--json", TOKEN=owner)  # fmt: skip
    assert json.loads(again.out)["pin"]["value"] == "assists"

    confirm = ("tier", "confirm", model, "--comment", "as it is used")
    assert ask(*confirm).code == 4
    confirmed = ask(*confirm, "--json", TOKEN=owner)
    assert json.loads(confirmed.out)["confirmed"]["stale"] is False
    assert ask("tier", "confirm", model, TOKEN=owner).code == 0


def test_tier_of_nothing(ask: Command, model: str) -> None:
    """No such model, no such use, no name."""
    assert ask("tier", "show", "retail/none").code == 3
    assert ask("tier", "show", model, "--use", "lunch").code == 3
    assert ask("tier", "show", "churn").code == 2
