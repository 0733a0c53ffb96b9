"""How GitLab is asked: its limits are kept, its errors are believed, its tokens stay at home."""

from collections.abc import Iterator
from typing import Any

import pytest

from harvesters.errors import SourceRefused, SourceUnavailable
from harvesters.manifests.gitlab import harvesters
from harvesters.registry import Secret, find_factory
from outbound.addresses import VARIABLE
from schemas.sources import SourceSettings
from tests.harvesters.manifests.gitlab.ways import LOOPBACK, Time, Ways
from tests.support.gitlab_server import Answered, Asked, GitLabServer, gitlab

TOKEN = "glpat-canary-0123456789"  # noqa: S105  # of no GitLab
LIMITED = {"Content-Type": "application/json"}


def limited(**headers: str) -> Answered:
    """As GitLab answers who asks too often."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = b'{"message": "This endpoint has been requested too many times. Try again later."}'
    return Answered(429, body, LIMITED | named)


def answering(server: GitLabServer, *answers: Answered) -> None:
    """These first, then as usual."""
    waiting = list(answers)

    def before(_asked: Asked) -> Answered | None:
        return waiting.pop(0) if waiting else None

    server.before = before


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"Retry_After": "30"}, 30, 30),
        ({"Retry_After": "Fri, 27 Nov 2026 12:00:45 GMT"}, 45, 45),
        ({"RateLimit_Reset": "1795780850"}, 50, 50),
        ({"RateLimit_Reset": "1795780000"}, 0.5, 2),  # over already
        ({"Retry_After": "garbage"}, 60, 60),
        ({"Retry_After": "-5", "RateLimit_Reset": "soon"}, 60, 60),
        ({}, 60, 60),
    ],
)
def test_rate_limit(
    server: GitLabServer, ways: Ways, time: Time, headers: Any, least: float, most: float
) -> None:
    """It is asked again when it says so, or a minute later: its window."""
    server.state.project("acme/churn", {"a": b"a"})
    answering(server, limited(**headers))

    ((found,),) = ways.group().repositories()

    assert found.path == "acme/churn"
    assert least <= sum(time.slept) <= most


def test_rate_limit_long(server: GitLabServer, ways: Ways, time: Time) -> None:
    """What is longer than patience ends the harvest, and says when to come again."""
    answering(server, limited(Retry_After="864000"))

    with pytest.raises(SourceUnavailable, match="asked again after"):
        list(ways.group().repositories())
    assert time.slept == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_unavailable(server: GitLabServer, ways: Ways, time: Time, status: int) -> None:
    """Some tries, longer and longer; then the harvest has failed."""
    server.state.project("acme/churn", {"a": b"a"})
    answering(server, *[Answered(status, b"later", {"Content-Type": "text/html"})] * 2)
    assert len([one for page in ways.group().repositories() for one in page]) == 1
    assert len(time.slept) == 2

    server.before = lambda _asked: Answered(status, b"later", {"Content-Type": "text/html"})
    with pytest.raises(SourceUnavailable):
        list(ways.group().repositories())


def make_source(server: GitLabServer, **settings: Any) -> SourceSettings:
    """A source of this kind."""
    told = {"url": server.url, "groups": ["acme"]} | settings
    return SourceSettings.model_validate(
        {"name": "gitlab", "kind": "gitlab", "namespace": "retail", "settings": told}
    )


def made(server: GitLabServer, *, secret: Secret | None = None, **settings: Any) -> list[Any]:
    """What the factory makes."""
    return list(
        find_factory("gitlab")(make_source(server, **settings), secret, {VARIABLE: LOOPBACK})
    )


def listed(ways: Iterator[Any]) -> list[str]:
    """Paths that the first of some harvesters lists; the client ends with the last one."""
    first = next(ways)
    return [one.path for page in first.host.repositories() for one in page]


@pytest.mark.parametrize(
    ("token", "header"), [("access", "PRIVATE-TOKEN"), ("oauth", "Authorization")]
)
def test_token(server: GitLabServer, token: str, header: str) -> None:
    """Each kind of token travels in its header, to the host that it is bound to, never shown."""
    server.token = TOKEN
    server.state.project("acme/churn", {"a": b"a"})
    secret = Secret(TOKEN, "127.0.0.1")
    environ = {VARIABLE: LOOPBACK}
    headers: list[str | None] = []
    server.before = lambda asked: headers.append(asked.header)
    assert listed(harvesters(make_source(server, token=token), secret, environ)) == ["acme/churn"]
    assert headers == [header]

    server.asked.clear()
    with pytest.raises(SourceRefused) as refused:
        listed(harvesters(make_source(server), Secret(TOKEN, "gitlab.com"), environ))
    assert "does not go to" in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert server.asked == []

    with pytest.raises(SourceRefused, match="not let in"):
        listed(harvesters(make_source(server), None, environ))


@pytest.mark.parametrize("text", [f"{TOKEN}\n", "user:password", "p\xe4ss"])
def test_token_unusable(server: GitLabServer, text: str) -> None:
    """What no header carries is refused, and not shown."""
    with pytest.raises(SourceRefused) as refused:
        made(server, secret=Secret(text, "127.0.0.1"))
    assert text not in str(refused.value)


def test_scopes(server: GitLabServer) -> None:
    """Each group and single projects: repositories, members with a token, deployments, builds."""
    told: dict[str, Any] = {"groups": ["acme", "42"], "projects": ["other/churn"]}
    secret = Secret(TOKEN, "127.0.0.1")
    none: dict[str, Any] = {"builds": "none", "deployments": "none"}

    assert [one.scope for one in made(server, secret=secret, **told)] == [
        "repositories/acme", "repositories/42", "repositories", "groups/acme", "groups/42",
        "deployments/acme", "builds/acme", "deployments/42", "builds/42", "deployments", "builds",
    ]  # fmt: skip
    assert [one.scope for one in made(server, **none)] == ["repositories/acme"]
    silent = made(server, secret=secret, teams="none", **none)
    assert [one.scope for one in silent] == ["repositories/acme"]


def test_address_refused(server: GitLabServer) -> None:
    """Where an operator did not open the way, nothing is asked."""
    with pytest.raises(SourceRefused, match="MODEL_CATALOG_OUTBOUND_ALLOW"):
        listed(harvesters(make_source(server), None, {}))
    assert server.asked == []


def test_base_path() -> None:
    """A GitLab may lie below its host's root, and its projects are called so."""
    with gitlab(root="/gitlab") as server:
        server.state.group("acme")
        server.state.project("acme/churn", {"a": b"a"})
        ways = Ways(server, Time())
        host = ways.group()
        ((found,),) = host.repositories()
        assert found.url == f"https{server.url.removeprefix('http')}/acme/churn"
        assert host.find(None, url=found.url) == found
        ways.client.close()
