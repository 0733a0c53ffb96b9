"""What a working copy says of its repository: remote and head. No hook runs, nobody is asked."""

import os
import re
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from schemas.canonical import canonical_repository_url

SECONDS: Final = 10
COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?", re.ASCII)
SAFE: Final = (
    "git", "--no-optional-locks", "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
    "-c", "protocol.allow=never",
)  # fmt: skip


class WorkingCopy(NamedTuple):
    """A folder with a repository in it. `url` is canonical, without a credential."""

    root: Path
    url: str | None = None
    head: str | None = None


def find_working_copy(folder: Path) -> WorkingCopy | None:
    """The repository that a folder lies in; what git does not tell is left out."""
    here = folder.resolve()
    root = next((up for up in (here, *here.parents) if (up / ".git").exists()), None)
    if root is None:
        return None
    remote = _asked(root, "config", "--local", "--get", "remote.origin.url")
    head = _asked(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return WorkingCopy(root, _canonical(remote), head if COMMIT.fullmatch(head) else None)


def _asked(root: Path, *words: str) -> str:
    """What git prints; nothing where it refuses, hangs or is not installed.

    Variables that point git to another repository, or to programs, are left out.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GIT_")}
    told = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603  # fixed words; the folder is an argument of its own
            [*SAFE, "-C", str(root), *words], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=SECONDS, check=False, env=kept | told,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""


def _canonical(remote: str) -> str | None:
    try:
        return canonical_repository_url(remote)
    except ValueError:  # a local path, or nothing at all
        return None
