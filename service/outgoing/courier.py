"""Sends events all the time, in a thread of its own beside the worker's harvests."""

from typing import Final

import structlog

from service.background import Background
from service.db import Database
from service.errors import CatalogError
from service.outgoing.post import Sender
from service.outgoing.sending import Sent, send_waiting

PAUSE_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0  # between two tries that fail
LEAVING_SECONDS: Final = 5.0

log = structlog.get_logger()


class Courier(Background):
    """Runs from `with` to its end; as many as you like may run on one database.

    One that is cut short while it sends leaves its deliveries to the others: they go out again.
    """

    def __init__(self, database: Database, sender: Sender) -> None:
        """Nothing runs yet; it takes one connection of its own to the same database."""
        super().__init__(database.beside(1), name="courier", leaving_seconds=LEAVING_SECONDS)
        self.sender = sender
        self._failing, self._wait = "", PAUSE_SECONDS

    def turn(self) -> float:
        """Send what waits; answers how long to rest."""
        try:
            done = send_waiting(self.database, self.sender, stopping=self.stopping.is_set)
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

    def left(self) -> None:
        """Nobody waits for a slow receiver for long."""
        self.sender.client.close()
        super().left()
