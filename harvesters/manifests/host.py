"""What a place with repositories has to answer; git, GitHub and GitLab do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, runtime_checkable

from harvesters.manifests.pages import Author, Entry, File, Head, Repository, Unread
from schemas.hooks import Hint
from schemas.identifiers import Identifier


class RepositoryUnreadable(Exception):  # reads as a sentence
    """One repository cannot be read; the others can. Nothing of it counts as absent."""

    def __init__(self, code: str, message: str) -> None:
        """Code and words of the report."""
        super().__init__(message)
        self.code, self.message = code, message


def one_by_one(
    repositories: Iterable[Repository], ask: Callable[[Repository], Head]
) -> Iterator[tuple[Repository, Head | RepositoryUnreadable]]:
    """The heads of repositories, a request each; one that cannot be read stops no other."""
    for one in repositories:
        try:
            yield one, ask(one)
        except RepositoryUnreadable as error:
            yield one, error


class Tree(Protocol):
    """The files of one commit."""

    def entries(self) -> Iterator[Entry]:
        """All of them. Raises `RepositoryUnreadable` when there are too many."""
        ...

    def files(self, wanted: Sequence[Entry]) -> Iterator[File | Unread]:
        """The contents of some."""
        ...

    def authors(self, folder: str) -> Sequence[Author]:
        """Who committed to a folder within twelve months; nobody where the host cannot tell."""
        ...


@runtime_checkable
class Dated(Protocol):
    """A tree that knows when its commit was made, where no listing tells when it was pushed."""

    def committed_at(self) -> datetime | None:
        """By the committer's clock; None where that is no time."""
        ...


class Host(Protocol):
    """A place with repositories. Everything raises `SourceUnavailable` and `SourceRefused`."""

    version: str  # of the code that reads it: another one reads everything again
    dialect: str  # of CODEOWNERS: github or gitlab

    def repositories(self) -> Iterator[Sequence[Repository]]:
        """A complete listing, page by page, or an exception."""
        ...

    def claims(self, hint: Hint) -> bool:
        """Is a hint about this place, by its URL?"""
        ...

    def find(self, identity: Identifier | None, *, url: str | None) -> Repository | None:
        """Ask for one by its number or URL; None where it belongs to another place by now.

        Raises `RepositoryUnreadable`: hosts answer alike for what is deleted and what is hidden.
        """
        ...

    def heads(
        self, repositories: Sequence[Repository]
    ) -> Iterator[tuple[Repository, Head | RepositoryUnreadable]]:
        """Where the branch of each one stands, in any order; why not is a value here."""
        ...

    def open(self, repository: Repository, head: Head) -> AbstractContextManager[Tree]:
        """The tree of a commit, until it is left. Raises `RepositoryUnreadable`."""
        ...
