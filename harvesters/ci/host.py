"""What a host of repositories with CI has to answer; GitHub and GitLab do."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from harvesters.base import Told
from harvesters.ci.pages import CiPage
from harvesters.manifests.pages import Repository
from schemas.hooks import Hint
from schemas.identifiers import Identifier


class Build(NamedTuple):
    """What of a build decides whether it is read, and whether it is read again."""

    id: str
    commit: str | None
    workflows: tuple[str, ...]  # what it is called, and where that is written
    open: bool


class BuildTeller(Protocol):
    """Understands what a host answers. Pure."""

    version: str
    host: str  # as it stands in identifiers
    scheme: str

    def look(self, record: Any) -> Build | None:
        """What a build is; None for what is none."""
        ...

    def tell(self, record: Any, page: CiPage) -> Told:
        """An observation of it."""
        ...


class DeploymentTeller(Protocol):
    """The same of deployments: a record is what the host says of one environment."""

    version: str
    host: str
    scheme: str

    def tell(self, record: Any, page: CiPage) -> Told:
        """An observation of it."""
        ...


class CiHost(Protocol):
    """A place with repositories. Everything raises `SourceUnavailable` and `SourceRefused`.

    What concerns one repository alone raises `RepositoryUnreadable`.
    """

    @property
    def counts(self) -> Mapping[str, int]:
        """What was left out on purpose."""
        ...

    def now(self) -> datetime:
        """Our clock, or the host's, by its first answer, if that is behind."""
        ...

    def repositories(self) -> Sequence[Repository]:
        """All repositories of the place that its settings keep."""
        ...

    def find(self, identity: Identifier) -> Repository | None:
        """One by its number; None where it was deleted, or belongs to another place by now."""
        ...

    def claims(self, hint: Hint) -> bool:
        """Is a hint about this place?"""
        ...


class BuildHost(CiHost, Protocol):
    """Its builds."""

    def changed(
        self, number: str, *, since: datetime, until: datetime
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Builds of a repository that began, or changed, between two times."""
        ...

    def of_commit(self, number: str, commit: str) -> Sequence[Mapping[str, Any]]:
        """The newest builds of a commit."""
        ...

    def build(self, number: str, build: str) -> Mapping[str, Any] | None:
        """One by its number; None where it is not there any more."""
        ...

    def whole(self, number: str, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a listing left out of it."""
        ...


class DeploymentHost(CiHost, Protocol):
    """Its deployments: of each environment the newest one that succeeded."""

    def every(self, number: str) -> Iterator[Mapping[str, Any]]:
        """All environments with one."""
        ...

    def touched(
        self, number: str, *, since: datetime | None, before: str | None
    ) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Those that may have changed since a time, or since `before`, and what to say then."""
        ...

    def named(self, number: str, environment: str) -> Mapping[str, Any] | bool:
        """One by its name: what it says, whether it is there if it says nothing anew."""
        ...
