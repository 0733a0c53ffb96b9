"""What an Azure DevOps answers that is not believed, and what costs only a record."""

from typing import Any, Final

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import SourceDenied
from tests.harvesters.ci.azure.conftest import Ci
from tests.support.azure_server import SIGN_IN
from tests.support.github_answers import Said

A = "a" * 40
TOKEN: Final = "ghp_" + "x" * 36  # no token of anybody


def test_harvest_no_project(ci: Ci) -> None:
    """SILENT: a listing without projects is not believed."""
    ci.server.projects.clear()
    with pytest.raises(SourceRefused, match="shows no project"):
        ci.harvest()


def test_harvest_secrets(ci: Ci) -> None:
    """LEAK: neither parameters of builds nor tokens in addresses are told or kept."""
    address = f"https://bot:{TOKEN}@git.example.com/churn.git"
    ci.project.build(commit=A, repository={"type": "Git", "id": "1", "url": address})
    ci.project.build(commit=A, reason=f"because of {TOKEN}")
    ci.catalog.name(A)

    ci.harvest()

    assert len(ci.catalog.values()) == 2
    for secret in (TOKEN, "canary", ci.server.secret):
        assert secret not in ci.catalog.written()


@pytest.mark.parametrize(
    "said",
    [
        SIGN_IN,
        Said(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}),
        Said(302, b"", {"Location": "https://spsprodcus5.vssps.visualstudio.com/_signin"}),
        Said(401, b""),
        Said(403, {"message": "TF400813"}),
    ],
)
def test_harvest_token_refused(ci: Ci, said: Said) -> None:
    """SILENT: where to sign in is no answer, and says that the token is refused."""
    ci.project.build(commit=A)
    ci.catalog.name(A)
    ci.server.before = lambda _path: said

    with pytest.raises(SourceDenied) as caught:
        ci.harvest()

    assert "canary" not in str(caught.value)


def test_harvest_token_ends_meanwhile(ci: Ci) -> None:
    """A token that ends between two pages fails the harvest; the cursor stays where it was."""
    ci.project.build(commit=A)
    ci.catalog.name(A)
    ci.harvest()
    before = dict(ci.catalog.cursors)
    ci.server.before = lambda path: SIGN_IN if "minTime" in path else None
    with pytest.raises(SourceDenied):
        ci.harvest()
    assert ci.catalog.cursors == before


@pytest.mark.parametrize(
    "said", [Said(200, {}), Said(200, {"count": 0}), Said(200, {"value": {}}), Said(200, [])]
)
def test_harvest_lies(ci: Ci, said: Said) -> None:
    """SILENT: a 200 without the list is an error, not an empty one."""
    ci.catalog.name(A)
    ci.server.before = lambda path: said if "minTime" in path else None
    with pytest.raises(SourceRefused):
        ci.harvest()


def test_harvest_throttled(ci: Ci) -> None:
    """Delays are kept to before Azure refuses, and refusals are waited for."""
    ci.project.build(commit=A)
    ci.catalog.name(A, built=True)
    waits = [Said(429, {"message": "TF400733"}, {"Retry-After": "11"})]
    ci.server.before = lambda path: waits.pop() if waits and "minTime" in path else None
    ci.harvest()
    assert ci.slept == [11.0]

    ci.slept.clear()
    ci.server.headers = {"X-RateLimit-Delay": "2.500"}
    ci.settings = {"deployments": "none"}
    ci.harvest()
    assert ci.slept == [2.0] * 3

    ci.slept.clear()
    ci.server.headers = {"Retry-After": "100000"}
    ci.harvest()
    assert max(ci.slept) <= 8 * 60

    ci.server.headers = {}
    ci.server.before = lambda _path: Said(429, b"", {"X-RateLimit-Reset": "99999999999"})
    with pytest.raises(SourceUnavailable, match="429"):
        ci.harvest()


def test_harvest_odd_records(ci: Ci) -> None:
    """What is no build is counted; a build's odd members cost only themselves."""
    odd: list[Any] = [None, 7, "x", {"id": "7"}, {"id": True}, {"id": 0}]
    build = {
        "id": 9, "status": 3, "result": ["x"], "startTime": "0001-01-01T00:00:00",
        "finishTime": "2026-11-20T09:00:00", "definition": "x", "repository": [],
        "requestedFor": None, "sourceVersion": "C1234", "sourceBranch": {"a": 1},
        "project": {"id": ci.project.id},
    }  # fmt: skip
    answer = Said(200, {"value": [*odd, build]})
    ci.server.before = lambda path: answer if "minTime" in path else None
    ci.settings = {"workflows": ["*"]}
    ci.catalog.name(A)
    (report,) = ci.harvest()
    assert (report.counts["build_unreadable"], report.counts["not_of_interest"]) == (len(odd), 1)

    build["definition"] = {"name": "train", "id": "x"}
    ci.harvest()
    assert ci.catalog.facts(ci.thing(build)) == {
        "workflow": "train",
        "url": f"{ci.server.url}/{ci.project.id}/_build/results?buildId=9",
    }  # fmt: skip
