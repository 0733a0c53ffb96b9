"""The files of one commit in a GitLab project, read by their ids: nothing that moves is asked."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from harvesters.manifests.gitlab.api import GitLab
from harvesters.manifests.gitlab.payloads import Commit, TreeEntry, read
from harvesters.manifests.gitlab.site import Site
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Author, Entry, File, Unread
from harvesters.manifests.wanted import LARGEST, LARGEST_MANIFEST, is_manifest
from schemas.identifiers import Identifier, email_identifier

MOST_ENTRIES: Final = 100_000
LONGEST_PATH: Final = 900  # bytes: identifiers hold the repository beside it
MOST_PAGES: Final = 3  # of commits in one folder
MOST_CONTENT: Final = 64 * 1024 * 1024  # bytes of all files: they are held in memory
MOST_AUTHORS: Final = 20
A_YEAR: Final = timedelta(days=365)
NO_REPLY: Final = re.compile(r"(?:\d+-)?(?P<login>[a-z0-9_.-]+)@users\.noreply\.(?P<host>.+)")


class Patience(NamedTuple):
    """How long one repository may take."""

    monotonic: Callable[[], float]
    until: float
    seconds: int

    @classmethod
    def of(cls, seconds: int, monotonic: Callable[[], float]) -> "Patience":
        """From now on."""
        return cls(monotonic, monotonic() + seconds, seconds)

    def check(self) -> None:
        """Raises `RepositoryUnreadable` when it is used up."""
        if self.monotonic() > self.until:
            message = f"it was not read within {self.seconds} seconds; settings.seconds sets them"
            raise RepositoryUnreadable("too_slow", message)


class GitLabTree:
    """A tree, and who wrote what is in it."""

    def __init__(
        self, gitlab: GitLab, site: Site, *, number: str, commit: str, patience: Patience
    ) -> None:
        """Of a project's commit."""
        self.gitlab, self.site, self.patience = gitlab, site, patience
        self.number, self.commit = number, commit

    def entries(self) -> Iterator[Entry]:
        """All of them, in pages of a hundred."""
        count = 0
        for page in self.gitlab.tree(self.number, self.commit):
            if page is None:
                message = f"its commit {self.commit} is not shown any more: it was pushed over"
                raise RepositoryUnreadable("commit_missing", message)
            self.patience.check()
            count += len(page)
            if count > MOST_ENTRIES:
                message = f"it holds more than {MOST_ENTRIES:,} files and folders"
                raise RepositoryUnreadable("too_many_entries", message)
            for found in page:
                entry = read(TreeEntry, found)
                if entry is None:
                    message = "an entry of its tree cannot be read"
                    raise RepositoryUnreadable("invalid", message)
                if _can_be_named(entry.path):
                    yield Entry(entry.path, _mode(entry), entry.id)

    def files(self, wanted: Sequence[Entry]) -> Iterator[File | Unread]:
        """The contents of some: GitLab tells sizes only by sending the files."""
        room = MOST_CONTENT
        for entry in wanted:
            one = self._file(entry) if room > 0 else _beyond(entry)
            room -= len(one.raw) if isinstance(one, File) else 0
            yield one

    def authors(self, folder: str) -> Sequence[Author]:
        """By the newest few hundred commits of a year."""
        self.patience.check()
        since = self.gitlab.client.clock.now() - A_YEAR
        params = {"ref_name": self.commit, "since": _midnight(since)}
        params |= {"path": folder} if folder else {}
        names: dict[Identifier, str] = {}
        counts: Counter[Identifier] = Counter()
        for page in self.gitlab.commits(self.number, params, most=MOST_PAGES):
            for found in page:
                commit = read(Commit, found)
                who = self._who(commit.author_email) if commit is not None else None
                if commit is not None and who is not None:
                    counts[who] += 1
                    names.setdefault(who, (commit.author_name or "").strip())
        return [
            Author(folder, (who,), names[who], count)
            for who, count in counts.most_common(MOST_AUTHORS)
        ]

    def _file(self, entry: Entry) -> File | Unread:
        self.patience.check()
        most = LARGEST_MANIFEST if is_manifest(entry.path) else LARGEST
        try:
            raw = self.gitlab.blob(self.number, entry.blob)
        except RepositoryUnreadable as error:
            return Unread(entry.path, error.code, error.message)
        if raw is None:
            return Unread(entry.path, "not_found", "is not shown any more")
        if len(raw) > most:
            return Unread(entry.path, "too_large", f"is larger than {most:,} bytes")
        return File(entry.path, entry.blob, raw)

    def _who(self, email: str | None) -> Identifier | None:
        """A person by address; an address that hides one names the login here."""
        text = (email or "").strip().lower()
        found = NO_REPLY.fullmatch(text)
        try:
            if found and found["host"] == self.site.host.partition(":")[0]:
                return self.site.login(found["login"])
            return email_identifier(text)
        except ValueError:
            return None


def _beyond(entry: Entry) -> Unread:
    message = f"comes after the first {MOST_CONTENT:,} bytes of files, and no more are read"
    return Unread(entry.path, "too_large", message)


def _can_be_named(path: str) -> bool:
    """Is a path short and plain enough for an identifier? What lies elsewhere is passed over."""
    return path.isprintable() and len(path.encode()) <= LONGEST_PATH


def _mode(entry: TreeEntry) -> str:
    """Git refuses to write such paths; where one is told all the same, it is no plain file."""
    odd = any(segment in {"", ".", ".."} for segment in entry.path.split("/"))
    return "" if odd else entry.mode


def _midnight(moment: datetime) -> str:
    """The beginning of a day, so that one day's harvests ask for the same."""
    return f"{moment.date().isoformat()}T00:00:00Z"
