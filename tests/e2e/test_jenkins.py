"""A scripted Jenkins, the real command, a served catalog: builds of what the catalog names."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.e2e.site import Site, bearer
from tests.support.jenkins_server import Jenkins, checkout, jenkins

A, B = "a" * 40, "b" * 40
CHURN: Final = "https://github.com/acme/churn.git"
NOON: Final = "2026-11-20T12:00:00Z"
TABLES: Final = ("subject", "observation", "sighting", "entry", "build", "build_history")


class Ci:
    """The two ends: what happens in Jenkins, and what the catalog says of it after a harvest."""

    def __init__(self, site: Site, server: Jenkins) -> None:
        """A source that pushes what versions are, and the Jenkins."""
        self.site, self.server = site, server
        self.notes = self._declare("notes", "ci")
        settings = {"url": server.url}
        site.tokens["mlflow-prod"] = self._declare(  # as whom commands speak
            "jenkins", "jenkins", credential="JENKINS", settings=settings
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

    def harvest(self, *options: str, code: int = 0, secret: str | None = None) -> Any:
        """Run the command; the report."""
        done = self.site.command(
            "harvest", "jenkins", "--json", *options,
            MODEL_CATALOG_SECRET_JENKINS=secret or self.server.secret,
            MODEL_CATALOG_SECRET_JENKINS_HOST=self.server.host,
        )  # fmt: skip
        assert done.returncode == code, (done.stdout, done.stderr)
        assert self.server.secret not in done.stdout + done.stderr
        self.said = done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def builds(self) -> dict[str, Any]:
        """The listed builds by workflow."""
        found = self.site.get("/builds")["items"]
        return {one["facts"]["workflow"]: one for one in found}


@pytest.fixture
def ci(site: Site) -> Iterator[Ci]:
    """A catalog that is told of an empty Jenkins."""
    with jenkins() as server:
        yield Ci(site, server)


def test_jenkins(ci: Ci, site: Site) -> None:
    """From a named commit to its build: running, finished, unchanged; and of one named late."""
    main = ci.server.job("shop", "churn", "main")
    library = checkout("c" * 40, ["https://bot:canary@github.com/acme/library.git"])
    running = main.build(commit=A, remotes=[CHURN], branch="main", building=True, result=None)
    running["actions"].insert(0, library)
    running["timestamp"] = ci.server.milliseconds(hours=2)
    ci.server.job("other").build(commit=B, remotes=[CHURN])
    ci.name("1", A)

    report = ci.harvest()
    assert (report["scope"], report["outcome"], report["coverage"]) == (
        "builds", "complete", "delta",
    )  # fmt: skip
    assert (report["created"], report["counts"]["not_of_interest"]) == (1, 1)
    (facts,) = (one["facts"] for one in ci.builds().values())
    assert (facts["status"], facts["commit"]) == ("running", A)

    running |= {"building": False, "result": "SUCCESS", "duration": 60_000}
    assert ci.harvest()["changed"] > 0  # the build, and what is concluded from it
    build = ci.builds()["shop/churn/main"]
    assert (build["facts"]["status"], build["facts"]["ref"]) == ("succeeded", "main")
    assert "canary" not in json.dumps(build)

    ci.server.asked_by_kind()
    before = {name: site.written().get(name) for name in TABLES}
    report = ci.harvest()
    assert (report["created"], report["changed"]) == (0, 0)
    assert {name: site.written().get(name) for name in TABLES} == before
    assert ci.server.asked_by_kind() == {"jobs": 2, "builds": 1}

    ci.name("2", B)  # built before it was named
    ci.harvest()
    assert ci.builds().keys() == {"shop/churn/main", "other"}


def test_jenkins_retires_nothing(ci: Ci) -> None:
    """Builds that are deleted stay; a Jenkins that shows nothing, or refuses, is not believed."""
    main = ci.server.job("shop", "churn", "main")
    main.build(commit=A, remotes=[CHURN])
    ci.name("1", A)
    ci.harvest()

    main.builds.clear()
    report = ci.harvest()
    assert (report["outcome"], report["retired"]) == ("complete", 0)
    assert ci.builds()["shop/churn/main"]["gone_since"] is None

    ci.server.root.items.clear()
    ci.harvest(code=6)
    assert "shows no job at all" in ci.said
    ci.harvest(code=6, secret="anna:wrong")  # noqa: S106  # of nobody
    assert "not let in" in ci.said
    assert len(ci.builds()) == 1
