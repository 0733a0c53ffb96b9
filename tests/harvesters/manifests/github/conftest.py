"""A scripted GitHub, and a host that asks it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harvesters.manifests.github import Ways
from harvesters.manifests.github.host import GitHubHost, Whose
from harvesters.manifests.github.settings import GitHubSettings
from harvesters.manifests.pages import Repository
from harvesters.manners import Clock
from harvesters.registry import Secret
from tests.support.github_server import GitHub, serving

LOOPBACK = "127.0.0.1/32"
Hosts = Callable[..., GitHubHost]


class Slept:
    """A clock that stands beside ours: sleeping moves it, and takes no time."""

    def __init__(self) -> None:
        """Nothing passed."""
        self.seconds: list[float] = []

    @property
    def clock(self) -> Clock:
        """For a client."""
        return Clock(lambda: datetime.now(UTC), lambda: sum(self.seconds), self.seconds.append)


@pytest.fixture
def github(corpora: Path) -> Iterator[GitHub]:
    """An empty one."""
    with serving(corpora) as found:
        yield found


@pytest.fixture
def slept() -> Slept:
    """How long clients slept."""
    return Slept()


@pytest.fixture
def ways(github: GitHub, slept: Slept) -> Iterator[Callable[..., Ways]]:
    """Ways to it, with its token unless told otherwise."""
    stack = ExitStack()

    def made(secret: str | None = github.secret, **settings: Any) -> Ways:
        told = {"url": github.url, "organisations": ["acme"]} | settings
        found = Ways(
            GitHubSettings.model_validate(told),
            Secret(secret, github.host) if secret is not None else None,
            allow=LOOPBACK,
            clock=slept.clock,
        )
        return stack.enter_context(closing(found))

    with stack:
        yield made


@pytest.fixture
def host(ways: Callable[..., Ways]) -> Hosts:
    """The repositories of `acme`, or what `whose` says."""

    def made(whose: Whose | None = None, **settings: Any) -> GitHubHost:
        found = whose or Whose(owner=("orgs", "acme"), others=frozenset({"acme"}))
        way = ways(**settings).to(*(found.owner or ("repos", "acme", "churn")))
        return GitHubHost(way.api, found, seconds=60, selected=way.selected)

    return made


def listed(host: GitHubHost) -> dict[str, Repository]:
    """All repositories by path."""
    return {one.path: one for page in host.repositories() for one in page}
