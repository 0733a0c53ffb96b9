"""A worker's hold on the bundle that it builds: taken, kept, lost, given back."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.bundles import Profile
from schemas.queries import Dialect
from service.access.holders import Narrowing
from service.catalog.moments import read_settled
from service.db import Database
from service.errors import CatalogError
from service.exports.jobs.asking import clock
from service.exports.jobs.rights import export
from service.exports.review.reading import Moments
from service.ledger.notes import Keys

HOLD: Final = timedelta(minutes=1)  # a worker that dies is replaced after this
KEEP_SECONDS: Final = HOLD.total_seconds() / 3  # also while nothing is written: queries take time
BEAT_SECONDS: Final = 0.5  # how far it is, and whether it was cancelled


class Lost(Exception):
    """It was cancelled, or another worker has taken it; whoever builds it stops."""


class Stopped(Exception):
    """The worker is to end; another one builds it from the beginning."""


class Builder(NamedTuple):
    """A worker that builds bundles: on which database, signed by what, kept for how many days."""

    database: Database
    keys: Keys
    days: int
    worker: str
    stopping: Callable[[], bool] = bool  # never
    beat_seconds: float = BEAT_SECONDS


class Job(NamedTuple):
    """A bundle that a worker has taken."""

    id: UUID
    account_id: UUID
    asked_by: str
    narrowing: Narrowing
    profile: Profile
    dialect: Dialect
    filters: dict[str, str]
    moments: Moments
    file_name: str
    tries: int


def take_export(session: Session, worker: str) -> Job | None:
    """Take the oldest bundle that nobody builds; None when there is none.

    One waits until nobody can add to what was known at its moment any more: so that it is the same
    whenever it is built.
    """
    settled, _ = read_settled(session)
    if settled is None:
        return None
    over = export.c.held_until < clock()
    free = sa.or_(
        sa.and_(export.c.state == "QUEUED", sa.or_(export.c.held_until.is_(None), over)),
        sa.and_(export.c.state == "RUNNING", over),
    )
    oldest = (
        sa.select(export.c.id)
        .where(free, export.c.known_at < settled)
        .order_by(export.c.schedule.is_not(None), export.c.asked_at, export.c.id)  # people first
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taken = (
        sa.update(export)
        .where(export.c.id == oldest.scalar_subquery())
        .values(
            state="RUNNING", worker=worker, held_until=clock() + HOLD, begun_at=clock(),
            tries=export.c.tries + 1, file="", records=0,
        )
        .returning(*export.c)
    )  # fmt: skip
    found = session.execute(taken).one_or_none()
    return None if found is None else _job(found)


def _job(row: sa.Row[Any]) -> Job:
    return Job(
        row.id, row.account_id, row.asked_by, Narrowing(row.role, row.scopes, row.namespaces),
        row.profile, row.dialect, row.filters, Moments(row.as_of, row.known_at, row.since),
        row.file_name, row.tries,
    )  # fmt: skip


def change_held(session: Session, job: Job, *, worker: str, values: Mapping[str, Any]) -> bool:
    """Change a bundle that the worker still holds; answers whether it does."""
    ours = (export.c.id == job.id, export.c.worker == worker, export.c.state == "RUNNING")
    done: Any = session.execute(sa.update(export).where(*ours).values(dict(values)))
    return bool(done.rowcount)


class Lease:
    """Keeps the hold from `with` to its end, and says how far the bundle is.

    Each time in a short transaction of its own: what is built is read in one long one.
    """

    def __init__(self, builder: Builder, job: Job) -> None:
        """Nothing is written yet."""
        self.builder, self.job = builder, job
        self.place, self.lost, self._last = ("", 0), False, monotonic()
        self._ended = Event()
        self._thread = Thread(target=self._keep, name="lease", daemon=True)

    def __enter__(self) -> Self:
        """Begin to keep it."""
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Keep it no longer."""
        self._ended.set()
        self._thread.join()

    def advance(self, file: str, records: int) -> None:
        """Say how far it is. Raises `Lost`, `Stopped`."""
        self.place = file, records
        if self.builder.stopping():
            raise Stopped
        if not self.lost and monotonic() - self._last >= self.builder.beat_seconds:
            self.beat()
        if self.lost:
            raise Lost

    def beat(self) -> None:
        """Hold it for longer, if it is still ours."""
        self._last = monotonic()
        file, records = self.place
        held: dict[str, Any] = {"file": file, "records": records, "held_until": clock() + HOLD}
        self.lost |= not self.builder.database.transact(
            lambda session: change_held(session, self.job, worker=self.builder.worker, values=held)
        )

    def _keep(self) -> None:
        while not self._ended.wait(KEEP_SECONDS) and not self.lost:
            try:
                self.beat()
            except CatalogError:
                continue  # away; the build will see that too
