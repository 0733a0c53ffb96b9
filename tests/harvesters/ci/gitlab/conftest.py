"""A scripted GitLab with CI, a catalog in memory, and the harvesters between them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harvesters.ci.gitlab.scopes import ci_scopes
from harvesters.http import PoliteClient
from harvesters.manifests.gitlab.api import API, GitLab, manners
from harvesters.manifests.gitlab.settings import GitLabSettings
from harvesters.manifests.gitlab.site import Site
from harvesters.manners import Clock, Manners
from harvesters.recording import Tape
from schemas.harvest import CloseHarvest
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.sources import SourceSettings
from tests.support.ci_catalog import CiCatalog
from tests.support.gitlab_server import GitLabServer, gitlab
from tests.support.gitlab_state import Project

LOOPBACK = "127.0.0.1/32"
COMMIT = "c0ffee" * 6 + "c0ff"


class Lab:
    """What happens on GitLab, and what the catalog learns of it."""

    def __init__(self, server: GitLabServer) -> None:
        """Nothing happened; clocks agree."""
        self.server, self.ci, self.catalog = server, server.ci, CiCatalog()
        self.passed = timedelta()
        self.slept: list[float] = []
        self.settings: dict[str, Any] = {"groups": ["acme"], "url": server.url}

    @property
    def now(self) -> datetime:
        """The same for both; the server's answers bear the true time."""
        return datetime.now(UTC) + self.passed

    def ago(self, **some: float) -> datetime:
        """A time that has passed."""
        return (self.now - timedelta(**some)).replace(microsecond=0)

    def project(self, path: str = "acme/churn") -> Project:
        """A new project, of which the catalog names a commit that was built."""
        made = self.server.state.project(path, {"a.txt": b"a"})
        self.catalog.name(COMMIT, self.number(made), built=True)
        return made

    def number(self, project: Project) -> Identifier:
        """As the catalog knows it."""
        value = f"{self.host}/{project.id}"
        return Identifier(kind=Kind.REPOSITORY, scheme="gitlab", value=value)

    @property
    def host(self) -> str:
        """As identifiers have it."""
        return Site.of(self.server.url).host

    def hint(self, project: Project, about: str, pipeline: int | None = None) -> None:
        """A webhook said so."""
        value = f"{self.host}/{project.id}/{pipeline}"
        thing = Identifier(kind=Kind.BUILD, scheme="gitlab", value=value) if pipeline else None
        self.catalog.open_hints.append(Hint(
            id=len(self.catalog.open_hints) + 1, about=about, event=about, thing=thing,  # type: ignore[arg-type]  # a word
            repository=self.number(project), url=f"{self.server.url}/{project.path}",
            received_at=self.now,
        ))  # fmt: skip

    def harvest(self, what: str, *, tape: Tape | None = None) -> CloseHarvest:
        """One harvest of builds or deployments."""
        settings = GitLabSettings.model_validate(self.settings)
        source = SourceSettings.model_validate(
            {"name": "lab", "kind": "gitlab", "namespace": "retail", "settings": self.settings}
        )
        site = Site.of(settings.url)
        clock = Clock(lambda: self.now, lambda: sum(self.slept), self.slept.append)
        usual = manners(Manners(a_second=10_000.0, clock=clock))
        client = PoliteClient(f"{site.url}{API}", allow=LOOPBACK, manners=usual)
        with ExitStack() as stack:
            stack.enter_context(closing(client))
            scopes = ci_scopes(source, settings, gitlab=GitLab(client, signed=True), site=site)
            (found,) = (one for one in scopes if one.scope.partition("/")[0] == what)
            found.clock = lambda: self.now  # type: ignore[attr-defined]  # all have one
            self.server.asked.clear()
            return self.catalog.harvest(found, tape=tape)

    def asked(self) -> list[str]:
        """What was asked for, but for the listing."""
        return [kind for kind in self.server.kinds() if kind != "projects"]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Both ends of it."""
    with gitlab() as server:
        server.state.group("acme")
        yield Lab(server)
