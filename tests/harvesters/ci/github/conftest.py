"""A scripted GitHub with CI, a catalog in memory, and the harvesters between them."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harvesters.base import Harvester
from harvesters.ci.github.scopes import ci_scopes
from harvesters.manifests.github import Ways
from harvesters.manifests.github.settings import GitHubSettings
from harvesters.manners import Clock
from harvesters.recording import Tape
from harvesters.registry import Secret
from schemas.harvest import CloseHarvest
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.sources import SourceSettings
from tests.support.ci_catalog import CiCatalog
from tests.support.github_server import GitHub, serving
from tests.support.github_state import Repo

LOOPBACK = "127.0.0.1/32"
COMMIT = "c0ffee" * 6 + "c0ff"


class Hub:
    """What happens on GitHub, and what the catalog learns of it."""

    def __init__(self, github: GitHub) -> None:
        """Nothing happened; clocks agree."""
        self.github, self.catalog = github, CiCatalog()
        self.actions = github.actions
        self.passed = timedelta()
        self.slept: list[float] = []
        self.settings: dict[str, Any] = {"organisations": ["acme"]}
        self.source: dict[str, Any] = {}
        self.secret = github.secret
        github.state.now = datetime.now(UTC).replace(microsecond=0)
        github.clock = lambda: self.now

    @property
    def now(self) -> datetime:
        """The same for both."""
        return datetime.now(UTC) + self.passed

    def pass_time(self, **some: float) -> None:
        """Of both."""
        self.passed += timedelta(**some)
        self.github.state.now = self.now.replace(microsecond=0)

    def repo(self, full_name: str = "acme/churn") -> Repo:
        """A new repository, of which the catalog names a commit that was built."""
        made = self.github.state.create(full_name)
        self.catalog.name(COMMIT, self.number(made), built=True)
        return made

    def number(self, repo: Repo) -> Identifier:
        """As the catalog knows it."""
        value = self.github.identity(repo)
        return Identifier(kind=Kind.REPOSITORY, scheme="github", value=value)

    def url(self, repo: Repo) -> Identifier:
        """By its address."""
        value = f"https://{self.github.host}/{repo.full_name}"
        return Identifier(kind=Kind.REPOSITORY, scheme="url", value=value)

    def ago(self, **some: float) -> datetime:
        """A time that has passed."""
        return (self.now - timedelta(**some)).replace(microsecond=0)

    def hint(self, repo: Repo, about: str, build: int | None = None) -> Hint:
        """A webhook said so."""
        value = f"{self.github.identity(repo)}/{build}"
        thing = Identifier(kind=Kind.BUILD, scheme="github", value=value) if build else None
        made = Hint(
            id=len(self.catalog.open_hints) + 1, about=about, event=about, thing=thing,  # type: ignore[arg-type]  # a word
            repository=self.number(repo), url=self.url(repo).value, received_at=self.now,
        )  # fmt: skip
        self.catalog.open_hints.append(made)
        return made

    def harvest(self, what: str, *, tape: Tape | None = None) -> CloseHarvest:
        """One harvest of builds, deployments or deliveries."""
        with ExitStack() as stack:
            return self.catalog.harvest(self.harvester(what, stack), tape=tape)

    def harvester(self, what: str, stack: ExitStack) -> Harvester[Any]:
        """Who reads a scope."""
        (found,) = (one for one in self.scopes(stack) if one.scope.partition("/")[0] == what)
        return found

    def scopes(self, stack: ExitStack) -> list[Harvester[Any]]:
        """All of them, with our clock."""
        told = {"url": self.github.url} | self.settings
        settings = GitHubSettings.model_validate(told)
        source = SourceSettings.model_validate(
            {"name": "hub", "kind": "github", "namespace": "retail", "settings": told} | self.source
        )
        clock = Clock(lambda: self.now, lambda: sum(self.slept), self.slept.append)
        secret = Secret(self.secret, self.github.host)
        ways = Ways(settings, secret, allow=LOOPBACK, clock=clock)
        stack.enter_context(closing(ways))
        found = list(ci_scopes(source, settings, ways=ways))
        for one in found:
            one.clock = lambda: self.now  # type: ignore[attr-defined]  # all have one
        self.github.asked.clear()
        return found


@pytest.fixture
def github(corpora: Path) -> Iterator[GitHub]:
    """An empty one."""
    with serving(corpora) as found:
        yield found


@pytest.fixture
def hub(github: GitHub) -> Hub:
    """Both ends of it."""
    return Hub(github)
