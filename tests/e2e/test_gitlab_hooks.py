"""Deliveries of a scripted GitLab: what they hint at is read again, and nothing else is."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from service.hooks.process import process_deliveries
from tests.e2e.lab import TOKEN, Lab, manifest
from tests.e2e.site import Site
from tests.support.gitlab_server import gitlab
from tests.support.gitlab_state import Project

SECRET: Final = "a-token-of-gitlab-that-is-long"  # noqa: S105  # of tests


@pytest.fixture
def lab(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """One whose GitLab sends webhooks; everything was read once."""
    monkeypatch.setenv("MODEL_CATALOG_HOOK_SECRET_LAB", SECRET)
    with gitlab(token=TOKEN) as server:
        group = server.state.group("acme")
        for name in ("churn", "fraud"):
            server.state.project(f"acme/{name}", {"model.yaml": manifest(name)})
        found = Lab(server, site, webhook_secret="LAB")  # noqa: S106  # a variable's name
        found.declare(groups=[str(group.id)])
        assert len(found.run()[0].skipped) == 0
        yield found


def deliver(lab: Lab, **payload: Any) -> None:
    """What GitLab sends, read by the service."""
    answer = lab.site.http.post(
        f"{lab.site.url}/hooks/gitlab",
        content=json.dumps(payload).encode(),
        headers={"X-Gitlab-Token": SECRET, "Content-Type": "application/json"},
    )
    assert answer.status_code == 202, answer.text
    process_deliveries(lab.site.database)


def about(lab: Lab, project: Project) -> dict[str, Any]:
    """How GitLab names a project in what it sends."""
    url = f"{lab.server.url}/{project.path}"
    return {"project_id": project.id, "project": {"id": project.id, "web_url": url}}


def test_gitlab_pushed(lab: Lab) -> None:
    """A push costs the one project that it is about, and is settled by that."""
    churn = next(one for one in lab.state.projects.values() if one.path == "acme/churn")
    lab.state.push(churn, {"model.yaml": manifest("churn", "lifecycle: pilot")})
    deliver(lab, object_kind="push", ref="refs/heads/main", **about(lab, churn))

    (report,) = lab.run()

    assert (report.coverage, report.outcome, report.unseen) == ("delta", "complete", 0)
    assert lab.server.kinds() == [
        "project", "group", "branches", "tree", "blobs", "commits",
    ]  # fmt: skip
    assert lab.site.models()["retail/churn"]["facts"]["lifecycle"] == "pilot"
    assert lab.run()[0].coverage == "full"


def test_gitlab_moved(lab: Lab) -> None:
    """A project that is renamed, or leaves the group, is known by its number in the delivery."""
    churn, fraud = lab.state.projects.values()
    before = lab.repositories()["acme/churn"]["id"]
    lab.state.move(churn, "acme/attrition")
    lab.state.move(fraud, "elsewhere/fraud")
    for one in (churn, fraud):
        deliver(lab, event_name="project_rename", project_id=one.id, path_with_namespace=one.path)

    (report,) = lab.run()

    assert (report.coverage, report.retired) == ("delta", 0)
    assert lab.repositories()["acme/attrition"]["id"] == before
    assert {*lab.site.models()} == {"retail/churn", "retail/fraud"}  # a full harvest decides


def test_gitlab_group_renamed(lab: Lab) -> None:
    """A group that is renamed moves all its projects: everything is listed again."""
    (group,) = lab.state.groups.values()
    for one in lab.state.projects.values():
        lab.state.move(one, one.path.replace("acme/", "acme-inc/"))
    group.path = "acme-inc"
    deliver(lab, event_name="group_rename", group_id=group.id, full_path="acme-inc")

    (report,) = lab.run()

    assert (report.coverage, report.created, report.retired) == ("full", 0, 0)
    assert {*lab.repositories()} == {"acme-inc/churn", "acme-inc/fraud"}
