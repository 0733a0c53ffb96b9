"""Ways to a scripted GitLab: a client that never waits, and the hosts that ask through it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from harvesters.http import PoliteClient
from harvesters.manifests.gitlab.api import API, GitLab, manners
from harvesters.manifests.gitlab.host import GroupHost, ProjectsHost
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from harvesters.manners import Clock, Manners
from tests.support.gitlab_server import GitLabServer

LOOPBACK: Final = "127.0.0.1/32"


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        """Some day at noon."""
        self.moment, self.passed = datetime(2026, 11, 27, 12, tzinfo=UTC), 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """At once."""
        self.slept.append(seconds)
        self.passed += seconds

    def clock(self) -> Clock:
        """As clients ask for it."""
        return Clock(
            lambda: self.moment + timedelta(seconds=self.passed), lambda: self.passed, self.sleep
        )


class Ways:
    """Makes hosts on the server, with one client."""

    def __init__(self, server: GitLabServer, time: Time) -> None:
        """As somebody with a token; the server asks for none."""
        self.server, self.time = server, time
        usual = Manners(a_second=10_000.0, clock=time.clock())
        self.client = PoliteClient(f"{server.url}{API}", allow=LOOPBACK, manners=manners(usual))
        self.gitlab, self.site = GitLab(self.client, signed=True), Site.of(server.url)

    def group(self, group: str = "acme", **settings: Any) -> GroupHost:
        """The projects of a group."""
        told = self.told(**{"groups": [group]} | settings)
        return GroupHost(self.gitlab, self.site, settings=told, group=group)

    def single(self, *projects: str, **settings: Any) -> ProjectsHost:
        """Projects that are named."""
        told = self.told(projects=projects, **settings)
        return ProjectsHost(self.gitlab, self.site, settings=told)

    def told(self, **settings: Any) -> GitLabSettings:
        """Settings as a source has them."""
        return GitLabSettings.model_validate({"url": self.server.url} | settings)
