"""Makes the edits that need no thought: whole files are replaced at once, never through a link."""

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path
from typing import Final, NamedTuple

from harvesters.manifests.problems import Problem, apply_edits, text_of

MOST_ROUNDS: Final = 20  # each one mends at least one thing; overlapping edits need several

NO_NEWLINE: Final = "\\ No newline at end of file"

Read = Callable[[bytes], Sequence[Problem]]


class Mended(NamedTuple):
    """A file before and after, and what was done to it."""

    before: bytes
    after: bytes
    done: tuple[Problem, ...]

    @property
    def changed(self) -> bool:
        """Is there anything to write?"""
        return self.before != self.after


class NotWritten(Exception):  # reads as a sentence
    """A file could not be replaced; it is as it was."""


def mend(raw: bytes, read: Read) -> Mended:
    """Make every edit that reading proposes, until none is left or nothing changes any more."""
    now, done = raw, list[Problem]()
    for _ in range(MOST_ROUNDS):
        mendable = [one for one in read(now) if one.edit is not None]
        after = apply_edits(now, [one.edit for one in mendable if one.edit is not None])
        if after == now:
            break
        done += (one for one in mendable if one not in done)
        now = after
    return Mended(raw, now, tuple(done))


def replace_file(path: Path, mended: Mended) -> None:
    """Write it beside the file and move it there. Raises `NotWritten` when the file has changed.

    It keeps its rights, and its owner where that is allowed.
    """
    if path.is_symlink():
        raise NotWritten("is a symbolic link")
    if not os.access(path, os.W_OK):  # moving another file there would ask the folder alone
        raise NotWritten("is write-protected")
    try:
        kept = path.stat()
        if path.read_bytes() != mended.before:
            raise NotWritten("has changed meanwhile")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise NotWritten(f"cannot be written: {error.strerror or error}") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(mended.after)
            os.fchmod(file.fileno(), kept.st_mode & 0o7777)
            with suppress(PermissionError):
                os.fchown(file.fileno(), kept.st_uid, kept.st_gid)
            os.fsync(file.fileno())
        Path(name).replace(path)  # of a link put there meanwhile, the link is replaced
    except OSError as error:
        raise NotWritten(f"cannot be written: {error.strerror or error}") from None
    finally:
        Path(name).unlink(missing_ok=True)


def difference(shown: str, mended: Mended) -> str:
    """What `--fix` would do, as `diff -u` writes it."""
    before, after = (
        (text_of(raw) or "").splitlines(keepends=True) for raw in (mended.before, mended.after)
    )
    lines = unified_diff(list(before), list(after), f"a/{shown}", f"b/{shown}")
    text = "".join(line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}\n" for line in lines)
    return text or f"--- a/{shown}\n+++ b/{shown}\n(line ends and encoding only)\n"
