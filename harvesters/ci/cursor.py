"""Where a harvest of builds goes on: until when it read, what was open, what it need not ask."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from harvesters.moments import read_moment

FORMAT: Final = 1
MOST_OPEN: Final = 800
MOST_ASKED: Final = 2_400
MOST_BEHIND: Final = 200
MARK: Final = 8  # hex digits


class BuildCursor(NamedTuple):
    """`read_at`, `reread_at`: when all was read that is new, and all that is not too old.

    `open`: numbers of repositories and builds. `behind`: since when a repository was not read.
    `asked`: marks of commits without a build, so that none is asked for twice.
    """

    until: datetime | None = None
    read_at: datetime | None = None
    reread_at: datetime | None = None
    open: tuple[tuple[str, str], ...] = ()
    behind: Mapping[str, datetime] = {}
    asked: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str | None) -> "BuildCursor":
        """What was written; nothing of what cannot be read."""
        try:
            said = json.loads(text or "")
        except ValueError:
            return cls()
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            return cls()
        behind = said.get("behind")
        stood = behind.items() if isinstance(behind, dict) else ()
        return cls(
            read_moment(said.get("until")),
            read_moment(said.get("read_at")),
            read_moment(said.get("reread_at")),
            tuple(_open(said.get("open"))),
            {str(key): at for key, value in stood if (at := read_moment(value)) is not None},
            tuple(_marks(said.get("asked"))),
        )

    def text(self) -> str:
        """As it travels; the newest stay where there are too many."""
        marks = "".join(self.asked[-MOST_ASKED:])
        newest = sorted(self.open, key=lambda one: (len(one[1]), one[1]))[-MOST_OPEN:]
        said: dict[str, Any] = {
            "format": FORMAT,
            "until": _written(self.until),
            "read_at": _written(self.read_at),
            "reread_at": _written(self.reread_at),
            "open": [f"{number}/{build}" for number, build in newest],
        }
        if self.behind:
            said["behind"] = {key: _written(at) for key, at in sorted(self.behind.items())}
        return json.dumps(said | ({"asked": marks} if marks else {}), separators=(",", ":"))

    def is_fresh(self, now: datetime, seconds: int) -> bool:
        """Was all that is new read within the interval?"""
        return self.read_at is not None and now - self.read_at < timedelta(seconds=seconds)


def mark_of(number: str, commit: str) -> str:
    """What stands for a commit of a repository among those that were asked for."""
    return hashlib.sha256(f"{number}/{commit}".encode()).hexdigest()[:MARK]


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _open(listed: Any) -> Iterator[tuple[str, str]]:
    for one in listed if isinstance(listed, list) else ():
        number, slash, build = str(one).partition("/")
        if slash and number.isdigit() and build.isdigit():
            yield number, build


def _marks(text: Any) -> Iterable[str]:
    if not isinstance(text, str):
        return ()
    return [text[at : at + MARK] for at in range(0, len(text) - MARK + 1, MARK)]
