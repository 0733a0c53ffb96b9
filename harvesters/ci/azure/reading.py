"""Which builds of a project are of interest, and what is known of those that were read."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harvesters.ci.azure.names import Site, address_of
from harvesters.ci.azure.observe import is_open, names_of
from harvesters.ci.azure.payloads import Build, kept, read
from harvesters.ci.interest import Interest
from schemas.canonical import canonical_commit
from schemas.commits import NamedCommit
from schemas.identifiers import Identifier


class Reading:
    """What one harvest of a project read."""

    def __init__(self, site: Site, interest: Interest) -> None:
        """Nothing yet."""
        self.site, self.interest = site, interest
        self.open: set[int] = set()  # of interest
        self.read: set[int] = set()
        self.wanted: set[int] = set()
        self.commits: set[str] = set()
        self.repositories: set[Identifier] = set()
        self.raws: dict[int, Mapping[str, Any]] = {}  # of interest
        self.passed_over = self.odd = 0

    def chosen(self, rows: Sequence[Any]) -> tuple[Mapping[str, Any], ...]:
        """Of what was answered, the builds of interest."""
        found = []
        for row in rows:
            raw = kept(row) if isinstance(row, dict) else {}
            build = read(Build, raw)
            if build is None:
                self.odd += 1
                continue
            self._note(build)
            if self.is_wanted(build):
                self._note_wanted(build, raw)
                found.append(raw)
            else:
                self.passed_over += 1
        return tuple(found)

    def is_wanted(self, build: Build) -> bool:
        """Is it of a commit that the catalog names, or of a chosen pipeline?"""
        return self.interest.wants(canonical_commit(build.commit or ""), names_of(build))

    def _note(self, build: Build) -> None:
        self.read.add(build.id)
        commit = canonical_commit(build.commit or "")
        self.commits |= {commit} if commit else set()
        both = (self.site.numbered(build.repository), address_of(build.repository))
        self.repositories |= {one for one in both if one is not None}

    def _note_wanted(self, build: Build, raw: Mapping[str, Any]) -> None:
        self.wanted.add(build.id)
        self.raws[build.id] = raw
        if is_open(build):
            self.open.add(build.id)
        else:
            self.open.discard(build.id)


class Unbuilt:
    """Commits that the catalog names, and of which it knows no build."""

    def __init__(self) -> None:
        """None yet."""
        self._of: dict[str, set[Identifier]] = {}

    def add(self, commits: Iterable[NamedCommit]) -> None:
        """Some of what the catalog names."""
        for one in commits:
            if not one.built:
                self._of.setdefault(one.commit, set()).update(one.repositories)

    @property
    def commits(self) -> set[str]:
        """All of them."""
        return set(self._of)

    def near(self, is_here: Callable[[Identifier], bool]) -> set[str]:
        """Those whose repository is, or may be, built here; of some nobody says where they are."""
        return {
            commit
            for commit, places in self._of.items()
            if not places or any(is_here(one) for one in places)
        }
