"""Reads a span of time in windows, where a listing ends after so many rows. Pure but for `ask`."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from harvesters.manifests.host import RepositoryUnreadable

SECOND: Final = timedelta(seconds=1)
MOST: Final = 2_000  # windows of one repository


class Listed(NamedTuple):
    """The rows of a window; not whole: there are more than the listing tells."""

    rows: Sequence[Any]
    whole: bool


Ask = Callable[[datetime, datetime], Listed]


def in_windows(
    since: datetime, until: datetime, *, ask: Ask, beyond: Callable[[], None] = lambda: None
) -> Iterator[Sequence[Any]]:
    """The rows between two times, both included, the newest window first.

    A window that is not told whole is halved, down to a second; `beyond` is called where even that
    one holds more. The listing's own count is not needed: it may lie. Raises `RepositoryUnreadable`
    for what never ends.
    """
    waiting = [(since.replace(microsecond=0), until.replace(microsecond=0))]
    asked = 0
    while waiting:
        first, last = waiting.pop()
        if last < first:
            continue
        asked += 1
        if asked > MOST:
            message = f"its builds do not end after {MOST:,} windows of time"
            raise RepositoryUnreadable("too_many_builds", message)
        listed = ask(first, last)
        if listed.whole or last - first < SECOND:
            if not listed.whole:
                beyond()
            yield listed.rows
            continue
        middle = (first + (last - first) / 2).replace(microsecond=0)
        waiting += [(first, middle), (middle + SECOND, last)]
