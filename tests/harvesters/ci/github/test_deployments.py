"""Deployments of a scripted GitHub: of each environment the newest that succeeded."""

from pathlib import Path
from typing import Any

import pytest

from harvesters.recording import MOST_BYTES, Recorder
from harvesters.replay import Recording, Replay
from schemas.sources import SourceSettings
from tests.harvesters.ci.github.conftest import COMMIT, Hub

OTHER = "0dd" * 13 + "0"


def test_deployments(hub: Hub) -> None:
    """What is deployed where, since when, by whom, from which commit and run."""
    churn, site = hub.repo(), hub.github.state.create("acme/site")
    run = hub.actions.run(churn, COMMIT, at=hub.ago(hours=3))
    at = hub.ago(hours=2)
    hub.actions.deploy(
        churn, "prod/eu #1", COMMIT, at=at, run=run, production_environment=True,
        payload={"model-catalog/model": "retail.churn", "model-catalog/version": "7"},
    )  # fmt: skip
    hub.actions.deploy(site, "production", OTHER, at=at)

    closed = hub.harvest("deployments")

    (one,) = hub.catalog.held.values()
    assert one.subject.value == f"{hub.github.identity(churn)}/prod%2Feu %231"
    facts = hub.catalog.facts("deployment")["prod%2Feu %231"]
    assert {name: facts[name] for name in ("name", "environment", "environment_class")} == {
        "name": "acme/churn", "environment": "prod/eu #1", "environment_class": "production",
    }  # fmt: skip
    assert (facts["commit"], facts["status"], facts["created_at"]) == (COMMIT, "ready", at)
    assert facts["build"]["value"] == f"{hub.github.identity(churn)}/{run.number}"
    assert (facts["claimed_model"], facts["claimed_version"]) == ("retail.churn", "7")
    assert closed.counts == {"repositories_not_named": 1}
    assert hub.github.asked_by_kind() == {"listing": 1, "deployments": 1, "statuses": 1}


def test_deployments_newest_success(hub: Hub) -> None:
    """What failed or goes on takes nothing's place; what was stopped says when."""
    churn = hub.repo()
    first = hub.actions.deploy(churn, "production", COMMIT, at=hub.ago(days=3))
    hub.actions.deploy(churn, "production", OTHER, at=hub.ago(days=2), state="failure")
    hub.actions.deploy(churn, "production", OTHER, at=hub.ago(days=1), state="in_progress")
    hub.actions.deploy(churn, "qa", OTHER, at=hub.ago(days=1), state=None)  # no status at all

    closed = hub.harvest("deployments")
    (facts,) = hub.catalog.facts("deployment").values()
    assert (facts["commit"], facts["status"]) == (COMMIT, "ready")
    assert closed.counts["environments_without_success"] == 1

    hub.actions.say(first, "inactive", at=hub.ago(minutes=1))
    hub.pass_time(hours=25)
    hub.harvest("deployments")
    (facts,) = hub.catalog.facts("deployment").values()
    assert (facts["status"], "ended_at" in facts) == ("superseded", True)


def test_deployments_changes(hub: Hub) -> None:
    """Between two full harvests one request a repository, and statuses where something moved."""
    churn = hub.repo()
    for number in range(8):
        hub.actions.deploy(churn, f"env-{number}", COMMIT, at=hub.ago(days=2, minutes=number))
    hub.harvest("deployments")
    hub.pass_time(hours=1)
    hub.harvest("deployments")
    assert hub.catalog.written == 0
    hub.github.asked_by_kind()

    hub.pass_time(hours=1)
    hub.harvest("deployments")
    assert hub.github.asked_by_kind() == {"listing": 1, "deployments": 1}

    going = hub.actions.deploy(churn, "env-3", OTHER, at=hub.ago(minutes=1), state="queued")
    hub.pass_time(hours=1)
    hub.harvest("deployments")
    assert hub.catalog.written == 0

    hub.actions.say(going, "success", at=hub.ago(seconds=3))
    hub.pass_time(hours=1)
    hub.harvest("deployments")
    assert hub.catalog.facts("deployment")["env-3"]["commit"] == OTHER
    assert hub.catalog.written == 1
    assert hub.github.asked_by_kind()["statuses"] <= 2


