"""Walks through folders: bounded, whatever a Jenkins answers, and without losing a job."""

import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from harvesters.ci.jenkins import walk
from harvesters.ci.jenkins.settings import JenkinsSettings
from tests.harvesters.ci.jenkins.conftest import Ci
from tests.support.github_answers import Said
from tests.support.jenkins_server import read_tree

A: Final = "a" * 40
CHURN: Final = "https://github.com/acme/churn.git"


def asked_range(path: str) -> slice:
    """Which jobs of a folder a request asks for."""
    return read_tree(parse_qs(urlsplit(path).query)["tree"][0])["jobs"][1]


def idle(name: str) -> dict[str, Any]:
    """A job that was never built."""
    return {"name": name, "lastBuild": None}


def listing(ci: Ci, jobs: list[dict[str, Any]]) -> None:
    """The root shows these."""

    def before(path: str) -> Said | None:
        if "/job/" in path:
            return None
        return Said(200, {"_class": "Hudson", "jobs": jobs[asked_range(path)]})

    ci.server.before = before


def test_walk_multibranch(ci: Ci) -> None:
    """An organisation, its repositories and their branches: one request for two levels."""
    for repository in ("churn", "pricing"):
        for branch in ("main", "PR-2", "feature%2Fx"):
            job = ci.server.job("acme", repository, branch)
            job.build(commit=A, remotes=[CHURN], timestamp=ci.server.milliseconds(hours=2))
    ci.catalog.name(A)

    ci.harvest()

    assert len(ci.catalog.values()) == 6
    assert ci.server.asked_by_kind() == {"jobs": 3, "builds": 6}
    ci.harvest()
    assert ci.server.asked_by_kind() == {"jobs": 3}


def test_walk_ends_in_a_loop(ci: Ci) -> None:
    """Folders that hold themselves for ever end at a depth, and the report says so."""
    endless = {"name": "again", "jobs": [{"name": "again", "jobs": [{"name": "again"}]}]}
    ci.server.before = lambda _path: Said(200, {"_class": "Folder", "jobs": [endless]})
    ci.catalog.name(A)

    report = ci.harvest()

    assert [one.code for one in report.skipped] == ["too_deep"]
    assert ci.server.asked_by_kind()["jobs"] < 12


def test_walk_ten_thousand_jobs(ci: Ci) -> None:
    """10,000 jobs are read, in ranges; more are not, and the report says so."""
    jobs = [idle(f"job-{number:05d}") for number in range(10_050)]
    listing(ci, jobs[:10_000])
    ci.catalog.name(A)
    report = ci.harvest()
    assert report.skipped == ()
    assert ci.server.asked_by_kind() == {"jobs": 51}

    listing(ci, jobs)
    report = ci.harvest()
    assert [one.code for one in report.skipped] == ["too_many_jobs"]


def test_walk_too_many_folders(ci: Ci, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are folders without end."""
    monkeypatch.setattr(walk, "MOST_FOLDERS", 30)  # each is a request
    held = [{"name": "job", "lastBuild": None}] * 200  # more than is shown at once
    jobs = [{"name": f"folder-{number:04d}", "jobs": held} for number in range(50)]

    def before(path: str) -> Said:
        some = jobs[asked_range(path)] if "/job/" not in path else []
        return Said(200, {"_class": "Folder", "jobs": some})

    ci.server.before = before
    ci.catalog.name(A)

    report = ci.harvest()

    assert [one.code for one in report.skipped] == ["too_many_folders"]


def taken(jobs: list[Any]) -> None:
    """The first one is deleted."""
    jobs.pop(0)


def added(jobs: list[Any]) -> None:
    """One is created that stands before all others."""
    jobs.insert(0, idle("0"))


@pytest.mark.parametrize("change", [taken, added])
def test_walk_changes_between_ranges(ci: Ci, change: Callable[[list[Any]], Any]) -> None:
    """A job that comes or goes between two ranges hides none: the folder is listed again."""
    jobs = [idle(f"job-{number:05d}") for number in range(700)]
    jobs[200] = {"name": "shifted"}  # its folder says nothing of builds: it is asked
    ci.server.job("shifted").build(commit=A, remotes=[CHURN])
    changed: list[bool] = []

    def before(path: str) -> Said | None:
        if "/job/" in path:
            return None
        where = asked_range(path)
        if where.start and not changed:
            changed.append(True)
            change(jobs)
        return Said(200, {"_class": "Hudson", "jobs": jobs[where]})

    ci.server.before = before
    ci.catalog.name(A)

    ci.harvest()

    assert ci.catalog.values() == [ci.thing("shifted#1")]
    assert ci.server.asked_by_kind()["jobs"] == 6


def test_walk_never_at_rest(ci: Ci) -> None:
    """A folder that changes each time is told, and looked at anew by the next harvest."""
    jobs = [idle(f"job-{number:05d}") for number in range(700)]

    def before(path: str) -> Said | None:
        jobs.pop(0)
        return Said(200, {"_class": "Hudson", "jobs": jobs[asked_range(path)]})

    ci.server.before = before
    ci.catalog.name(A)

    report = ci.harvest()

    assert [one.code for one in report.skipped] == ["unavailable"]
    assert json.loads(ci.catalog.cursors["builds"])["behind"] == {"/": None}


def test_walk_odd_items(ci: Ci) -> None:
    """What has no name cannot be asked for; the others are."""
    ci.server.job("churn").build(commit=A, remotes=[CHURN])
    odd: list[Any] = [None, 3, {}, {"name": ""}, {"name": "a\x00b"}, {"name": ".."}]
    listing(ci, [*odd, {"name": "churn", "lastBuild": {"timestamp": "now"}}])
    ci.catalog.name(A)

    report = ci.harvest()

    assert [one.code for one in report.skipped] == ["invalid"] * len(odd)
    assert ci.catalog.values() == [ci.thing("churn#1")]


def test_walk_leaves_out(ci: Ci) -> None:
    """A folder in which no job can be one that is read is not even listed."""
    for folder in ("retail", "wholesale", "retail-old"):
        for number in range(150):  # too many for the folder above to show
            ci.server.job(folder, f"job-{number}")
    ci.settings = {"jobs": ["retail/*"]}
    ci.catalog.name(A)

    report = ci.harvest()

    assert ci.server.asked_by_kind() == {"jobs": 2}
    assert report.counts["excluded"] == 2


@pytest.mark.parametrize(
    ("jobs", "exclude", "folder", "entered"),
    [
        (["*"], [], "shop", True),
        (["shop/churn"], [], "shop", True),
        (["shop/churn"], [], "shop/churn", False),
        (["shop/*/main"], [], "shop/churn", True),
        (["shop/*"], [], "other", False),
        (["*"], ["tmp*"], "tmp-1", False),
        (["*"], ["tmp"], "tmp", True),
        (["*"], ["*/tmp-*"], "shop", True),
        (["Shop/*"], [], "shop", True),
    ],
)
def test_settings_enters(
    jobs: list[str], exclude: list[str], folder: str, *, entered: bool
) -> None:
    """A folder is left out only where none of its jobs could be read."""
    settings = JenkinsSettings.model_validate(
        {"url": "https://ci.example.com", "jobs": jobs, "exclude": exclude}
    )

    assert settings.enters(folder) is entered
