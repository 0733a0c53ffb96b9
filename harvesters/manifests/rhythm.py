"""When a scope is read whole: at its source's interval, and not at each hint of a webhook."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from harvesters.base import Told
from schemas.harvest import Coverage, KnownSubject
from schemas.hooks import About, Hint

FORMAT: Final = 1
USUAL: Final = 3_600  # seconds, of a source that says nothing else


def names_one(hint: Hint) -> bool:
    """Does a hint say which repository?"""
    return hint.repository is not None or hint.url is not None


def cursor_of(began: datetime) -> str:
    """The cursor of a scope that was read whole."""
    return json.dumps({"format": FORMAT, "last_full": began.isoformat()})


def is_fresh(cursor: str | None, *, now: datetime, seconds: int) -> bool:
    """Was the scope read whole within the interval?"""
    try:
        read = json.loads(cursor or "")
        last = datetime.fromisoformat(read["last_full"]) if read["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError):
        return False
    return last is not None and now - last < timedelta(seconds=seconds)


class Unhurried:
    """A scope without repositories: what webhooks hint at is nothing of its own."""

    coverage: Coverage = Coverage.FULL
    settled: Sequence[int] = ()
    follows: Sequence[About] = ()
    seconds: int = USUAL  # the source's interval
    clock: Callable[[], datetime]
    hinted = False

    def hint(self, hints: Sequence[Hint]) -> None:
        """Whatever they name, it is not here; one that names nothing may be."""
        self.hinted = bool(hints) and all(map(names_one, hints))

    def choose(self, full_cursor: str | None) -> None:
        """Nothing is read for the sake of hints, as long as all was within the interval."""
        fresh = self.hinted and is_fresh(full_cursor, now=self.clock(), seconds=self.seconds)
        self.coverage = Coverage.DELTA if fresh else Coverage.FULL

    def compare(self, known: Sequence[KnownSubject]) -> Iterator[Told]:
        """Nothing was looked at."""
        del known
        return iter(())
