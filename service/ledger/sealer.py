"""Seals all the time, in a thread of its own beside the API or the worker."""

from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Final, Self

import structlog

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


class Sealer:
    """Runs from `with` to its end. What fails is said once and tried again; nobody waits for it.

    As many as you like may run on one database: one of them seals, the others see it.
    """

    def __init__(self, database: Database, keys: Keys) -> None:
        """Nothing runs yet; it takes one connection of its own to the same database."""
        self.database, self.keys = as_sealer(database), keys
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="sealer", daemon=True)
        self._state: Sealed | None = None
        self._looked = monotonic()
        self._failing, self._wait = "", PAUSE_SECONDS

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End after the pass that is under way."""
        self._stopping.set()
        self._thread.join(LEAVING_SECONDS)
        self.database.dispose()

    def _run(self) -> None:
        wait = 0.0
        while not self._stopping.wait(wait):
            wait = self.turn()

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
