"""Where the harvests of a Jenkins stand: until when, what was open, and what was not looked at."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field, ValidationError

from harvesters.ci.jenkins.names import Path, Place, read, written
from schemas.strict import Closed, Count, Instant, Word, instant_text

SLACK: Final = timedelta(minutes=5)  # clocks differ, and a walk takes a while
PREFIX: Final = 12  # letters of a commit that tell it from others
# Characters of JSON each; a cursor has 65,536.
ROOM: Final[Mapping[str, int]] = {"open": 24_000, "behind": 12_000, "sought": 24_000}
One = TypeVar("One")


class OpenBuild(Closed):
    """A build that had not ended: `job` as it stands in identifiers."""

    job: Word
    number: Count
    began: Instant

    @property
    def place(self) -> Place:
        """Where it is asked for."""
        return Place(read(self.job), self.number)


class Cursor(Closed):
    """`told`: by which settings. `behind`: folders and jobs that were not readable, since when.

    `sought`: commits, shortly, of which builds were looked for further back, and none was found.
    """

    format: Literal[1] = 1
    told: Word
    until: Instant
    open: Annotated[tuple[OpenBuild, ...], Field(max_length=2_000)] = ()
    behind: dict[Word, Instant | None] = Field(default={}, max_length=1_000)
    sought: Annotated[tuple[Word, ...], Field(max_length=3_000)] = ()

    def since(self, path: Path) -> datetime | None:
        """From when on builds of a job were not looked at; None: none of them ever was."""
        for deep in range(len(path) + 1):
            above = written(path[:deep]) or "/"
            if above in self.behind:
                before = self.behind[above]
                return None if before is None else before - SLACK
        return self.until - SLACK


def read_cursor(text: str | None, *, told: str) -> Cursor | None:
    """A stored cursor; one of another format or of other settings means none."""
    try:
        found = Cursor.model_validate_json(text) if text else None
    except ValidationError:
        return None
    return found if found is not None and found.told == told else None


class Progress:
    """What a harvest learns for its cursor."""

    def __init__(self, before: Cursor | None, *, told: str) -> None:
        """From where the last one ended."""
        self.before, self.told = before, told
        self.open: dict[Place, datetime] = {}
        self.behind: dict[str, datetime | None] = {}
        self.sought: set[str] = set()
        self.told_of: set[Place] = set()  # builds that were read

    def fail(self, path: Path) -> None:
        """It was not read: the next harvest begins there where this one should have."""
        before = self.before
        at = None if before is None else before.since(path)
        self.behind[written(path) or "/"] = None if at is None else at + SLACK

    def written(self, until: datetime) -> tuple[str, int]:
        """The cursor, and how much of it there was no room for.

        What stays open and is not remembered holds back the time instead.
        """
        newest = sorted(self.open.items(), key=lambda one: one[1], reverse=True)
        opened = [
            {"job": written(at.path), "number": at.number, "began": instant_text(began)}
            for at, began in newest
        ]
        kept = fitting(opened, ROOM["open"])
        until = min([until, *(began for _, began in newest[len(kept) :])])
        behind = [(path, at and instant_text(at)) for path, at in sorted(self.behind.items())]
        known = fitting(behind, ROOM["behind"])
        sought = fitting(sorted(self.sought), ROOM["sought"])
        left = len(behind) - len(known) + len(self.sought) - len(sought)
        document: dict[str, Any] = {
            "format": 1, "told": self.told, "until": instant_text(until), "open": kept,
            "behind": dict(known), "sought": sought,
        }  # fmt: skip
        return json.dumps(document), left


def fitting(found: Iterable[One], room: int) -> list[One]:
    """As many as have room, in their order."""
    kept: list[One] = []
    for one in found:
        room -= len(json.dumps(one)) + 2
        if room < 0:
            break
        kept.append(one)
    return kept


def short(commit: str) -> str:
    """Enough of a commit."""
    return commit[:PREFIX]
