"""Builds and deployments of scripted hosts, harvested by the real command into a served catalog."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab import TOKEN, Lab
from tests.e2e.lab import manifest as written
from tests.e2e.site import Site
from tests.e2e.test_github import Hub, manifest
from tests.support.github_server import serving
from tests.support.gitlab_server import gitlab


@pytest.fixture
def hub(site: Site, corpora: Path) -> Iterator[Hub]:
    """A catalog that is told of an empty GitHub, with its CI."""
    with serving(corpora) as github:
        found = Hub(site, github)
        found.declare(builds="named", deployments="named")
        yield found


@pytest.fixture
def lab(site: Site) -> Iterator[Lab]:
    """The same of a GitLab."""
    with gitlab(token=TOKEN) as server:
        server.state.group("acme")
        found = Lab(server, site)
        found.declare(builds="named", deployments="named")
        yield found


def entries(site: Site, kind: str) -> dict[str, Any]:
    """Live entries of a kind by the last part of their names."""
    rows = site.get(f"/{kind}")["items"]
    return {row["name"].rpartition("/")[2]: row for row in rows if row["gone_since"] is None}


def test_github_ci(hub: Hub, site: Site) -> None:
    """From a push to production: build and deployment are there, and belong to each other."""
    files = {"model.yaml": manifest("churn", "Churn")}
    churn = hub.github.state.create("acme/churn", files)
    hub.github.state.create("acme/site", {"notes.txt": b"#\n"})
    commit = churn.heads["main"][-1].id
    at = hub.github.state.now
    run = hub.github.actions.run(churn, commit, at=at)
    hub.github.actions.deploy(churn, "production", commit, at=at, run=run,
                              production_environment=True)  # fmt: skip

    reports = hub.harvest()

    assert [one["scope"] for one in reports] == [
        "repositories/acme", "deployments/acme", "builds/acme",
    ]  # fmt: skip
    assert {one["outcome"] for one in reports} == {"complete"}
    build = entries(site, "builds")[str(run.number)]
    deployed = entries(site, "deployments")["production"]
    repository = hub.repositories()["acme/churn"]
    assert build["facts"]["commit"] == deployed["facts"]["commit"] == commit
    assert (build["facts"]["status"], deployed["facts"]["status"]) == ("succeeded", "ready")
    assert deployed["facts"]["environment_class"] == "production"
    assert build["facts"]["repository"] == deployed["facts"]["repository"] == repository["name"]
    assert (deployed["facts"]["build"], build["stub"]) == (build["name"], False)

    before = site.written()
    hub.github.asked.clear()
    hub.harvest()
    assert site.written() == before
    asked = hub.github.asked_by_kind()
    assert asked["runs"] == asked["deployments"] == 1

    newer = hub.github.push(churn, {"model.yaml": manifest("churn", "Attrition")})
    again = hub.github.actions.run(churn, newer, at=hub.github.state.now)
    hub.github.actions.deploy(churn, "production", newer, at=hub.github.state.now, run=again,
                              production_environment=True)  # fmt: skip
    hub.harvest()
    deployed = entries(site, "deployments")["production"]
    assert deployed["facts"]["commit"] == newer
    assert deployed["facts"]["build"] == entries(site, "builds")[str(again.number)]["name"]


def test_gitlab_ci(lab: Lab, site: Site) -> None:
    """The same on GitLab; a merge request's pipeline of another commit is not there."""
    churn = lab.state.project("acme/churn", {"model.yaml": written("churn")})
    commit = churn.branches["main"][-1].id
    at = datetime.now(UTC) - timedelta(hours=1)
    lab.server.ci.run(churn, "5" * 40, at=at, ref="refs/merge-requests/7/head")
    made = lab.server.ci.run(churn, commit, at=at)
    job = {"id": 9, "pipeline": {"id": made["id"], "project_id": churn.id}}
    lab.server.ci.environment(churn, "production", tier="production")
    lab.server.ci.deploy(churn, "production", commit, at=at, deployable=job)

    reports = lab.command()

    assert [one["outcome"] for one in reports] == ["complete"] * 3
    builds, deployed = entries(site, "builds"), entries(site, "deployments")["production"]
    assert builds.keys() == {str(made["id"])}
    build = builds[str(made["id"])]
    assert build["facts"]["commit"] == deployed["facts"]["commit"] == commit
    assert (deployed["facts"]["build"], build["stub"]) == (build["name"], False)
    assert deployed["facts"]["environment_class"] == "production"
    assert deployed["facts"]["repository"] == lab.repositories()["acme/churn"]["name"]

    before = site.written()
    lab.command()
    assert site.written() == before

    (place,) = lab.server.ci.ci(churn).environments
    del lab.server.ci.ci(churn).environments[place]
    lab.command("--full")
    assert entries(site, "deployments") == {}
    assert entries(site, "builds").keys() == {str(made["id"])}
