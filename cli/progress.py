"""Shows on a terminal how far a harvest is, once it takes longer than two seconds."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, Final
from uuid import UUID

from harvesters.sink import HttpSink
from schemas.harvest import HarvestOpened, OpenHarvest
from schemas.observation import Receipt, Sighting, Wanted

QUIET_SECONDS: Final = 2.0


class Watched(HttpSink):
    """The service over HTTP; what passes on the way to it is counted and shown."""

    def __init__(self, url: str, token: str, *, source: str) -> None:
        """Nothing has passed yet."""
        super().__init__(url, token, source=source)
        self.begun, self.scope, self.seen, self.recorded = monotonic(), "", 0, 0
        self.bar: Any = None

    def open(self, asked: OpenHarvest, *, dry_run: bool) -> HarvestOpened:
        """Begin a scope."""
        self.scope, self.seen, self.recorded = asked.scope, 0, 0
        return super().open(asked, dry_run=dry_run)

    def sight(self, harvest: UUID, sightings: Sequence[Sighting]) -> Wanted:
        """Count what is seen."""
        wanted = super().sight(harvest, sightings)
        self.seen += len(sightings)
        self._show()
        return wanted

    def send(self, harvest: UUID, batch: bytes) -> Receipt:
        """Count what is sent."""
        receipt = super().send(harvest, batch)
        self.recorded += receipt.recorded
        self._show()
        return receipt

    def _show(self) -> None:
        if self.bar is None and sys.stderr.isatty() and monotonic() - self.begun > QUIET_SECONDS:
            self.bar = _started()
        if self.bar is not None:
            self.bar.update(f"{self.scope}: {self.seen:,} seen, {self.recorded:,} recorded")


@contextmanager
def watched(url: str, token: str, *, source: str) -> Iterator[Watched]:
    """The way to the service for the length of a block; the bar leaves nothing behind."""
    found = Watched(url, token, source=source)
    try:
        yield found
    finally:
        if found.bar is not None:
            found.bar.stop()


def _started() -> Any:
    from rich.console import Console

    color = None if os.environ.get("NO_COLOR") else "auto"
    bar = Console(stderr=True, color_system=color).status("")  # type: ignore[arg-type]  # literal
    bar.start()
    return bar
