"""Tokens and GitHub Apps: who is let in, for how long, and what is said where nobody is."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from harvesters.ci.settings import CiSettings
from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.http import SourceDenied
from harvesters.manifests.github import Ways, harvesters
from harvesters.manifests.github.settings import API, GitHubSettings
from harvesters.registry import Secret, find_factory
from schemas.sources import SourceSettings
from tests.architecture.source import ROOT
from tests.support.github_answers import Said
from tests.support.github_server import GitHub
from tests.support.keys import private_pem
from tests.support.scripted import Slept

WaysTo = Callable[..., Ways]


def names(ways: Ways) -> list[str]:
    """The repositories of `acme`, as far as they are seen."""
    api = ways.to("orgs", "acme").api
    return [row["full_name"] for page in api.listing("orgs", "acme") for row in page.json]


def test_app(github: GitHub, ways: WaysTo) -> None:
    """The key signs a claim, the claim buys one token, which may only read."""
    github.state.create("acme/churn", {"a": b"a"})
    app = ways(github.app_key(), app_id=29310)

    assert [names(app), names(app)] == [["acme/churn"], ["acme/churn"]]

    assert github.asked_by_kind() == {"auth": 2, "listing": 2}
    assert github.app.given == 1


def test_app_installation_named(github: GitHub, ways: WaysTo) -> None:
    """One installation for all, where the settings name it."""
    github.state.create("acme/churn", {"a": b"a"})
    app = ways(github.app_key(), app_id="29310", installation_id=957387)

    assert names(app) == ["acme/churn"]

    assert app.to("orgs", "other") is app.to("orgs", "acme")
    assert github.asked[0] == "/api/v3/app/installations/957387"


def test_app_token_renewed(github: GitHub, ways: WaysTo) -> None:
    """A token is renewed before it ends, as often as it takes."""
    github.state.create("acme/churn", {"a": b"a"})
    github.app.lasts = timedelta(minutes=4)
    app = ways(github.app_key(), app_id=29310)

    assert names(app) + names(app) == ["acme/churn"] * 2

    assert github.app.given == 2


def test_app_not_let_in(github: GitHub, ways: WaysTo) -> None:
    """Not installed, suspended, another App's key, no key: each says what is wrong."""
    key = github.app_key()
    github.app.installed = False
    with pytest.raises(SourceDenied, match="not installed where /orgs/acme/installation asks"):
        names(ways(key, app_id=29310))
    github.app.installed, github.app.suspended = True, True
    with pytest.raises(SourceDenied, match="is suspended"):
        names(ways(key, app_id=29310))
    github.app.suspended = False
    with pytest.raises(SourceDenied, match="401"):
        names(ways(key, app_id=4711))
    with pytest.raises(SourceRefused, match="no RSA private key"):
        names(ways("-----BEGIN nothing", app_id=29310))
    with pytest.raises(SourceRefused, match="no RSA private key"):
        names(ways(private_pem().decode(), app_id=29310))
    with pytest.raises(SourceRefused, match="name its `credential`"):
        ways(None, app_id=29310)
    with pytest.raises(SourceRefused, match="needs `app_id` beside it"):
        names(ways(key))


def test_token(github: GitHub, ways: WaysTo) -> None:
    """A token is carried; a wrong one and none are not let in, and not repeated in errors."""
    github.state.create("acme/churn", {"a": b"a"})

    assert names(ways()) == ["acme/churn"]
    for secret in ("wrong-4711", None):
        with pytest.raises(SourceDenied, match="answers 401") as error:
            names(ways(secret))
        assert "wrong-4711" not in str(error.value)


def test_token_of_another_host(github: GitHub, ways: WaysTo) -> None:
    """SSRF-07: a source whose address changed does not carry the old host's secret there."""
    found = ways()
    found.secret = Secret(github.secret, "api.github.com")

    with pytest.raises(SourceRefused, match=r"for api\.github\.com does not go to"):
        names(found)

    assert github.asked == []


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"organisations": ["a/b"]},
        {"organisations": [".."]},
        {"organisations": ["acme"], "users": ["ACME"]},
        {"repositories": ["churn"]},
        {"repositories": ["acme/churn/../x"]},
        {"organisations": ["acme"], "installation_id": 1},
        {"organisations": ["acme"], "app_id": 0},
        {"organisations": ["acme"], "token": "x"},
        {"repositories": ["acme/churn", "retail/fraud"], "app_id": 1},
    ],
)
def test_settings_refused(told: Mapping[str, Any]) -> None:
    """What could not be read is refused before anything is asked."""
    with pytest.raises(ValidationError):
        GitHubSettings.model_validate(told)


def test_factory(github: GitHub) -> None:
    """Each owner's and single repositories, organisations' teams, deployments and builds."""
    told = {
        "url": github.url, "organisations": ["Acme"], "users": ["anna"],
        "repositories": ["retail/churn"],
    }  # fmt: skip
    source = SourceSettings.model_validate(
        {"name": "hub", "kind": "github", "namespace": "retail", "settings": told}
    )
    secret = Secret(github.secret, github.host)

    made = [one.scope for one in find_factory("github")(source, secret, {})]
    silent = [one.scope for one in harvesters(source, None, {})]

    assert made == [
        "repositories/acme", "repositories/anna", "repositories", "teams/acme",
        "deployments/acme", "builds/acme", "deployments/anna", "builds/anna", "deployments",
        "builds",
    ]  # fmt: skip
    assert silent == [one for one in made if one != "teams/acme"]
    assert github.asked == []


@pytest.mark.parametrize("reset", ["9" * 15, "4102444800", "soon"])
def test_limit_without_end(github: GitHub, ways: WaysTo, slept: Slept, reset: str) -> None:
    """A limit that would end in a thousand years is one that names no end: a minute, then two."""
    told = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    github.before = lambda _path: Said(403, {"message": "API rate limit exceeded"}, told)

    with pytest.raises(SourceUnavailable, match="rate limit"):
        names(ways(github.secret))

    assert slept.seconds == [60, 120, 240]


def test_settings_documented() -> None:
    """docs/repositories-github.md lists what only this kind is told, with the API's address."""
    text = (ROOT / "docs/repositories-github.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    own = [name for name in GitHubSettings.model_fields if name not in CiSettings.model_fields]

    assert listed == own
    assert f"`{API}`" in text
