"""Sends events all the time, in a thread of its own beside the worker's harvests."""

from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

import structlog

from service.db import Database
from service.errors import CatalogError
from service.outgoing.post import Sender
from service.outgoing.sending import Sent, send_waiting

PAUSE_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0  # between two tries that fail
LEAVING_SECONDS: Final = 5.0

log = structlog.get_logger()


class Courier:
    """Runs from `with` to its end; as many as you like may run on one database.

    One that is cut short while it sends leaves its deliveries to the others: they go out again.
    """

    def __init__(self, database: Database, sender: Sender) -> None:
        """Nothing runs yet; it takes one connection of its own to the same database."""
        self.database, self.sender = database.beside(1), sender
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="courier", daemon=True)
        self._failing, self._wait = "", PAUSE_SECONDS

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End after what is being sent; nobody waits for a slow receiver for long."""
        self._stopping.set()
        self._thread.join(LEAVING_SECONDS)
        self.sender.client.close()
        self.database.dispose()

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = self.turn()

    def turn(self) -> float:
        """Send what waits; answers how long to rest."""
        try:
            done = send_waiting(self.database, self.sender, stopping=self._stopping.is_set)
        except CatalogError as error:
            return self._failed(error)
        self._failing, self._wait = "", PAUSE_SECONDS
        if done != Sent():
            log.info("events_sent", **done._asdict())
        return self._wait

    def _failed(self, error: CatalogError) -> float:
        self._wait = min(2 * self._wait, LONGEST_SECONDS)
        if error.code() != self._failing:
            log.error("sending_fails", code=error.code(), facts=dict(error.facts))
            self._failing = error.code()
        return self._wait
