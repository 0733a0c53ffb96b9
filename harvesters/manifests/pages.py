"""What is read of repositories: plain values, so that a harvest can be recorded and replayed."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from schemas.identifiers import Identifier

if TYPE_CHECKING:
    from schemas.harvest import KnownSubject


class Repository(NamedTuple):
    """One repository as its host lists it."""

    identity: Identifier  # its host's number for it; where there is none, its URL
    url: str  # canonical
    path: str  # `acme/churn`: what patterns are compared with
    facts: Mapping[str, Any] = {}  # what the listing says, as facts of a repository
    branch: str | None = None  # the one that stands for it; None: the host's own
    stamp: str = ""  # another one whenever anything may have changed; empty: the host cannot say


class Head(NamedTuple):
    """Where the branch stands; no commit: the repository is empty."""

    commit: str | None
    branch: str | None = None


class Entry(NamedTuple):
    """One entry of a tree; `mode` as git writes it: 100644 a file, 120000 a link."""

    path: str
    mode: str
    blob: str
    size: int | None = None  # bytes, where the host tells


class File(NamedTuple):
    """A file that was read."""

    path: str
    blob: str
    raw: bytes


class Unread(NamedTuple):
    """A file that was wanted and could not be read, or is none."""

    path: str
    code: str
    message: str


class Author(NamedTuple):
    """Who committed to a folder within the last twelve months, and how often."""

    folder: str
    identities: tuple[Identifier, ...]  # of one person: an address, a login
    name: str
    commits: int


class RepositoryPage(NamedTuple):
    """One repository: changed, unchanged or not readable.

    `files` is None where no file that is read has changed; `unchanged` where nothing has at all.
    """

    at: datetime  # our time before the first request
    repository: Repository
    head: Head | None = None
    wanted: str = ""  # digest of the paths and blobs that are read
    files: tuple[File, ...] | None = ()
    unread: tuple[Unread, ...] = ()
    authors: tuple[Author, ...] = ()
    known: tuple["KnownSubject", ...] = ()  # what the catalog holds of it from the last time
    unchanged: bool = False
    failure: tuple[str, str] | None = None  # code and message
    committed_at: datetime | None = None  # of the head, where no listing tells when it was pushed
