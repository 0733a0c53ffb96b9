"""Deployments of a scripted GitLab: of each environment the last that succeeded."""

from datetime import timedelta
from pathlib import Path

import pytest

from harvesters.recording import MOST_BYTES, Recorder
from harvesters.replay import Recording, Replay
from schemas.sources import SourceSettings
from tests.harvesters.ci.gitlab.conftest import COMMIT, Lab
from tests.support.gitlab_ci import text

OTHER = "0dd" * 13 + "0"


def test_deployments(lab: Lab) -> None:
    """What is deployed where, since when, by whom, from which commit and pipeline."""
    churn, at = lab.project(), lab.ago(hours=2)
    lab.ci.environment(churn, "prod/eu", tier="production", external_url="https://churn.example")
    made = lab.ci.deploy(churn, "prod/eu", COMMIT, at=at)
    lab.ci.deploy(churn, "prod/eu", OTHER, at=lab.ago(hours=1), status="failed")
    lab.ci.environment(churn, "never")

    closed = lab.harvest("deployments")

    (one,) = lab.catalog.held.values()
    assert one.subject.value == f"{lab.host}/{churn.id}/prod%2Feu"
    facts = lab.catalog.facts("deployment")["prod%2Feu"]
    told = ("name", "environment", "environment_class", "endpoint", "commit", "status")
    assert [facts[name] for name in told] == [
        "acme/churn", "prod/eu", "production", "https://churn.example", COMMIT, "ready",
    ]  # fmt: skip
    assert (facts["created_at"], facts["deployed_by"]) == (at, made["user"]["username"])
    assert facts["build"]["value"] == f"{lab.host}/{churn.id}/4711"
    assert closed.counts == {"environments_without_success": 1}
    assert lab.asked() == ["environments"] * 3


def test_deployments_changes(lab: Lab) -> None:
    """Between full harvests one request a project, and one an environment that changed."""
    churn = lab.project()
    for number in range(5):
        lab.ci.deploy(churn, f"env-{number}", COMMIT, at=lab.ago(days=2))
    lab.harvest("deployments")
    lab.passed += timedelta(hours=1)
    lab.harvest("deployments")
    assert (lab.catalog.written, lab.asked()) == (0, ["deployments"])

    lab.ci.deploy(churn, "env-3", OTHER, at=lab.ago(minutes=1))
    lab.passed += timedelta(hours=1)
    lab.harvest("deployments")
    assert lab.asked() == ["deployments", "environments"]
    assert lab.catalog.facts("deployment")["env-3"]["commit"] == OTHER
    assert lab.catalog.written == 1


def test_deployments_open(lab: Lab) -> None:
    """One that goes on takes nothing's place until it is done."""
    churn = lab.project()
    lab.ci.deploy(churn, "production", COMMIT, at=lab.ago(days=2))
    lab.harvest("deployments")
    going = lab.ci.deploy(churn, "production", OTHER, at=lab.ago(minutes=1), status="running")
    lab.passed += timedelta(hours=1)
    lab.harvest("deployments")
    assert lab.catalog.written == 0

    going |= {"status": "success", "updated_at": text(lab.ago(seconds=1))}
    lab.passed += timedelta(hours=1)
    lab.harvest("deployments")
    assert lab.catalog.facts("deployment")["production"]["commit"] == OTHER


def test_deployments_stopped_and_deleted(lab: Lab) -> None:
    """A stopped environment says so, a deleted one is gone; both are asked for by name."""
    churn = lab.project()
    for name in ("production", "review/1", "review/2"):
        lab.ci.deploy(churn, name, COMMIT, at=lab.ago(days=1))
    lab.harvest("deployments")
    lab.ci.environment(churn, "review/1", state="stopped")
    deleted = lab.ci.environment(churn, "review/2")
    del lab.ci.ci(churn).environments[deleted["id"]]

    lab.passed += timedelta(hours=25)
    lab.harvest("deployments")

    found = lab.catalog.facts("deployment")
    assert {name: one["status"] for name, one in found.items()} == {
        "production": "ready", "review%2F1": "stopped",
    }  # fmt: skip
    assert "ended_at" in found["review%2F1"]