def test_deployments_hinted(hub: Hub) -> None:
    """A webhook costs the one repository that it is about, and no listing."""
    churn = hub.repo()
    hub.harvest("deployments")
    hub.actions.deploy(churn, "production", COMMIT, at=hub.ago(seconds=30))
    hub.hint(churn, "deployment")
    hub.pass_time(minutes=2)
    closed = hub.harvest("deployments")

    assert hub.catalog.facts("deployment")["production"]["name"] == "acme/churn"
    assert (closed.hints, hub.github.asked_by_kind()) == ((1,), {"deployments": 1, "statuses": 1})

    hub.hint(churn, "build", 7)
    assert (hub.harvest("deployments").hints, hub.github.asked) == ((), [])


def test_deployments_deleted_environment(hub: Hub) -> None:
    """An environment that was deleted is gone at once; one that only left the list stays."""
    churn = hub.repo()
    for name in ("production", "staging"):
        hub.actions.deploy(churn, name, COMMIT, at=hub.ago(days=1))
    hub.harvest("deployments")
    ci = hub.actions.ci(churn)
    ci.deployed.clear()
    ci.environments.remove("staging")

    hub.pass_time(hours=25)
    hub.harvest("deployments")

    assert hub.catalog.facts("deployment").keys() == {"production"}
    assert hub.github.asked_by_kind()["environment"] == 2


def test_deployments_last_one(hub: Hub) -> None:
    """The last deployment of a place may go too: it was asked for by name."""
    churn = hub.repo()
    hub.actions.deploy(churn, "production", COMMIT, at=hub.ago(days=1))
    hub.harvest("deployments")
    hub.actions.of.clear()

    hub.pass_time(hours=25)
    hub.harvest("deployments")

    assert hub.catalog.facts("deployment") == {}


def test_deployments_repository_deleted(hub: Hub) -> None:
    """What a repository deployed goes when that was not listed three days in a row."""
    churn = hub.repo()
    hub.github.state.create("acme/other")
    hub.actions.deploy(churn, "production", COMMIT, at=hub.ago(days=1))
    hub.harvest("deployments")
    hub.github.state.delete(churn)
    for left in (1, 1, 0):
        hub.pass_time(hours=25)
        hub.harvest("deployments")
        assert len(hub.catalog.facts("deployment")) == left
        hub.pass_time(hours=2)
        hub.harvest("deployments")  # of changes: counts nothing
        assert len(hub.catalog.facts("deployment")) == left


def test_deployments_no_access(hub: Hub) -> None:
    """Rights that are lost make nothing gone: each thing is told as skipped, with the reason."""
    churn, fraud = hub.repo(), hub.github.state.create("acme/fraud")
    hub.catalog.name(OTHER, hub.number(fraud))
    for one in (churn, fraud):
        hub.actions.deploy(one, "production", COMMIT, at=hub.ago(days=1))
    hub.harvest("deployments")

    hub.actions.ci(churn).refused = 403
    fraud.hidden = True
    hub.pass_time(hours=25)
    closed = hub.harvest("deployments")

    assert len(hub.catalog.facts("deployment")) == 1  # by its last part: two things
    assert not any(one.gone for one in hub.catalog.held.values())
    assert {one.code for one in closed.skipped} == {"not_readable"}
    excused = {one.subject.value for one in closed.skipped if one.subject is not None}
    assert f"{hub.github.identity(churn)}/production" in excused

    hub.actions.ci(churn).refused = 0
    newer = hub.actions.deploy(churn, "production", OTHER, at=hub.ago(minutes=1))
    hub.pass_time(hours=1)
    hub.harvest("deployments")
    assert {one.facts.commit for one in hub.catalog.held.values()} == {COMMIT, OTHER}  # type: ignore[union-attr]  # of deployments
    assert newer.commit == OTHER


