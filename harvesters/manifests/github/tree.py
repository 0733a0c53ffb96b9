"""The files of one commit, read by what git calls them: a blob's id never means other contents."""

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from harvesters.errors import SourceRefused
from harvesters.manifests.github.api import A_PAGE, GitHubApi
from harvesters.manifests.github.commits import Tally
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Author, Entry, File, Unread
from harvesters.manifests.wanted import LARGEST
from schemas.canonical import canonical_commit

MOST_ENTRIES: Final = 100_000
MOST_TREES: Final = 200  # asked for one by one, where the whole is too large for one answer
MOST_PAGES: Final = 3  # of commits to a folder
MOST_CONTENT: Final = 64 * 1024 * 1024  # bytes of all files: they are held in memory
YEAR: Final = timedelta(days=365)
GONE: Final = {404, 409}
SHA1: Final = 40  # hex digits; longer ids are of SHA-256


class GitHubTree:
    """One commit of one repository."""

    def __init__(
        self, api: GitHubApi, number: str, *, commit: str, host: str, seconds: float
    ) -> None:
        """`seconds` for all of it, without those that GitHub asked to wait."""
        self.api, self.number, self.commit, self.host = api, number, commit, host
        self.seconds, self._began = seconds, self._worked()
        self._trees = 0

    def entries(self) -> Iterator[Entry]:
        """All files, links and modules of the tree; in one answer, unless that is too large."""
        found, whole = self._tree(self.commit, recursive=True)
        if whole:
            yield from _bounded(found, "", most=MOST_ENTRIES)
            return
        left = MOST_ENTRIES
        waiting = [("", self.commit)]
        while waiting:
            above, tree = waiting.pop()
            recursive = bool(above)  # the whole was tried already
            found, whole = self._tree(tree, recursive=recursive)
            if recursive and not whole:
                found, whole = self._tree(tree, recursive=False)
                recursive = False
            if not whole:
                raise RepositoryUnreadable("too_many_files", "one folder is too large to be listed")
            for entry in _bounded(found, above, most=left):
                left -= 1
                yield entry
            if not recursive:
                waiting += [(f"{above}{one['path']}/", one["sha"]) for one in _folders(found)]

    def files(self, wanted: Sequence[Entry]) -> Iterator[File | Unread]:
        """The contents of some, one request each."""
        room = MOST_CONTENT
        for entry in wanted:
            one = self._file(entry, most=min(LARGEST, room))
            room -= len(one.raw) if isinstance(one, File) else 0
            yield one

    def authors(self, folder: str) -> Sequence[Author]:
        """Who committed to a folder within a year, by its newest commits."""
        params: dict[str, Any] = {
            "sha": self.commit,
            "since": (self.api.now() - YEAR).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "per_page": A_PAGE,
        }
        if folder:
            params["path"] = folder
        tally = Tally(self.host)
        for page in range(1, MOST_PAGES + 1):
            rows = self._commits(params | {"page": page})
            tally.add(rows)
            if len(rows) < A_PAGE:
                break
        return tally.authors(folder)

    def _commits(self, params: Mapping[str, Any]) -> Sequence[Any]:
        """None where they may not be read, though the files may."""
        self._in_time()
        try:
            answer = self.api.of(
                self.number, "commits", kind="authors", params=params, also=GONE, shape=list
            )
        except RepositoryUnreadable as error:
            if error.code != "not_readable":
                raise
            return ()
        return answer.json or ()

    def _tree(self, sha: str, *, recursive: bool) -> tuple[Sequence[Mapping[str, Any]], bool]:
        """The rows of a tree, and whether they are all."""
        self._in_time()
        self._trees += 1
        if self._trees > MOST_TREES:
            raise RepositoryUnreadable("too_many_files", "it holds too many folders to be listed")
        params = {"recursive": "1"} if recursive else None
        answer = self.api.of(
            self.number, "git", "trees", sha, kind="tree", params=params, also=GONE
        )
        if answer.status in GONE:
            message = "its commit is not there any more, or may not be read"
            raise RepositoryUnreadable("not_readable", message)
        rows, cut = answer.json.get("tree"), answer.json.get("truncated", False)
        if not isinstance(rows, list) or not isinstance(cut, bool):
            raise SourceRefused("GitHub answers with a tree that is none")
        return [row for row in rows if isinstance(row, dict)], not cut

    def _file(self, entry: Entry, *, most: int) -> File | Unread:
        if entry.size is None or entry.size > most:
            message = f"is larger than the {most:,} bytes that are read of it"
            return Unread(entry.path, "too_large", message)
        if canonical_commit(entry.blob) is None:
            return Unread(entry.path, "not_readable", "has no id that could be asked for")
        self._in_time()
        answer = self.api.of(self.number, "git", "blobs", entry.blob, kind="blob", also=GONE)
        if answer.status in GONE:
            return Unread(entry.path, "not_readable", "is not there any more")
        try:
            written = str(answer.json.get("content", "")).replace("\n", "")
            raw = b64decode(written, validate=True)
        except (binascii.Error, ValueError):
            return Unread(entry.path, "not_readable", "is answered in no known encoding")
        if answer.json.get("encoding") != "base64" or blob_id(raw, like=entry.blob) != entry.blob:
            return Unread(entry.path, "not_readable", "is answered with other contents than its id")
        return File(entry.path, entry.blob, raw)

    def _in_time(self) -> None:
        if self._worked() - self._began > self.seconds:
            message = f"reading it took longer than {self.seconds:g} seconds"
            raise RepositoryUnreadable("timeout", message)

    def _worked(self) -> float:
        return self.api.client.clock.monotonic() - self.api.client.waited


def blob_id(raw: bytes, *, like: str) -> str:
    """What git calls these bytes, in the repository's kind of ids."""
    said = b"blob %d\0%s" % (len(raw), raw)
    if len(like) > SHA1:
        return hashlib.sha256(said).hexdigest()
    return hashlib.sha1(said, usedforsecurity=False).hexdigest()


def _folders(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for row in rows:
        if row.get("type") == "tree" and isinstance(row.get("path"), str):
            if canonical_commit(str(row.get("sha"))) is None:
                raise SourceRefused("GitHub answers with a tree that is none")
            yield row


def _bounded(rows: Sequence[Mapping[str, Any]], above: str, *, most: int) -> Iterator[Entry]:
    """Rows as entries; folders are in their files' paths."""
    for count, row in enumerate(row for row in rows if row.get("type") != "tree"):
        if count >= most:
            message = f"it holds more than {MOST_ENTRIES:,} files"
            raise RepositoryUnreadable("too_many_files", message)
        path, mode, sha, size = (row.get(name) for name in ("path", "mode", "sha", "size"))
        if not (isinstance(path, str) and isinstance(mode, str) and isinstance(sha, str)):
            raise SourceRefused("GitHub answers with a tree that is none")
        yield Entry(above + path, mode, sha, size if isinstance(size, int) else None)
