"""A scripted Azure DevOps, the real command, a served catalog: builds, repository, deployments."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e.site import Site, bearer
from tests.support.azure_server import SIGN_IN, Azure, azure, tfs

A, B = "a" * 40, "b" * 40
CHURN: Final = "https://dev.azure.com/acme/retail/_git/churn"
NOON: Final = "2026-11-20T12:00:00Z"
TABLES: Final = ("subject", "observation", "sighting", "entry", "build", "deployment", "repository")


class Ci:
    """The two ends: what happens in Azure DevOps, and what the catalog says after a harvest."""

    def __init__(self, site: Site, server: Azure) -> None:
        """A source that pushes what versions are, and the Azure DevOps."""
        self.site, self.server = site, server
        self.notes = self._declare("notes", "ci")
        settings = {"url": server.url, "environments": {"prod*": "production"}}
        site.tokens["mlflow-prod"] = self._declare(  # as whom commands speak
            "pipelines", "azure", credential="AZURE", settings=settings
        )

    def _declare(self, name: str, kind: str, **more: Any) -> str:
        declared = {"name": name, "kind": kind, "namespace": "retail"} | more
        answer = self.site.http.put(
            f"/sources/{name}", json=declared, headers=bearer(self.site.admin)
        )
        assert answer.is_success, answer.text
        asked = {"role": "source", "source": name, "days": 1}
        answer = self.site.http.post("/tokens", json=asked, headers=bearer(self.site.admin))
        return str(answer.json()["token"])

    def name(self, number: str, commit: str) -> None:
        """A version names a commit of the repository."""
        subject = {"kind": "model", "scheme": "name", "value": "retail/churn"}
        repository = {"kind": "repository", "scheme": "url", "value": CHURN}
        version = {
            "subject": {"kind": "version", "scheme": "other", "value": f"notes/churn/{number}"},
            "observed_at": NOON,
            "facts": {
                "model": subject, "number": number, "source_commit": commit,
                "repository": repository,
            },
        }  # fmt: skip
        model = {
            "subject": {"kind": "model", "scheme": "other", "value": "notes/churn"},
            "same_as": [subject], "observed_at": NOON,
            "facts": {"namespace": "retail", "name": "churn"},
        }  # fmt: skip
        answer = self.site.http.post(
            "/sources/notes/observations",
            json={"observations": [model, version]},
            headers=bearer(self.notes),
        )
        assert answer.is_success, answer.text
        assert answer.json()["refused"] == []

    def harvest(self, *options: str, code: int = 0) -> list[Any]:
        """Run the command; the reports of its projects."""
        done = self.site.command(
            "harvest", "pipelines", "--json", *options,
            MODEL_CATALOG_SECRET_AZURE=self.server.secret,
            MODEL_CATALOG_SECRET_AZURE_HOST=self.server.host,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        assert self.server.secret not in done.stdout + done.stderr
        self.said = done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def live(self, path: str) -> list[dict[str, Any]]:
        """What is listed and not gone, with the facts of each."""
        return [one for one in self.site.get(path)["items"] if one["gone_since"] is None]


@pytest.fixture
def ci(site: Site) -> Iterator[Ci]:
    """A catalog that is told of an empty Azure DevOps."""
    with azure() as server:
        yield Ci(site, server)


def test_azure(ci: Ci, site: Site) -> None:
    """From a named commit to its build, repository and deployment; a sign-in page ends nothing."""
    project = ci.server.project("retail")
    build = project.run(commit=A, repository=tfs("churn", userinfo="acme@"))
    project.build(commit=B, repository=tfs("churn"))
    ci.name("1", A)

    (report,) = ci.harvest()
    assert (report["scope"], report["outcome"]) == (f"builds/{project.id}", "complete")
    (found,) = ci.live("/builds")
    assert (found["facts"]["status"], found["facts"]["commit"]) == ("running", A)
    (repository,) = ci.live("/repositories")  # known by its address, and by its number now
    assert repository["facts"]["url"] == CHURN

    build |= {"status": "completed", "result": "succeeded", "finishTime": ci.server.ago(seconds=1)}
    project.deploy(build, "prod-eu")
    ci.harvest()
    (found,) = ci.live("/builds")
    assert found["facts"]["status"] == "succeeded"
    (deployment,) = ci.live("/deployments")
    assert deployment["facts"]["environment_class"] == "production"
    assert deployment["facts"]["commit"] == A

    ci.server.asked_by_kind()
    before = {name: site.written().get(name) for name in TABLES}
    (report,) = ci.harvest()
    assert (report["created"], report["changed"]) == (0, 0)
    assert {name: site.written().get(name) for name in TABLES} == before
    assert ci.server.asked_by_kind() == {
        "projects": 1, "running": 1, "finished": 1, "environments": 1, "records": 1,
    }  # fmt: skip

    ci.name("2", B)  # built before it was named
    ci.harvest()
    assert len(ci.live("/builds")) == 2

    ci.server.before = lambda _path: SIGN_IN
    ci.harvest(code=6)
    assert "the token is refused" in ci.said
    assert len(ci.live("/builds")) == 2
    assert "canary" not in json.dumps(ci.live("/builds"))