def test_deployments_no_access(lab: Lab) -> None:
    """Rights that are lost, and a project that is hidden, make nothing gone."""
    churn, fraud = lab.project(), lab.server.state.project("acme/fraud", {"a": b"a"})
    lab.catalog.name(OTHER, lab.number(fraud))
    for one in (churn, fraud):
        lab.ci.deploy(one, "production", COMMIT, at=lab.ago(days=1))
    lab.harvest("deployments")
    lab.server.is_member = False
    lab.ci.ci(churn).refused, fraud.hidden = 403, True
    lab.passed += timedelta(hours=25)

    closed = lab.harvest("deployments")

    assert not any(one.gone for one in lab.catalog.held.values())
    excused = {one.subject.value for one in closed.skipped if one.subject is not None}
    assert {f"{lab.host}/{one.id}/production" for one in (churn, fraud)} <= excused


def test_deployments_hinted(lab: Lab) -> None:
    """A webhook costs the one project that it is about."""
    churn = lab.project()
    lab.harvest("deployments")
    lab.ci.deploy(churn, "production", COMMIT, at=lab.ago(seconds=20))
    lab.hint(churn, "deployment")
    lab.passed += timedelta(minutes=2)

    closed = lab.harvest("deployments")

    assert (closed.hints, lab.server.kinds()) == ((1,), ["deployments", "environments"])
    assert lab.catalog.facts("deployment")["production"]["commit"] == COMMIT


@pytest.mark.parametrize(
    ("name", "tier", "kind"),
    [
        ("x", "production", "production"), ("x", "staging", "staging"),
        ("x", "testing", "development"), ("live-1", "other", "production"), ("x", None, None),
        ("x", 7, None),
    ],
)  # fmt: skip
def test_deployments_tier(lab: Lab, name: str, tier: object, kind: str | None) -> None:
    """The class of an environment: its tier, else the source's patterns, else none."""
    lab.settings["environments"] = {"live*": "production"}
    churn = lab.project()
    lab.ci.environment(churn, name, tier=tier)
    lab.ci.deploy(churn, name, COMMIT, at=lab.ago(hours=1))

    lab.harvest("deployments")

    assert lab.catalog.facts("deployment")[name].get("environment_class") == kind


def test_deployments_without_job(lab: Lab) -> None:
    """One that was told over the API has no job, and so no build; odd members cost a fact."""
    churn = lab.project()
    lab.ci.deploy(churn, "production", "c0ffee", at=lab.ago(hours=1), deployable=None, user=3)

    lab.harvest("deployments")

    facts = lab.catalog.facts("deployment")["production"]
    assert not {"build", "commit", "deployed_by"} & facts.keys()


def test_gitlab_replayed(lab: Lab, tmp_path: Path) -> None:
    """What was recorded holds no variables and no tokens, and says the same once more."""
    churn = lab.project()
    secrets = [{"key": "DB", "value": "canary-7"}]
    url = "https://oauth2:hunter2@lab.example/acme/churn.git"
    more = {"variables": secrets, "clone": url}
    lab.ci.deploy(churn, "production", COMMIT, at=lab.ago(hours=1), **more)
    lab.ci.run(churn, COMMIT, at=lab.ago(hours=1), **more)
    source = SourceSettings.model_validate(
        {"name": "lab", "kind": "gitlab", "namespace": "retail", "settings": lab.settings}
    )
    for what in ("deployments", "builds"):
        told: list[str] = []
        lab.harvest(what, tape=Recorder(tmp_path / what, source, most=MOST_BYTES, tell=told.append))
        (path,) = (tmp_path / what).iterdir()
        kept = path.read_text() + "".join(o.model_dump_json() for o in lab.catalog.held.values())
        assert told == []
        assert not any(secret in kept for secret in ("canary-7", "hunter2"))

        replay = Replay(Recording.open(path), source, at=None)
        again = [one for step in replay.pages(None) for one in replay.observe(step)]
        assert len(again) == replay.compared["as recorded"] == 1
        assert replay.compared["no longer said"] == 0
