"""Finds the files that a harvest of the working folder would read, without following links."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple

from cli.checking.finding import Finding
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.problems import Problem
from harvesters.manifests.wanted import (
    DEEPEST,
    LARGEST,
    LARGEST_MANIFEST,
    LONGEST_PATH,
    MOST_FOREIGN,
    MOST_MANIFESTS,
    is_manifest,
    is_nameable,
)

MOST_ENTRIES: Final = 200_000
LEFT_OUT: Final = {".git", ".hg", ".svn", "node_modules", "__pycache__", ".tox", ".nox"}
ENVIRONMENTS: Final = {"pyvenv.cfg", "conda-meta"}  # one stands in each of Python, each of conda
REPOSITORY: Final = ".git"
MOST: Final = {"manifest": MOST_MANIFESTS, "foreign": MOST_FOREIGN, "misnamed": MOST_MANIFESTS}

NEARLY: Final = re.compile(r"(?:.*\.)?models?\.ya?ml(?:\.txt)?", re.IGNORECASE | re.DOTALL)
Sort = Literal["manifest", "foreign", "misnamed"]  # the last: nearly the name of a manifest


PLAIN_ONLY: Final = "put the file itself there: a harvest reads plain files alone"


MISNAMED: Final = Problem(
    "name_not_read", 1, 1, "a harvest does not read files of this name",
    "call it model.yaml, or let its name end in .model.yaml", severity="warning",
)  # fmt: skip


class Unreadable(Exception):  # reads as a sentence
    """A file cannot be opened, or is none."""

    def __init__(self, reason: str, *, fix: str) -> None:
        """Say why, and what to do."""
        super().__init__(reason)
        self.fix = fix


class Wanted(NamedTuple):
    """A file to look at.

    `inside` is its path in its repository, `shown` what people are told; `given` when it was named
    by whoever asked; `passed_over` says why a harvest leaves it out although it can be read.
    """

    path: Path
    shown: str
    inside: str
    sort: Sort
    given: bool = False
    passed_over: Problem | None = None


def find_files(paths: Iterable[Path]) -> Iterator[Wanted | Finding]:
    """The files of these paths, each once; a finding where not all of a folder was looked at."""
    seen: set[str] = set()
    counted: Counter[str] = Counter()
    for path in paths:
        for one in _walk(path) if path.is_dir() else [_given(path)]:
            if isinstance(one, Finding):
                yield one
                continue
            place = os.path.abspath(one.path)  # noqa: PTH100  # resolve() would follow links
            if place not in seen:
                seen.add(place)
                counted[one.sort] += 1
                if counted[one.sort] <= MOST[one.sort]:
                    yield one
                elif one.sort != "misnamed":
                    yield _too_many(one)


def read_file(wanted: Wanted) -> bytes:
    """Its contents, and no more than one byte above what is read of it. Raises `Unreadable`."""
    most = LARGEST if wanted.sort == "foreign" else LARGEST_MANIFEST
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if wanted.path.is_symlink():  # where the system cannot refuse one when it opens
            raise Unreadable("is a symbolic link", fix=PLAIN_ONLY)
        with os.fdopen(os.open(wanted.path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("is no plain file", fix=PLAIN_ONLY)
            return file.read(most + 1)
    except OSError as error:
        fix = "let the account that runs the check read it"
        raise Unreadable(f"cannot be read: {error.strerror or error}", fix=fix) from None


def shown(path: Path) -> str:
    """A path as people and tools are told it: relative where it lies in the working folder."""
    below = os.path.relpath(path)
    text = str(path) if below.startswith(os.pardir) else below
    return text.replace(os.sep, "/").encode(errors="backslashreplace").decode()


def _given(path: Path) -> Wanted:
    """A file that is named is taken for a manifest, unless it is one of another format."""
    root = _repository(path.parent) or path.parent
    inside = _inside(path, root)
    if (wanted := _wanted(path, inside)) is not None:
        return wanted._replace(given=True)
    return Wanted(path, shown(path), inside, "manifest", given=True, passed_over=MISNAMED)


class _Folder(NamedTuple):
    """A folder of a walk; `inside` is what the paths of its files in the repository begin with."""

    path: Path
    inside: str
    in_repository: bool


def _walk(start: Path) -> Iterator[Wanted | Finding]:
    """Shallow folders first, in the order of their names."""
    folders = [_first(start)]
    entries = 0
    while folders:
        below: list[_Folder] = []
        for folder in folders:
            listed = _listed(folder.path)
            if isinstance(listed, Finding):
                yield listed
                continue
            entries += len(listed)
            if entries > MOST_ENTRIES:
                yield _cut_off(start)
                return
            for entry in listed:
                inside = f"{folder.inside}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    below += _below(folder, Path(entry.path))
                elif wanted := _wanted(path := Path(entry.path), inside) or _nearly(path, inside):
                    yield wanted
        folders = below


def _first(start: Path) -> _Folder:
    root = _repository(start)
    inside = _inside(start, root) if root else "."
    return _Folder(start, "" if inside == "." else f"{inside}/", in_repository=root is not None)


def _below(folder: _Folder, path: Path) -> list[_Folder]:
    """A folder within another one, unless nothing in it is a file of the repository."""
    if path.name in LEFT_OUT or any((path / name).exists() for name in ENVIRONMENTS):
        return []
    if not (path / REPOSITORY).exists():
        return [_Folder(path, f"{folder.inside}{path.name}/", folder.in_repository)]
    return [] if folder.in_repository else [_Folder(path, "", in_repository=True)]


def _listed(folder: Path) -> list[os.DirEntry[str]] | Finding:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror or error}"
        fix = "let the account that runs the check read it, or name other folders"
        return Finding(shown(folder), Problem("unreadable", 1, 1, message, fix))


def _repository(folder: Path) -> Path | None:
    """The repository that a folder lies in."""
    here = folder.absolute()
    return next((up for up in (here, *here.parents) if (up / REPOSITORY).exists()), None)


def _inside(path: Path, root: Path) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _wanted(path: Path, inside: str) -> Wanted | None:
    """Does a harvest look at a file of this name?"""
    if is_manifest(inside):
        return _as_harvested(Wanted(path, shown(path), inside, "manifest"))
    if any(one.matches(inside) for one in FORMATS):
        return _as_harvested(Wanted(path, shown(path), inside, "foreign"))
    return None


def _nearly(path: Path, inside: str) -> Wanted | None:
    """Would somebody take the name for that of a manifest?"""
    if NEARLY.fullmatch(path.name) is None:
        return None
    return Wanted(path, shown(path), inside, "misnamed", passed_over=MISNAMED)


def _as_harvested(wanted: Wanted) -> Wanted:
    """The file, with the reason why a harvest passes it over, if it does."""
    if not is_nameable(wanted.inside):
        message = f"the path is longer than {LONGEST_PATH} bytes, or holds control characters"
        fix = "shorten the names of the file and its folders, or move it up"
        return wanted._replace(passed_over=Problem("path_unnameable", 1, 1, message, fix))
    if wanted.inside.count("/") <= DEEPEST:
        return wanted
    message = f"the file lies more than {DEEPEST} folders deep, where a harvest does not look"
    fix = "move it up"
    return wanted._replace(passed_over=Problem("too_deep", 1, 1, message, fix))


def _too_many(wanted: Wanted) -> Wanted:
    message = f"of a repository {MOST[wanted.sort]:,} such files are read, and this is one more"
    fix = "remove those that nobody needs, or divide the repository"
    return wanted._replace(passed_over=Problem("too_many_files", 1, 1, message, fix))


def _cut_off(start: Path) -> Finding:
    message = f"there are more than {MOST_ENTRIES:,} files, and the rest was not looked at"
    fix = "name the folders that hold manifests"
    return Finding(shown(start), Problem("too_many_entries", 1, 1, message, fix))
