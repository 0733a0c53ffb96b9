"""Harvests of a scripted Azure DevOps: what is read, and what it costs."""

import json
from datetime import timedelta
from typing import Final

import pytest

from harvesters.errors import SourceRefused
from schemas.harvest import Outcome
from schemas.identifiers import Identifier, Kind
from tests.harvesters.ci.azure.conftest import Ci
from tests.support.azure_server import Row, tfs
from tests.support.github_answers import Said

A, B, C = "a" * 40, "b" * 40, "c" * 40
CHURN: Final = "https://github.com/acme/churn"
USUAL: Final = {"projects": 1, "running": 1, "finished": 1}
WITH_ENVIRONMENTS: Final = USUAL | {"environments": 1}


def thing(ci: Ci, build: Row) -> Identifier:
    """A build as a webhook names it."""
    return Identifier(kind=Kind.BUILD, scheme="azure", value=ci.thing(build))


def test_harvest_named_commits(ci: Ci) -> None:
    """Builds of commits that the catalog names are posted; unchanged, nothing is written again."""
    ci.project.build(commit=A)
    build = ci.project.build(commit=B, result="failed", startTime="2026-11-20T09:13:22.1234567Z")
    ci.catalog.name(B)

    (report,) = ci.harvest()

    assert (report.outcome, report.skipped) == (Outcome.COMPLETE, ())
    assert ci.catalog.values() == [ci.thing(build)]
    facts = ci.catalog.facts(ci.thing(build))
    assert facts.pop("finished_at")
    assert facts == {
        "repository": {"kind": "repository", "scheme": "url", "value": CHURN},
        "commit": B, "ref": "main", "event": "individualCI", "actor": "anna@example.com",
        "status": "failed", "workflow": "train", "started_at": "2026-11-20T09:13:22.123456Z",
        "url": f"{ci.server.url}/{ci.project.id}/_build/results?buildId={build['id']}",
    }  # fmt: skip
    assert report.counts["not_of_interest"] == 1
    assert ci.server.asked_by_kind() == WITH_ENVIRONMENTS

    ci.harvest()
    assert ci.catalog.sent == []
    assert ci.server.asked_by_kind() == WITH_ENVIRONMENTS


def test_harvest_own_repository(ci: Ci) -> None:
    """A repository of Azure's own is known by its id, and its address with it; no user name."""
    build = ci.project.build(commit=A, repository=tfs("churn", userinfo="acme@"))
    ci.catalog.name(A)

    ci.harvest()

    (value,) = ci.catalog.values(Kind.REPOSITORY)
    number = build["repository"]["id"].lower()
    assert value == f"{ci.server.host}/{number}"
    address = "https://dev.azure.com/acme/retail/_git/churn"
    assert ci.catalog.facts(value) == {"url": address, "name": "churn"}
    assert ci.catalog.facts(ci.thing(build))["repository"] == {
        "kind": "repository", "scheme": "azure", "value": value,
    }  # fmt: skip
    (said,) = (one for one in ci.catalog.held.values() if one.subject.kind is Kind.REPOSITORY)
    assert [one.value for one in said.same_as] == [address]


