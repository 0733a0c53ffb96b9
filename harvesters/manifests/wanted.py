"""Which files of a repository are read, by name, mode, depth and number. Pure."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, NamedTuple

from harvesters.errors import shown
from harvesters.manifests.formats import FORMATS
from harvesters.manifests.pages import Entry, Unread
from harvesters.manifests.place import encoded
from schemas.canonical import canonical_text
from schemas.masking import mask_secrets

if TYPE_CHECKING:  # a check reads no settings, and starts without
    from harvesters.manifests.settings import RepositorySettings

PLAIN: Final = {"100644", "100755"}
MODES: Final = {"120000": "a symbolic link", "160000": "a submodule", "040000": "a folder"}
MANIFESTS: Final = ("model.yaml", "model.yml", "*.model.yaml", "*.model.yml")
OWNERS: Final = {  # the first one counts
    "github": (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"),
    "gitlab": ("CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"),
}
DEEPEST: Final = 8
MOST_MANIFESTS: Final = 500
MOST_FOREIGN: Final = 1_000
LARGEST_MANIFEST: Final = 256 * 1024
LONGEST_PATH: Final = 400  # bytes, of the 1,024 of an identifier
SHOWN: Final = 80
UNNAMEABLE: Final = "path_unnameable"
LARGEST: Final = 1024 * 1024  # of foreign files


class Chosen(NamedTuple):
    """What is read, and what bears a name that is read but is not."""

    entries: Sequence[Entry]
    unread: Sequence[Unread]


def is_manifest(path: str) -> bool:
    """Does a file bear the name of a manifest? What is in it decides whether it is ours."""
    name = path.rpartition("/")[2]
    return any(fnmatchcase(name, glob) for glob in MANIFESTS)


def choose(entries: Iterable[Entry], settings: "RepositorySettings", *, dialect: str) -> Chosen:
    """The files to read: manifests first, then CODEOWNERS, then those of others, by path.

    Without a manifest there is nothing that the others could add to, unless they make models.
    """
    manifests: list[Entry] = []
    foreign: list[Entry] = []
    owners: list[Entry] = []
    unread: list[Unread] = []
    for entry in entries:
        ours = is_manifest(entry.path)
        owning = entry.path in OWNERS[dialect]
        if not (ours or owning or _is_foreign(entry.path, settings)):
            continue
        if (why := _why_not(entry, most=LARGEST_MANIFEST if ours else LARGEST)) is not None:
            unread.append(why)
            continue
        (manifests if ours else owners if owning else foreign).append(entry)
    if not manifests and "create" not in settings.foreign.values():
        return Chosen(
            [], [one for one in unread if is_manifest(one.path) or one.code == UNNAMEABLE]
        )
    manifests.sort(key=_by_path)
    foreign.sort(key=_by_path)
    owners.sort(key=lambda entry: OWNERS[dialect].index(entry.path))
    for rest, most in ((manifests, MOST_MANIFESTS), (foreign, MOST_FOREIGN)):
        unread += [
            Unread(entry.path, "too_many_files", f"only {most:,} such files are read")
            for entry in rest[most:]
        ]
    chosen = [*manifests[:MOST_MANIFESTS], *owners[:1], *foreign[:MOST_FOREIGN]]
    return Chosen(chosen, unread)


def _is_foreign(path: str, settings: "RepositorySettings") -> bool:
    return any(one.matches(path) and settings.treatment(one.name) != "ignore" for one in FORMATS)


def _why_not(entry: Entry, *, most: int) -> Unread | None:
    if not is_nameable(entry.path):
        message = f"has a path longer than {LONGEST_PATH} bytes, or with control characters"
        return Unread(f"{shown(entry.path)[:SHOWN]}…", UNNAMEABLE, message)
    if entry.mode not in PLAIN:
        what = MODES.get(entry.mode, "something else")
        return Unread(entry.path, "not_a_file", f"is {what}, and only plain files are read")
    if entry.path.count("/") > DEEPEST:
        message = f"lies more than {DEEPEST} folders deep"
        return Unread(entry.path, "too_deep", message)
    if entry.size is not None and entry.size > most:
        return Unread(entry.path, "too_large", f"is larger than {most:,} bytes")
    return None


def is_nameable(path: str) -> bool:
    """Can it stand in an identifier, beside another path and a repository?"""
    try:
        written = encoded(canonical_text(path))
        return len(written.encode()) <= LONGEST_PATH and mask_secrets(written) == written
    except ValueError:
        return False


def _by_path(entry: Entry) -> tuple[int, str]:
    """The shallow ones first: they stand for more."""
    return entry.path.count("/"), entry.path
