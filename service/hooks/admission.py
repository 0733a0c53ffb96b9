"""How many deliveries are taken at once, and how many of one source: a flood ends here.

They have threads and connections of their own: a sender gives up soon, and some never try again.
"""

from asyncio import Semaphore
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from time import monotonic
from typing import ClassVar, Final

from anyio import CapacityLimiter

from service.errors import CatalogError
from service.limits import Buckets

LANES: Final = 3  # beside twelve threads: reads go on answering
MOST_WAITING: Final = 100  # each holds its body in memory


class TooManyDeliveries(CatalogError):
    """More deliveries come than are taken.

    Send it again as `Retry-After` says; the next full harvest sees what got lost. An operator can
    set another limit: `MODEL_CATALOG_HOOK_REQUESTS_PER_SECOND`.
    """

    status = 429
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class Admission:
    """Lanes for all deliveries, a bucket for each source whose deliveries were proved.

    What is not proved spends nobody's share.
    """

    def __init__(self, rate: float, burst: int) -> None:
        """Nothing has come yet."""
        self._buckets, self._lock = Buckets(rate, burst), Lock()
        self.lane, self._inside = Semaphore(LANES), 0  # waited for once the body is there
        self.threads = CapacityLimiter(LANES)

    @contextmanager
    def room(self) -> Iterator[None]:
        """Make sure of it before the body is read: nobody has proved anything by then.

        Raises `TooManyDeliveries`.
        """
        if self._inside >= LANES + MOST_WAITING:
            raise TooManyDeliveries(waiting=self._inside)
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def admit(self, source: int) -> None:
        """Count a delivery that was proved. Raises `TooManyDeliveries`."""
        with self._lock:
            allowed = self._buckets.take(source, now=monotonic())
        if not allowed:
            raise TooManyDeliveries(source=source)
