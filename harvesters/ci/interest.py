"""Which builds are of interest: of commits that the catalog knows, and of chosen workflows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from schemas.commits import NamedCommit
from schemas.identifiers import Identifier


class Interest:
    """What the catalog knows by name, and what the source's settings ask for."""

    def __init__(self, workflows: Sequence[str] = ()) -> None:
        """`workflows`: globs on names or paths of those whose builds are all posted."""
        self.workflows = tuple(glob.lower() for glob in workflows)
        self._commits: set[str] = set()
        self._within: defaultdict[Identifier, set[str]] = defaultdict(set)
        self._unbuilt: defaultdict[Identifier, set[str]] = defaultdict(set)

    def add(self, commits: Iterable[NamedCommit]) -> None:
        """Some of what the catalog knows."""
        for one in commits:
            self._commits.add(one.commit)
            for repository in one.repositories:
                self._within[repository].add(one.commit)
                if not one.built:
                    self._unbuilt[repository].add(one.commit)

    def wants(self, commit: str | None, workflows: Iterable[str | None] = ()) -> bool:
        """Is a build posted? A commit is the same in every repository that holds it."""
        if commit is not None and commit.lower() in self._commits:
            return True
        return any(self._is_chosen(one) for one in workflows if one)

    def names(self, identities: Iterable[Identifier]) -> bool:
        """Does the catalog know anything of this repository, by any of its identifiers?"""
        return any(one in self._within for one in identities)

    def unbuilt(self, identities: Iterable[Identifier]) -> list[str]:
        """Commits of a repository of which no build is known yet, to be asked for by name."""
        found: set[str] = set().union(*(self._unbuilt.get(one, set()) for one in identities))
        return sorted(found)

    def repositories(self) -> Iterator[Identifier]:
        """Every repository that is known to hold something of interest."""
        yield from self._within

    def _is_chosen(self, workflow: str) -> bool:
        return any(fnmatchcase(workflow.lower(), glob) for glob in self.workflows)
