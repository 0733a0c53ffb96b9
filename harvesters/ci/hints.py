"""Which hints of webhooks a harvest of builds or deployments follows, and which it has followed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from harvesters.manifests.rhythm import names_one
from schemas.canonical import canonical_repository_url
from schemas.hooks import Hint
from schemas.identifiers import Identifier, Kind


class Hosted(Protocol):
    """Whose identifiers begin with a host."""

    host: str
    scheme: str


class Hinting:
    """Hints about some things in one place."""

    def __init__(self, about: Sequence[str], seconds: int) -> None:
        """`seconds`: the interval of the source, within which hints alone are followed."""
        self.about, self.seconds = frozenset(about), seconds
        self.mine: list[Hint] = []
        self._places: dict[Identifier, str | None] = {}  # of hints about whatever
        self._any = False
        self._failed: set[Identifier] = set()

    def take(self, hints: Sequence[Hint], *, claims: Callable[[Hint], bool]) -> None:
        """What is open of the source; those about other places are theirs."""
        mine = (one for one in hints if one.about in self.about)
        self.mine = [one for one in mine if not names_one(one) or claims(one)]
        here = (one for one in hints if one.repository is not None and claims(one))
        self._places = {one.repository: one.url for one in here if one.repository is not None}
        self._any = bool(hints)

    @property
    def alone(self) -> bool:
        """Do hints make the harvest, each of which says what it is about?"""
        return self._any and all(one.repository is not None for one in self.mine)

    def repositories(self) -> Iterator[tuple[Identifier, str, str]]:
        """Repositories in which something changed that has no name: number, address and path."""
        told = {
            one.repository: one.url
            for one in self.mine
            if one.repository is not None and not names_build(one)
        }
        for identity, url in told.items():
            yield identity, *_place(url)

    def places(self) -> Iterator[tuple[Identifier, str, str]]:
        """Repositories in which anything happened: a push and a deployment name commits too."""
        for identity, url in self._places.items():
            yield identity, *_place(url)

    def builds(self, hosted: Hosted) -> Iterator[tuple[Identifier, str, str, str]]:
        """Builds that are named, in the same way, with their own numbers."""
        for one in self.mine:
            if one.repository is None or one.thing is None or not names_build(one):
                continue
            above, _, build = one.thing.value.rpartition("/")
            if one.thing.scheme == hosted.scheme and above == one.repository.value:
                yield one.repository, *_place(one.url), build

    def fail(self, repository: Identifier) -> None:
        """Something of a repository could not be read: hints about it stay open."""
        self._failed.add(repository)

    def settled(self) -> Sequence[int]:
        """Those that were followed."""
        return tuple(one.id for one in self.mine if one.repository not in self._failed)


def names_build(hint: Hint) -> bool:
    """Does a hint name a build itself?"""
    return hint.thing is not None and hint.thing.kind is Kind.BUILD


def number_of(identity: Identifier) -> str:
    """The number of a repository, of an identifier with a host before it."""
    return identity.value.rpartition("/")[2]


def _place(url: str | None) -> tuple[str, str]:
    """A repository's address in canonical form, and its path; empty where there is none."""
    try:
        found = canonical_repository_url(url or "")
    except ValueError:
        return "", ""
    return found, urlsplit(url or "").path.strip("/")
