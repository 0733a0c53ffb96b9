"""Builds bundles all the time, in a thread of its own beside the API or the worker."""

import os
import secrets
from socket import gethostname
from typing import Final

import sqlalchemy as sa
import structlog

from service.background import Background
from service.db import Database
from service.errors import CatalogError
from service.exports.jobs.building import build_waiting
from service.exports.jobs.lease import Builder
from service.exports.jobs.rights import export
from service.exports.jobs.tables import UNFINISHED
from service.ledger.notes import Keys

PAUSE_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 60.0  # between two tries that fail
LEAVING_SECONDS: Final = 5.0
CONNECTIONS: Final = 3  # what is read, how far it is, that it is held
log = structlog.get_logger()


class Bundler(Background):
    """Runs from `with` to its end; as many as you like may run on one database.

    What it builds when it ends is given back, or taken by another one once its hold is over.
    """

    def __init__(self, database: Database, keys: Keys, *, days: int) -> None:
        """Nothing runs yet; it takes connections of its own to the same database."""
        beside = database.beside(CONNECTIONS)
        super().__init__(beside, name="bundler", leaving_seconds=LEAVING_SECONDS)
        self.builder = Builder(beside, keys, days, worker_name(), self.stopping.is_set)
        self._failing, self._wait = "", PAUSE_SECONDS

    def turn(self) -> float:
        """Build what waits; answers how long to rest."""
        try:
            build_waiting(self.builder)
        except CatalogError as error:
            return self._failed(error)
        self._failing, self._wait = "", PAUSE_SECONDS
        return self._wait

    def _failed(self, error: CatalogError) -> float:
        self._wait = min(2 * self._wait, LONGEST_SECONDS)
        if error.code() != self._failing:
            log.error("building_fails", code=error.code(), facts=dict(error.facts))
            self._failing = error.code()
        return self._wait


def build_once(database: Database, keys: Keys, *, days: int, dry_run: bool = False) -> int:
    """Build what waits now, and say how many are there; a dry run counts what waits."""
    if dry_run:
        with database.reading() as session:
            waiting = sa.select(sa.func.count()).where(sa.text(UNFINISHED))
            return int(session.execute(waiting.select_from(export)).scalar_one())
    beside = database.beside(CONNECTIONS)
    try:
        return build_waiting(Builder(beside, keys, days, worker_name()))
    finally:
        beside.dispose()


def worker_name() -> str:
    """Who builds: another one each time it begins."""
    return f"{gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
