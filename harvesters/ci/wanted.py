"""Which repositories of a host are of interest: known by number first, by address second."""

from collections.abc import Iterable, Sequence

from harvesters.ci.interest import Interest
from schemas.commits import NamedCommit
from schemas.identifiers import Identifier, Kind


class Wanted:
    """What the catalog knows of one host's repositories.

    Where it knows a repository's number, the address says nothing: another one may have taken it.
    """

    def __init__(self, scheme: str, host: str, *, workflows: Sequence[str] = ()) -> None:
        """Numbers are of `host`, as they stand in identifiers of a scheme."""
        self.scheme, self.prefix = scheme, f"{host}/"
        self.interest = Interest(workflows)

    def add(self, commits: Iterable[NamedCommit]) -> None:
        """Some of what the catalog knows."""
        self.interest.add(map(self._by_number, commits))

    @property
    def anything(self) -> bool:
        """Is there anything to look for on this host?"""
        return bool(self.interest.workflows) or any(
            self._is_number(one) or one.scheme == "url" for one in self.interest.repositories()
        )

    def names(self, identity: Identifier, url: str) -> bool:
        """Does the catalog name a commit of a repository?"""
        return self.interest.names(self._known_as(identity, url))

    def unbuilt(self, identity: Identifier, url: str) -> list[str]:
        """Commits of it of which no build is known."""
        return self.interest.unbuilt(self._known_as(identity, url))

    def _known_as(self, identity: Identifier, url: str) -> list[Identifier]:
        known = [identity]
        if url:
            known.append(Identifier(kind=Kind.REPOSITORY, scheme="url", value=url))
        return known

    def _by_number(self, one: NamedCommit) -> NamedCommit:
        numbered = tuple(filter(self._is_number, one.repositories))
        return one.model_copy(update={"repositories": numbered}) if numbered else one

    def _is_number(self, one: Identifier) -> bool:
        return one.scheme == self.scheme and one.value.startswith(self.prefix)
