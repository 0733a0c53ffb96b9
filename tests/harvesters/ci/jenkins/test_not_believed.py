"""What a Jenkins answers that is not believed, and what costs only a part of a harvest."""

import json
from typing import Any, Final

import pytest

from harvesters.ci.jenkins.cursor import Cursor
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import SourceDenied
from schemas.harvest import Outcome
from tests.harvesters.ci.jenkins.conftest import Ci
from tests.support.github_answers import Said

A, B, C = "a" * 40, "b" * 40, "c" * 40
CHURN: Final = "https://github.com/acme/churn.git"
TOKEN: Final = "ghp_" + "x" * 36  # no token of anybody


def test_harvest_folder_forbidden(ci: Ci) -> None:
    """A folder that may not be read is told, the rest goes on; later it is read from the start."""
    inside = ci.server.job("secret", "deep", "churn")
    inside.build(commit=A, remotes=[CHURN], timestamp=ci.server.milliseconds(days=2))
    ci.server.folder("secret", "deep").status = 403
    ci.server.job("open").build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)
    # The root shows the folder; what it holds is asked, and refused.
    report = ci.harvest()
    assert [one.code for one in report.skipped] == ["not_readable"]
    assert "secret/deep" in report.skipped[0].message
    assert ci.catalog.values() == [ci.thing("open#1")]

    ci.server.folder("secret", "deep").status = 200
    report = ci.harvest()
    assert (report.skipped, len(ci.catalog.values())) == ((), 2)


def test_harvest_job_fails(ci: Ci) -> None:
    """One job's nonsense costs that job alone; three in a row are Jenkins' own failure."""
    for name in ("a", "b"):
        ci.server.job(name).build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)
    lie = Said(200, b"<html>Oops</html>", {"Content-Type": "text/html"})
    ci.server.before = lambda path: lie if "/job/a/" in path else None
    report = ci.harvest()
    assert [one.code for one in report.skipped] == ["invalid"]
    assert ci.catalog.values() == [ci.thing("b#1")]
    ci.server.before = lambda _path: None
    ci.harvest()
    assert len(ci.catalog.values()) == 2

    for name in ("c", "d", "e"):
        ci.server.job(name).build(commit=A, remotes=[CHURN])
    ci.server.before = lambda path: lie if "/job/" in path else None
    with pytest.raises(SourceRefused, match="where JSON is due"):
        ci.harvest()


def test_harvest_empty_is_not_believed(ci: Ci) -> None:
    """SILENT: who is not signed in gets an empty list with 200, and nothing follows from it."""
    ci.server.job("churn").build(commit=A, remotes=[CHURN])
    ci.server.anonymous = True
    ci.catalog.name(A)
    ci.secret = None
    report = ci.harvest()
    assert report.outcome is Outcome.COMPLETE  # nothing was ever known

    ci.secret = ci.server.secret
    ci.harvest()
    cursor = ci.catalog.cursors["builds"]
    ci.secret = None
    with pytest.raises(SourceRefused, match="shows no job at all"):
        ci.harvest()
    assert ci.catalog.cursors["builds"] == cursor


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (Said(401, {"message": "no"}), SourceDenied),
        (Said(403, {"message": "no"}), SourceDenied),
        (Said(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), SourceRefused),
        (Said(200, {}), SourceRefused),
        (Said(302, b"", {"Location": "https://sso.example.com/"}), SourceRefused),
        (Said(503, {"message": "starting"}), SourceUnavailable),
    ],
)
def test_harvest_not_let_in(ci: Ci, said: Said, error: type[Exception]) -> None:
    """A root that cannot be read fails the harvest, without the credential in the words."""
    ci.server.job("churn").build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)
    ci.server.before = lambda _path: said

    with pytest.raises(error) as caught:
        ci.harvest()

    assert "canary" not in str(caught.value)
    assert (ci.catalog.cursors, ci.catalog.values()) == ({}, [])


def test_harvest_throttled(ci: Ci) -> None:
    """A proxy in front that asks to wait is waited for."""
    ci.server.job("churn").build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)
    waits = [Said(429, b"", {"Retry-After": "7"})]
    ci.server.before = lambda _path: waits.pop() if waits else None

    ci.harvest()

    assert ci.slept == [7.0]
    assert ci.catalog.values() == [ci.thing("churn#1")]


