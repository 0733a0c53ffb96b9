"""A scripted Jenkins and a catalog that names commits, with a harvest between them."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from harvesters.ci.jenkins import harvesters
from harvesters.manners import Clock, Manners
from harvesters.registry import Secret
from harvesters.runner import harvest
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings
from tests.support.build_catalog import BuildCatalog
from tests.support.jenkins_server import Jenkins, jenkins

LOOPBACK: Final = "127.0.0.1/32"


def make_source(url: str, **settings: Any) -> SourceSettings:
    """A source of kind `jenkins`."""
    told = {"url": url} | settings
    return SourceSettings.model_validate(
        {"name": "ci", "kind": "jenkins", "namespace": "retail", "settings": told}
    )


class Ci:
    """Both ends: what happens in Jenkins, and what the catalog holds after a harvest."""

    def __init__(self, server: Jenkins) -> None:
        """Signed in, with the usual settings."""
        self.server, self.catalog = server, BuildCatalog()
        self.settings: dict[str, Any] = {}
        self.secret: str | None = server.secret
        self.slept: list[float] = []

    def harvest(self, **how: Any) -> HarvestReport:
        """One harvest; nobody waits."""
        source = make_source(self.server.url, **self.settings)
        secret = Secret(self.secret, self.server.host) if self.secret else None
        environ = {"MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK}
        usual = Manners(a_second=10_000.0, clock=Clock(sleep=self.slept.append))
        (report,) = [
            harvest(one, self.catalog, **how)
            for one in harvesters(source, secret, environ, usual=usual)
        ]
        return report

    def thing(self, name: str) -> str:
        """The value of a build's identifier."""
        return f"{self.server.host}/ci/{name}"


@pytest.fixture
def ci() -> Iterator[Ci]:
    """A Jenkins without jobs, and a catalog that names nothing."""
    with jenkins() as server:
        yield Ci(server)
