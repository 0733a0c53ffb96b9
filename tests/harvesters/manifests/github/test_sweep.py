"""Harvests one after the other, without a catalog: what is asked of GitHub, and what is said."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from harvesters.base import Told
from harvesters.errors import RecordUnreadable
from harvesters.manifests.github import Ways
from harvesters.manifests.github.host import GitHubHost, Whose
from harvesters.manifests.github.settings import GitHubSettings
from harvesters.manifests.sweep import RepositorySweep
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind
from schemas.observation import Observation
from schemas.sources import SourceSettings
from tests.support.github_server import GitHub
from tests.support.github_state import Repo

MANIFEST = """apiVersion: model-catalog/v1
kind: Model
metadata: {namespace: retail, name: %s}
spec: {asset_kind: model}
"""


class Catalog:
    """Remembers what harvests said, as the catalog does."""

    def __init__(self, github: GitHub, ways: Callable[..., Ways]) -> None:
        """It knows nothing."""
        self.github, self.ways = github, ways
        self.known: dict[Identifier, KnownSubject] = {}
        self.cursor: str | None = None
        self.coverage = Coverage.FULL

    def harvest(self, *hints: Hint, **settings: Any) -> list[Told]:
        """Everything that one harvest says, an hour later."""
        self.github.state.pass_time(hours=1)
        self.github.asked.clear()
        told = GitHubSettings.model_validate(
            {"url": self.github.url, "organisations": ["acme"]} | settings
        )
        source = SourceSettings(
            name="hub", kind="github", namespace="retail", settings=settings, precedence=70
        )
        whose = Whose(owner=("orgs", "acme"), others=told.owners)
        host = GitHubHost(self.ways().to("orgs", "acme").api, whose, seconds=60)
        sweep = RepositorySweep(host, source, scope="repositories/acme", settings=told)
        sweep.hint(hints)
        sweep.choose(self.cursor)
        sweep.remember(list(self.known.values()))
        said: list[Told] = []
        for page in sweep.pages(None):
            said += sweep.observe(page)
            self.cursor = sweep.cursor_after(page) or self.cursor
        self.coverage = sweep.coverage
        seen = {one.subject for one in said}
        if sweep.coverage is Coverage.FULL:
            said += sweep.ask([one for one in self.known.values() if one.subject not in seen])
        else:
            said += sweep.compare(list(self.known.values()))
        said += sweep.vouch(())
        self._learn(said)
        assert list(sweep.settled) == [one.id for one in hints]
        return said

    def _learn(self, said: Sequence[Told]) -> None:
        for one in said:
            if isinstance(one, Observation) and one.gone:
                self.known.pop(one.subject, None)
            elif isinstance(one, Observation):
                self.known[one.subject] = KnownSubject(
                    subject=one.subject, digest=one.digest(), marker=one.marker
                )

    def gone(self, said: Sequence[Told]) -> set[str]:
        """What was said to be gone, by path."""
        return {
            one.subject.value.partition("#")[2]
            for one in said
            if isinstance(one, Observation) and one.gone
        }


@pytest.fixture
def catalog(github: GitHub, ways: Callable[..., Ways]) -> Catalog:
    """One that knows nothing."""
    return Catalog(github, ways)


def manifest(name: str) -> bytes:
    """A manifest of ours."""
    return (MANIFEST % name).encode()


def hint(repo: Repo, github: GitHub) -> Hint:
    """A push to a repository."""
    identity = Identifier(kind=Kind.REPOSITORY, scheme="github", value=github.identity(repo))
    url = f"https://{github.host}/{repo.full_name}"
    return Hint(
        id=repo.number, event="push", repository=identity, url=url, received_at=datetime.now(UTC)
    )


def test_sweep_cost(catalog: Catalog, github: GitHub) -> None:
    """Of 60 repositories 10 changed, and one file in ten others: what that costs is counted."""
    github.a_page = 25
    files = {"model.yaml": manifest("m"), "fraud.model.yaml": manifest("f"), "notes.txt": b"#\n"}
    repos = [github.state.create(f"acme/r{number}", files) for number in range(60)]
    catalog.harvest()
    assert github.asked_by_kind() == {
        "listing": 3, "head": 60, "tree": 60, "blob": 120, "authors": 60,
    }  # fmt: skip

    catalog.harvest()
    assert github.asked_by_kind() == {"listing": 3}

    for number, one in enumerate(repos[:10]):
        github.push(one, {"notes.txt": f"{number}".encode()})
    for one in repos[10:20]:
        github.push(one, {"model.yaml": manifest("other")})
    catalog.harvest()
    assert github.asked_by_kind() == {
        "listing": 3, "head": 20, "tree": 20, "blob": 20, "authors": 10,
    }  # fmt: skip


def test_sweep_unreadable(catalog: Catalog, github: GitHub) -> None:
    """A repository that may not be read is excused with all that came from it."""
    github.state.create("acme/site", {"notes.txt": b"#\n"})
    churn = github.state.create("acme/churn", {"model.yaml": manifest("churn")})
    catalog.harvest()
    known = set(catalog.known)

    github.push(churn, {"model.yaml": manifest("attrition")})
    churn.refused = 403
    said = catalog.harvest()

    excused = {one.subject for one in said if isinstance(one, RecordUnreadable)}
    assert {one.scheme for one in excused if one is not None} == {"github"}  # and all in it
    assert catalog.gone(said) == set()
    assert set(catalog.known) == known


def test_sweep_branch(catalog: Catalog, github: GitHub) -> None:
    """Another branch may stand for a repository; one that is not there makes nothing gone."""
    churn = github.state.create("acme/churn", {"model.yaml": manifest("churn")})
    github.push(churn, {"release.model.yaml": manifest("released")}, branch="release")
    catalog.harvest()
    paths = {one.value.partition("#")[2] for one in catalog.known if one.scheme == "manifest"}
    assert paths == {"model.yaml"}

    said = catalog.harvest(branches={"acme/*": "release"})
    assert catalog.gone(said) == {"model.yaml"}
    said = catalog.harvest(branches={"acme/*": "nowhere"})
    assert catalog.gone(said) == set()
    assert {one.code for one in said if isinstance(one, RecordUnreadable)} == {"branch_missing"}


def test_sweep_hinted(catalog: Catalog, github: GitHub) -> None:
    """A webhook's repository alone is read; its manifests that went are gone, nothing else is."""
    files = {"model.yaml": manifest("churn"), "b.model.yaml": manifest("b")}
    churn = github.state.create("acme/churn", files)
    github.state.create("acme/fraud", {"model.yaml": manifest("fraud")})
    catalog.harvest()

    github.push(churn, {"b.model.yaml": None})
    said = catalog.harvest(hint(churn, github))

    assert catalog.coverage is Coverage.DELTA
    assert github.asked_by_kind() == {"find": 1, "head": 1, "tree": 1, "blob": 1, "authors": 1}
    assert catalog.gone(said) == {"b.model.yaml"}

    github.state.rename(churn, "sold/churn")
    said = catalog.harvest(hint(churn, github))
    assert (catalog.gone(said), github.asked_by_kind()) == (set(), {"find": 1})


def test_sweep_pages_race(catalog: Catalog, github: GitHub) -> None:
    """A repository that a deletion moved between two pages is asked for, and is there."""
    github.a_page = 2
    repos = [github.state.create(f"acme/r{number}", {"a": b"a"}) for number in range(4)]
    for one in repos:
        one.created_at -= timedelta(days=10 - one.number % 10)
    catalog.harvest()
    known = set(catalog.known)

    def deleting(path: str) -> None:
        if "page=2" in path and repos[0].number in github.state.repos:
            github.state.delete(repos[0])

    github.before = deleting
    said = catalog.harvest()

    assert catalog.gone(said) == set()
    assert {one.subject for one in said} == known  # the deleted one was listed before
    assert github.asked_by_kind() == {"listing": 2, "find": 1}
