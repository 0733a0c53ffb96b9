"""Work that goes on beside the API or the worker: a thread that takes one turn after the other."""

from abc import ABC, abstractmethod
from threading import Event, Thread
from types import TracebackType
from typing import Self

from service.db import Database


class Background(ABC):
    """Runs from `with` to its end; it has connections of its own to the same database.

    It ends after the turn that is under way, or when it has waited for it for long enough.
    """

    def __init__(self, database: Database, *, name: str, leaving_seconds: float) -> None:
        """Nothing runs yet."""
        self.database, self._leaving = database, leaving_seconds
        self.stopping = Event()
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End."""
        self.stopping.set()
        self._thread.join(self._leaving)
        self.left()

    def _run(self) -> None:
        wait = 0.0
        while not self.stopping.wait(wait):
            wait = self.turn()

    @abstractmethod
    def turn(self) -> float:
        """Do what waits; answers how many seconds to rest."""

    def left(self) -> None:
        """Give back what was held."""
        self.database.dispose()
