"""The files of one commit, from a bare clone that has no remote any more: nothing is fetched."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import IO, Final

from harvesters.errors import shown
from harvesters.manifests.git.process import Work
from harvesters.manifests.host import RepositoryUnreadable
from harvesters.manifests.pages import Author, Entry, File, Unread
from harvesters.manifests.wanted import LARGEST, is_manifest
from harvesters.moments import of_milliseconds
from schemas.masking import mask_secrets

FILTER: Final = 256 * 1024  # blobs from here on are not fetched
MOST_ENTRIES: Final = 100_000
LONGEST_PATH: Final = 500  # bytes, as an identifier writes it
QUOTED: Final = re.compile("[#%]")
LONGEST_LINE: Final = 64 * 1024
MOST_CONTENT: Final = 64 * 1024 * 1024
MOST_ODD: Final = 20
SHOWN: Final = 100
LINE: Final = re.compile(
    rb"(?P<mode>\d{6}) \w+ (?P<blob>[0-9a-f]{40}|[0-9a-f]{64}) +(?P<size>\d+|-|BAD)\t(?P<path>.+)",
    re.DOTALL,
)


class GitTree:
    """A tree in a clone, for as long as the work goes on."""

    def __init__(self, work: Work, clone: str, *, commit: str) -> None:
        """Nothing is read yet."""
        self.work, self.clone, self.commit = work, clone, commit
        self._odd: list[Unread] = []

    def entries(self) -> Iterator[Entry]:
        """All with a path that people could have written. Raises `RepositoryUnreadable`."""
        words = ["--git-dir", self.clone, "ls-tree", "-rlz", "--full-tree", self.commit]
        self._odd = []
        with self.work.reading(words) as told:
            for number, line in enumerate(_parts(told), start=1):
                if number > MOST_ENTRIES:
                    message = f"holds more than {MOST_ENTRIES:,} files"
                    raise RepositoryUnreadable("too_many_files", message)
                if (entry := self._read(line)) is not None:
                    yield entry

    def files(self, wanted: Sequence[Entry]) -> Iterator[File | Unread]:
        """Their contents; first, what bears the name of a manifest at a path that is none."""
        yield from self._odd
        asked: list[Entry] = []
        room = MOST_CONTENT
        for entry in wanted:
            if entry.size is None:
                message = f"has {FILTER:,} bytes or more, which are not fetched"
                yield Unread(entry.path, "too_large", message)
            elif entry.size > min(LARGEST, room):
                message = f"its {entry.size:,} bytes are more than is read of a repository"
                yield Unread(entry.path, "too_large", message)
            else:
                room -= entry.size
                asked.append(entry)
        if asked:
            yield from self._contents(asked)

    def committed_at(self) -> datetime | None:
        """By the committer's clock."""
        words = ["--git-dir", self.clone, "log", "-1", "--format=%ct", self.commit, "--"]
        told = self.work.run(words).strip()
        return of_milliseconds(int(told) * 1_000) if told.isdigit() else None

    def authors(self, folder: str) -> Sequence[Author]:
        """Nobody: one commit was fetched, not its history."""
        del folder
        return ()

    def _read(self, line: bytes) -> Entry | None:
        found = LINE.fullmatch(line)
        if found is None:
            raise RepositoryUnreadable("git_failed", "git lists its files in an unknown form")
        size = found["size"]
        raw = found["path"]
        if (why := _oddity(raw)) is not None:
            written = raw.decode("utf-8", "backslashreplace")
            if is_manifest(written) and len(self._odd) < MOST_ODD:
                self._odd.append(Unread(_cut(written), "odd_path", why))
            return None
        return Entry(
            raw.decode(),
            found["mode"].decode(),
            found["blob"].decode(),
            int(size) if size.isdigit() else None,
        )

    def _contents(self, asked: Sequence[Entry]) -> Iterator[File | Unread]:
        names = "".join(f"{entry.blob}\n" for entry in asked)
        words = ["--git-dir", self.clone, "cat-file", "--batch", "--buffer"]
        with self.work.reading(words, stdin=names.encode()) as told:
            for entry in asked:
                yield _content(told, entry)


def _content(told: IO[bytes], entry: Entry) -> File | Unread:
    """The next one that `cat-file --batch` prints."""
    head = told.readline(LONGEST_LINE).split()
    if head[1:] == [b"missing"]:
        return Unread(entry.path, "not_fetched", "the server did not send it")
    if head != [entry.blob.encode(), b"blob", str(entry.size).encode()]:
        raise RepositoryUnreadable("git_failed", "git answers about another file than was asked")
    raw = told.read(entry.size or 0)
    if len(raw) != entry.size or told.read(1) != b"\n":
        raise RepositoryUnreadable("broken_off", "git broke off in the middle of a file")
    return File(entry.path, entry.blob, raw)


def _parts(told: IO[bytes]) -> Iterator[bytes]:
    """What stands between NULs."""
    rest = b""
    while piece := told.read(LONGEST_LINE):
        *whole, rest = (rest + piece).split(b"\0")
        yield from whole
        if len(rest) > LONGEST_LINE:
            raise RepositoryUnreadable(
                "odd_path", f"holds a path of more than {LONGEST_LINE} bytes"
            )
    if rest:
        raise RepositoryUnreadable("broken_off", "git broke off in the middle of its files")


def _oddity(raw: bytes) -> str | None:
    """Why a path is never used: nobody can see, or mean, what it says."""
    try:
        path = raw.decode()
    except UnicodeDecodeError:
        return "its path is not UTF-8"
    if not path.isprintable():
        return "its path holds a character that cannot be seen"
    if len(unicodedata.normalize("NFC", QUOTED.sub("%23", path)).encode()) > LONGEST_PATH:
        return f"its path is longer than {LONGEST_PATH} bytes"
    if any(step.lower() in {"", ".", "..", ".git"} for step in path.split("/")):
        return "its path leads elsewhere"
    if mask_secrets(path) != path:
        return "its path holds what looks like a key"
    return None


def _cut(path: str) -> str:
    """The end of a path as people may see it."""
    whole = shown(mask_secrets(path)[-SHOWN:])
    return whole if len(path) <= SHOWN else f"...{whole}"
