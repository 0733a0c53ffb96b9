"""A scripted Azure DevOps and a catalog that names commits, with a harvest between them."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from harvesters.ci.azure import harvesters
from harvesters.manners import Clock, Manners
from harvesters.registry import Secret
from harvesters.runner import harvest
from schemas.harvest import HarvestReport
from schemas.sources import SourceSettings
from tests.support.azure_server import Azure, Row, azure
from tests.support.build_catalog import BuildCatalog

LOOPBACK: Final = "127.0.0.1/32"


def make_source(url: str, **settings: Any) -> SourceSettings:
    """A source of kind `azure`."""
    told = {"url": url} | settings
    return SourceSettings.model_validate(
        {"name": "pipelines", "kind": "azure", "namespace": "retail", "settings": told}
    )


class Ci:
    """Both ends: what happens in Azure DevOps, and what the catalog holds after a harvest."""

    def __init__(self, server: Azure) -> None:
        """Signed in, with the usual settings; there is one project."""
        self.server, self.catalog = server, BuildCatalog()
        self.project = server.project("retail")
        self.settings: dict[str, Any] = {}
        self.secret = server.secret
        self.slept: list[float] = []

    def harvest(self, **how: Any) -> list[HarvestReport]:
        """One harvest of each project; nobody waits."""
        source = make_source(self.server.url, **self.settings)
        secret = Secret(self.secret, self.server.host)
        environ = {"MODEL_CATALOG_OUTBOUND_ALLOW": LOOPBACK}
        usual = Manners(a_second=10_000.0, clock=Clock(sleep=self.slept.append))
        return [
            harvest(one, self.catalog, **how)
            for one in harvesters(source, secret, environ, usual=usual)
        ]

    def thing(self, build: Row) -> str:
        """The value of a build's identifier."""
        return f"{self.server.host}/{build['project']['id']}/{build['id']}"


@pytest.fixture
def ci() -> Iterator[Ci]:
    """An Azure DevOps with one project, and a catalog that names nothing."""
    with azure() as server:
        yield Ci(server)