@pytest.mark.parametrize("commit", [None, "", "c0ffee1", 7, "main"])
def test_deployments_without_commit(hub: Hub, commit: Any) -> None:
    """No sha, a short one, or what is none: then the commit is not stated."""
    hub.actions.deploy(hub.repo(), "production", COMMIT, at=hub.ago(hours=1), sha=commit)

    hub.harvest("deployments")

    assert "commit" not in hub.catalog.facts("deployment")["production"]


@pytest.mark.parametrize(
    ("payload", "claimed"),
    [
        ({"image": "registry/churn:7"}, "registry/churn:7"),
        ('{"image": "registry/churn:7"}', "registry/churn:7"),
        ('"{\\"image\\": \\"registry/churn:7\\"}"', "registry/churn:7"),
        ("", None),
        (None, None),
        ("deploy me", None),
        ("[" * 5_000, None),
        ('{"image": {"name": "churn"}}', None),
        ({"image": "registry/churn:7", "digest": "sha1:short"}, "registry/churn:7"),
    ],
)
def test_deployments_payload(hub: Hub, payload: Any, claimed: str | None) -> None:
    """A payload is an object, JSON text, text of JSON text, or nothing of that kind."""
    hub.actions.deploy(hub.repo(), "production", COMMIT, at=hub.ago(hours=1), payload=payload)

    hub.harvest("deployments")

    facts = hub.catalog.facts("deployment")["production"]
    assert facts.get("image") == claimed
    assert "digest" not in facts


def test_deployments_patterns(hub: Hub) -> None:
    """The class of an environment: what GitHub says, else the source's patterns, else none."""
    hub.settings["environments"] = {"*-prod": "production", "qa*": "staging"}
    churn = hub.repo()
    for name, says in (("eu-prod", None), ("QA-1", False), ("preview", None), ("live", True)):
        hub.actions.deploy(churn, name, COMMIT, at=hub.ago(hours=1), production_environment=says)

    hub.harvest("deployments")

    found = hub.catalog.facts("deployment")
    assert {name: one.get("environment_class") for name, one in found.items()} == {
        "eu-prod": "production", "QA-1": "staging", "preview": None, "live": "production",
    }  # fmt: skip


def test_deployments_replayed(hub: Hub, tmp_path: Path) -> None:
    """What was recorded holds no secret, and says the same when it is mapped again."""
    key = "ghp_" + "a" * 36
    payload = {
        "image": "https://anna:hunter2@registry.example/churn",
        "api_token": "canary-1",
        "k": key,
    }
    churn = hub.repo()
    hub.actions.deploy(churn, "production", COMMIT, at=hub.ago(hours=1), payload=payload)
    hub.actions.run(churn, COMMIT, at=hub.ago(hours=1), name=f"with {key}")
    source = SourceSettings.model_validate(
        {"name": "hub", "kind": "github", "namespace": "retail", "settings": hub.settings
         | {"url": hub.github.url}}
    )  # fmt: skip
    for what in ("deployments", "builds"):
        told: list[str] = []
        recorder = Recorder(tmp_path / what, source, most=MOST_BYTES, tell=told.append)
        closed = hub.harvest(what, tape=recorder)
        (path,) = (tmp_path / what).iterdir()
        text = path.read_text()
        assert (told, closed.skipped) == ([], ())
        assert not any(secret in text for secret in (key, "hunter2", "canary-1"))
        kept = "".join(one.model_dump_json() for one in hub.catalog.held.values())
        assert not any(secret in kept for secret in (key, "hunter2", "canary-1"))

        replay = Replay(Recording.open(path), source, at=None)
        again = [one for step in replay.pages(None) for one in replay.observe(step)]
        assert [one.subject for one in again] == [
            one.subject for one in hub.catalog.held.values() if one.subject.kind == what[:-1]
        ]
        assert replay.compared["as recorded"] == 1
        assert replay.compared["otherwise"] == replay.compared["no longer said"] == 0