def test_harvest_credential_without_user(ci: Ci) -> None:
    """An API token belongs to somebody: without the name it is refused before anything is asked."""
    ci.secret = "only-a-token"  # noqa: S105  # of nobody
    with pytest.raises(SourceRefused, match="must be user:token"):
        ci.harvest()
    assert ci.server.asked == []


def test_harvest_odd_records(ci: Ci) -> None:
    """What is no build is counted; a build's odd members cost only themselves."""
    job = ci.server.job("churn")
    odd: list[Any] = [None, 7, "x", {"number": "7"}, {"number": True}, {"timestamp": 1}]
    job.builds += odd
    job.builds.insert(
        0,
        {
            "number": 9, "timestamp": "yesterday", "duration": -3, "result": 5, "url": ["x"],
            "building": "no", "actions": [None, 3, {"causes": "x"}, {"remoteUrls": [3, CHURN]},
                                          {"lastBuiltRevision": "a"}],
        },
    )  # fmt: skip
    ci.settings = {"workflows": ["*"]}

    report = ci.harvest()

    assert report.counts["build_unreadable"] == len(odd)
    assert ci.catalog.facts(ci.thing("churn#9")) == {
        "workflow": "churn", "url": f"{ci.server.url}/job/churn/9/",
        "repository": {
            "kind": "repository", "scheme": "url", "value": "https://github.com/acme/churn",
        },
    }  # fmt: skip


def test_harvest_secrets(ci: Ci) -> None:
    """LEAK: neither tokens in addresses nor parameters of builds are told, asked for or kept."""
    job = ci.server.job("churn")
    job.build(commit=A, remotes=[f"https://bot:{TOKEN}@github.com/acme/churn.git"])
    job.build(commit=B, remotes=[f"https://{TOKEN}@github.com/acme/churn.git"])
    cause = job.build(commit=C, remotes=[CHURN])["actions"][0]["causes"][0]
    cause["shortDescription"] = f"Started with {TOKEN}"
    ci.settings = {"workflows": ["churn"]}

    ci.harvest()

    assert len(ci.catalog.values()) == 3
    assert TOKEN not in ci.catalog.written()
    assert "canary" not in ci.catalog.written()
    assert "parameters" not in "".join(ci.server.asked)
    facts = ci.catalog.facts(ci.thing("churn#1"))
    assert facts["repository"]["value"] == "https://github.com/acme/churn"
    assert facts["warnings"] == [
        "remoteUrls: a credential stood in an address; change it, builds show it to readers"
    ]


def test_cursor_has_room(ci: Ci) -> None:
    """10,000 open builds do not fit: the time waits for the oldest that is not remembered."""
    long = "n" * 200
    for number in range(40):
        job = ci.server.job(f"{long}{number:03d}")
        for ago in range(10):
            job.build(
                building=True, timestamp=ci.server.milliseconds(hours=40 * (10 - ago) + number)
            )
    ci.catalog.name(A, built=True)
    ci.harvest()

    cursor = json.loads(ci.catalog.cursors["builds"])
    kept = {(one["job"], one["number"]) for one in cursor["open"]}
    oldest = min(one["began"] for one in cursor["open"])
    assert 50 < len(kept) < 400
    assert cursor["until"] < oldest


def test_harvest_clock_of_jenkins(ci: Ci) -> None:
    """Of a Jenkins whose clock is behind nothing is lost; one ahead moves no cursor past ours."""
    ci.server.ahead = -ci.server.now().resolution * 3_600 * 1_000_000
    ci.server.job("churn").build(commit=A, remotes=[CHURN])
    ci.catalog.name(A)
    ci.catalog.name(B)
    ci.harvest()
    ci.server.job("churn").build(commit=B, remotes=[CHURN])
    ci.harvest()
    assert len(ci.catalog.values()) == 2

    ci.server.ahead = -ci.server.ahead
    ci.harvest(full=True)
    cursor = Cursor.model_validate_json(ci.catalog.cursors["builds"])
    assert cursor.until <= ci.server.now() - ci.server.ahead
