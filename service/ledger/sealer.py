"""Seals all the time, in a thread of its own beside the API or the worker."""

from time import monotonic
from typing import Final

import structlog

from service.background import Background
from service.db import Database
from service.errors import CatalogError
from service.ledger.notes import Keys
from service.ledger.sealing import LedgerDiffers, Pass, Sealed, as_sealer, seal_some

PAUSE_SECONDS: Final = 0.1
SHARE: Final = 4  # rests that many times as long as a pass took: beside it others have work to do
LONGEST_SECONDS: Final = 60.0  # between two tries that fail
LOOK_SECONDS: Final = 3_600.0  # then every change is looked at again, as after a start
LEAVING_SECONDS: Final = 5.0

log = structlog.get_logger()


class Sealer(Background):
    """Runs from `with` to its end. What fails is said once and tried again; nobody waits for it.

    As many as you like may run on one database: one of them seals, the others see it.
    """

    def __init__(self, database: Database, keys: Keys) -> None:
        """Nothing runs yet; it takes one connection of its own to the same database."""
        super().__init__(as_sealer(database), name="sealer", leaving_seconds=LEAVING_SECONDS)
        self.keys = keys
        self._state: Sealed | None = None
        self._looked = monotonic()
        self._failing, self._wait = "", PAUSE_SECONDS

    def turn(self) -> float:
        """One pass; answers how long to rest."""
        if self._state is not None and monotonic() - self._looked >= LOOK_SECONDS:
            self._state, self._looked = self._state._replace(horizon=(0, 0)), monotonic()
        begun = monotonic()
        try:
            done = self.database.transact(
                lambda session: seal_some(session, self._state, keys=self.keys)
            )
        except (CatalogError, LedgerDiffers) as error:
            return self._failed(error)
        return self._done(done, monotonic() - begun)

    def _done(self, done: Pass, seconds: float) -> float:
        self._state, self._wait = done.state, PAUSE_SECONDS
        if self._failing:
            log.info("sealing_goes_on", after=self._failing)
            self._failing = ""
        return 0.0 if done.more else max(PAUSE_SECONDS, SHARE * seconds)

    def _failed(self, error: CatalogError | LedgerDiffers) -> float:
        facts: dict[str, object]
        if isinstance(error, LedgerDiffers):
            code, facts, self._state = "ledger_differs", {"cause": str(error)}, None
            self._wait = LONGEST_SECONDS
        else:
            code, facts = error.code(), dict(error.facts)
            self._wait = min(2 * self._wait, LONGEST_SECONDS)
        if code != self._failing:
            log.error("sealing_fails", code=code, facts=facts)
            self._failing = code
        return self._wait
