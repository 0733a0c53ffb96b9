"""What keeps one caller, or all of them, from taking the whole service: 429 and 503 in time."""

from asyncio import Semaphore
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any, ClassVar, Final

from service.errors import CatalogError, Unavailable

BATCHES: Final = 4  # of twelve threads: the others go on answering
MOST_WAITING: Final = 16  # batches; each holds its body in memory
MOST_RUNNING: Final = 400  # requests of all kinds
REMEMBERED: Final = 10_000  # tokens; who is forgotten begins anew
ALWAYS: Final = "/livez"  # needs no thread and no database

Scope = Any
App = Callable[..., Any]


class TooManyRequests(CatalogError):
    """The token sends more requests than it may.

    Wait as long as `Retry-After` says, then go on more slowly. An operator can set another limit:
    `MODEL_CATALOG_REQUESTS_PER_SECOND`.
    """

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "1"}  # at least one is free by then


class Overloaded(Unavailable):
    """The service has more to do than it can at the moment.

    Nothing was changed. Try again as `Retry-After` says.
    """


class Buckets:
    """For each caller how many requests it may send now: filled steadily, up to a burst."""

    def __init__(self, rate: float, burst: int) -> None:
        """`rate` requests a second on average, `burst` at once."""
        self.rate, self.burst = rate, burst
        self._left: OrderedDict[int, tuple[float, float]] = OrderedDict()

    def take(self, caller: int, *, now: float) -> bool:
        """May this caller send one more request?"""
        left, then = self._left.pop(caller, (float(self.burst), now))
        left = min(self.burst, left + (now - then) * self.rate)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > REMEMBERED:
            self._left.popitem(last=False)
        return allowed


class Limits:
    """Counts what runs. Everything happens in the event loop, so nothing is locked."""

    def __init__(self, rate: float, burst: int) -> None:
        """Nothing runs yet."""
        self.buckets = Buckets(rate, burst)
        self.running, self.batches = 0, 0
        self.refused = {"rate": 0, "overload": 0}
        self._lanes = Semaphore(BATCHES)

    def admit(self, caller: int | None) -> None:
        """Raises `TooManyRequests` and `Overloaded`."""
        if self.running >= MOST_RUNNING:
            self._refuse("overload", Overloaded(running=self.running))
        if caller is not None and not self.buckets.take(caller, now=monotonic()):
            self._refuse("rate", TooManyRequests())

    @asynccontextmanager
    async def batch(self) -> AsyncIterator[None]:
        """Wait for a lane, once the body is there. Raises `Overloaded` when many wait already."""
        if self.batches >= BATCHES + MOST_WAITING:
            self._refuse("overload", Overloaded(batches=self.batches))
        self.batches += 1
        try:
            async with self._lanes:
                yield
        finally:
            self.batches -= 1

    def _refuse(self, why: str, error: CatalogError) -> None:
        self.refused[why] += 1
        raise error


class Limited:
    """The ASGI wrapper that admits requests, or not."""

    def __init__(self, app: App, limits: Limits) -> None:
        """Inside the edge, which answers what is raised."""
        self.app, self.limits = app, limits

    async def __call__(  # noqa: PLR0917  # ASGI servers call it like this
        self, scope: Scope, receive: Any, send: Any
    ) -> None:
        """Serve one request, if there is room for it."""
        if scope["type"] != "http" or scope["path"] == ALWAYS:
            await self.app(scope, receive, send)
            return
        # The whole header, not the public id in it: who knows only that spends nobody's share.
        sent = dict(scope["headers"]).get(b"authorization")
        self.limits.admit(None if sent is None else hash(sent))
        self.limits.running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.limits.running -= 1
