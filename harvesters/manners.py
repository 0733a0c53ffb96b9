"""How a client of an API behaves: how fast, how patient, and what it knows of time."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

import httpx2

from outbound.client import USUAL, Limits

A_SECOND: Final = 10.0  # requests, after a burst of as many
PATIENCE: Final = 8 * 60.0  # of waiting for one answer; the runner gives a page ten minutes


class Waiting(NamedTuple):
    """A source asks to be left alone for so many seconds; why, for people."""

    seconds: float
    why: str
    guessed: bool = False  # it did not say how long: twice as long each time


# Whether an answer asks to wait, in a way of this source's own.
Limiter = Callable[[httpx2.Response, datetime], Waiting | None]


class Clock(NamedTuple):
    """What a client knows of time; tests bring their own."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Manners(NamedTuple):
    """How a client asks."""

    headers: Mapping[str, str] = {}
    limiter: Limiter | None = None
    limits: Limits = USUAL
    a_second: float = A_SECOND
    patience: float = PATIENCE
    clock: Clock = Clock()


USUAL_MANNERS: Final = Manners()