@pytest.mark.parametrize(
    ("repository", "value"),
    [
        ({"type": "GitHub", "id": "acme/churn"}, CHURN),
        ({"type": "Bitbucket", "id": "acme/churn"}, "https://bitbucket.org/acme/churn"),
        ({"type": "Git", "id": "x", "url": "https://a:b@git.example.com/churn.git"},
         "https://git.example.com/churn"),
        ({"type": "GitHubEnterprise", "id": "acme/churn", "url": "https://ghe.example.com/a/b"},
         "https://ghe.example.com/a/b"),
        ({"type": "TfsGit", "id": "no-id", "url": "https://acme.visualstudio.com/p/_git/r"},
         "https://dev.azure.com/acme/p/_git/r"),
        ({"type": "TfsVersionControl", "id": "$/"}, None),
        ({"type": "GitHub", "id": "acme"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_harvest_repositories(ci: Ci, repository: Row, value: str | None) -> None:
    """Where a build's repository is, by its type; what cannot be told is not stated."""
    build = ci.project.build(commit=A, repository=repository)
    ci.catalog.name(A)

    ci.harvest()

    found = ci.catalog.facts(ci.thing(build)).get("repository")
    assert (found and found["value"]) == value


@pytest.mark.parametrize(
    ("status", "result", "told"),
    [
        ("completed", "partiallySucceeded", "succeeded"),
        ("completed", "canceled", "canceled"),
        ("completed", "none", None),
        ("completed", "surprising", None),
        ("notStarted", None, "queued"),
        ("postponed", "none", "queued"),
        ("cancelling", None, "running"),
        ("none", None, None),
    ],
)
def test_harvest_statuses(ci: Ci, status: str, result: str | None, told: str | None) -> None:
    """Result, else status; a word that nobody knows is not stated, and told."""
    build = ci.project.build(commit=A, status=status, result=result)
    ci.catalog.name(A)

    ci.harvest()

    assert ci.catalog.facts(ci.thing(build)).get("status") == told


def test_harvest_running_build_finishes(ci: Ci) -> None:
    """LATE: what runs is told as running, and told again once it has ended."""
    build = ci.project.run(commit=A, startTime=ci.server.ago(days=3))
    ci.catalog.name(A)
    ci.harvest()
    assert ci.catalog.facts(ci.thing(build))["status"] == "running"
    assert "finished_at" not in ci.catalog.facts(ci.thing(build))

    ci.harvest()
    assert ci.catalog.sent == []

    build |= {"status": "completed", "result": "succeeded", "finishTime": ci.server.ago(seconds=1)}
    ci.harvest()
    facts = ci.catalog.facts(ci.thing(build))
    assert (facts["status"], "finished_at" in facts) == ("succeeded", True)


def test_harvest_open_build_ended_unseen(ci: Ci) -> None:
    """One that neither runs nor ended lately is asked for by number; a deleted one stays."""
    build, deleted = ci.project.run(commit=A), ci.project.run(commit=A)
    ci.catalog.name(A)
    ci.harvest()
    build |= {"status": "completed", "result": "failed", "finishTime": ci.server.ago(days=2)}
    ci.project.builds.remove(deleted)
    ci.server.asked_by_kind()

    (report,) = ci.harvest()

    assert ci.catalog.facts(ci.thing(build))["status"] == "failed"
    assert ci.catalog.facts(ci.thing(deleted))["status"] == "running"
    assert report.counts["vanished"] == 1
    assert ci.server.asked_by_kind() == WITH_ENVIRONMENTS | {"numbered": 1}
    ci.harvest()
    assert ci.server.asked_by_kind() == WITH_ENVIRONMENTS


def test_harvest_pages(ci: Ci) -> None:
    """Pages follow the token of the header to the end; a token that comes again is an error."""
    ci.server.a_page = 30
    builds = [ci.project.build(commit=A) for _ in range(100)]
    for name in ("a", "b"):
        ci.server.project(name)
    ci.catalog.name(A, built=True)
    ci.harvest()
    assert ci.catalog.values() == sorted(map(ci.thing, builds))
    assert ci.server.asked_by_kind()["finished"] == 4 + 1 + 1

    again = Said(200, {"value": []}, {"x-ms-continuationtoken": "7"})
    ci.server.before = lambda path: again if "minTime" in path else None
    with pytest.raises(SourceRefused, match="never ends"):
        ci.harvest()


def test_harvest_overlap(ci: Ci) -> None:
    """The next harvest begins five minutes before the last one: a listing lags behind."""
    ci.project.build(commit=A)
    ci.catalog.name(A, built=True)
    ci.harvest()
    late = ci.project.build(commit=A, finishTime=ci.server.ago(minutes=4))
    too_late = ci.project.build(commit=A, finishTime=ci.server.ago(minutes=6))

    ci.harvest()

    assert [one.subject.value for one in ci.catalog.sent] == [ci.thing(late)]
    assert ci.thing(too_late) not in ci.catalog.values()


def test_harvest_projects(ci: Ci) -> None:
    """Each project is a scope; some are named, some left out, and one that is missing is told."""
    for name in ("wholesale", "sandbox"):
        ci.server.project(name).build(commit=A)
    ci.catalog.name(A, built=True)
    ci.settings = {"exclude": ["sand*"], "deployments": "none"}
    reports = ci.harvest()
    wholesale = ci.server.project("wholesale")
    assert [one.scope for one in reports] == [
        f"builds/{ci.project.id}", f"builds/{wholesale.id}",
    ]  # fmt: skip
    assert len(ci.catalog.values()) == 1

    ci.settings = {"projects": ["nowhere", "sandbox"]}
    with pytest.raises(SourceRefused, match="project nowhere is not there"):
        ci.harvest()
    assert len(ci.catalog.values()) == 2


def test_harvest_workflows(ci: Ci) -> None:
    """Of chosen pipelines, by name or with their folder, all builds are posted."""
    ci.project.build(definition={"id": 1, "name": "nightly", "path": "\\retail\\train"})
    ci.project.build(definition={"id": 2, "name": "lint", "path": "\\"})
    ci.settings = {"workflows": ["retail/train/*"]}

    ci.harvest()

    (value,) = ci.catalog.values()
    assert ci.catalog.facts(value)["workflow"] == "nightly"


def test_harvest_nothing_of_interest(ci: Ci) -> None:
    """Where no commit is named and no workflow is chosen, no build is asked for."""
    ci.project.build(commit=A)
    ci.harvest()
    assert ci.server.asked_by_kind() == {"projects": 1}
    assert ci.catalog.cursors == {}


def test_harvest_first_time(ci: Ci) -> None:
    """The first time, as many days are read as the settings say."""
    ci.project.build(commit=A, finishTime=ci.server.ago(days=40))
    ci.catalog.name(A, built=True)
    ci.harvest()
    assert ci.catalog.values() == []

    ci.settings = {"days": 60}  # other settings begin anew
    ci.harvest()
    assert len(ci.catalog.values()) == 1


def test_harvest_looks_back_once(ci: Ci) -> None:
    """A commit that is named late is looked for further back, once, where its repository is."""
    old = ci.project.build(commit=B, finishTime=ci.server.ago(days=50))
    ci.project.build(commit=A)
    ci.catalog.name(A, built=True)
    ci.harvest()
    ci.server.asked_by_kind()

    ci.catalog.name(B, CHURN)
    ci.catalog.name(C, "https://gitlab.com/acme/elsewhere")  # never built here
    ci.harvest()
    assert [one.subject.value for one in ci.catalog.sent] == [ci.thing(old)]
    assert ci.server.asked_by_kind() == WITH_ENVIRONMENTS | {"before": 1}

    ci.harvest()
    assert ci.server.asked_by_kind() == WITH_ENVIRONMENTS


def test_harvest_hint(ci: Ci) -> None:
    """A webhook about builds reads these alone, in one request; those elsewhere cost nothing."""
    ci.project.build(commit=A)
    ci.catalog.name(A, built=True)
    ci.harvest()
    cursors = dict(ci.catalog.cursors)
    build, other = ci.project.build(commit=A), ci.project.build(commit=B)
    ci.catalog.hint(1, thing=thing(ci, build))
    ci.catalog.hint(2, url=f"{ci.server.url}/retail/_build/results?buildId={other['id']}")
    ci.catalog.hint(3, url=f"{ci.server.url}/{ci.project.id}/_apis/build/Builds/99999")
    ci.server.asked_by_kind()

    ci.harvest()

    assert [one.subject.value for one in ci.catalog.sent] == [ci.thing(build)]
    assert (ci.catalog.hinted, ci.catalog.cursors) == ([], cursors)
    assert ci.server.asked_by_kind() == {"projects": 1, "numbered": 1, "environments": 1}

    elsewhere = f"{ci.server.host}/{'0' * 8}-0000-0000-0000-{'0' * 12}/1"
    ci.catalog.hint(4, thing=Identifier(kind=Kind.BUILD, scheme="azure", value=elsewhere))
    ci.harvest()
    assert [one.id for one in ci.catalog.hinted] == [4]  # another project's
    assert ci.server.asked_by_kind() == {"projects": 1}

    ci.catalog.hinted.clear()
    ci.catalog.hint(5)
    ci.harvest()
    assert (ci.catalog.hinted, ci.server.asked_by_kind()) == ([], WITH_ENVIRONMENTS)


def test_harvest_cursor(ci: Ci) -> None:
    """The cursor holds what is open, and a time that is never after our clock."""
    build = ci.project.run(commit=A)
    ci.project.build(commit=A, finishTime="2999-01-01T00:00:00.0000000Z")
    ci.catalog.name(A)
    ci.harvest()

    (cursor,) = (json.loads(one) for one in ci.catalog.cursors.values())

    assert cursor["open"] == [build["id"]]
    assert cursor["until"] <= (ci.server.now() + timedelta(seconds=1)).isoformat()
