"""Opening a harvest, keeping it alive, and finding it again: leases, cursors, expiry."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.harvest import Coverage, HarvestOpened, Limits, OpenHarvest, Outcome
from schemas.strict import instant_text
from service.errors import Conflict, NotFound
from service.ingest.absence import live_in_scope
from service.ingest.sources import SourceFacts
from service.ingest.tables import HarvestRow, PlanRow, ScopeRow, SeenRow

LEASE: Final = timedelta(minutes=5)
LIMITS: Final = Limits()

harvest, scope, seen, plan = (table.__table__ for table in (HarvestRow, ScopeRow, SeenRow, PlanRow))


class HarvestNotFound(NotFound):
    """No harvest of this source has this id.

    Open one with `POST /api/v1/sources/{source}/harvests`.
    """


class HarvestRunning(Conflict):
    """Another harvest of this scope is running.

    Wait until its lease ends, which `detail` names, or until it closes.
    """


class HarvestIdTaken(Conflict):
    """This id names another harvest.

    Make a new UUID of version 7 for each harvest; the same id is only for repeating a request.
    """


class HarvestOver(Conflict):
    """The harvest is closed, or its lease is over.

    What was acknowledged is kept. Open a new harvest and read the source again.
    """


class SourceDisabled(Conflict):
    """The source is disabled.

    An admin enables it again with `model-catalog source apply`.
    """


class OpenedHarvest(NamedTuple):
    """An open harvest, locked, and the scope of a source that it reads."""

    id: UUID
    source: SourceFacts
    scope_id: int
    scope: str
    coverage: Coverage
    dry_run: bool
    opened_at: datetime
    full_opened_at: datetime | None
    harvester_version: str


def open_harvest(
    session: Session, source: SourceFacts, *, asked: OpenHarvest, dry_run: bool
) -> HarvestOpened:
    """Begin a harvest under the client's id; the same id answers the same again.

    Raises `HarvestRunning` while another one of the scope holds the lease, `HarvestIdTaken` when
    the id is that of something else, `HarvestOver` when the harvest has ended.
    """
    if not source.enabled:
        raise SourceDisabled(source=source.name)
    scope_id = _scope(session, source, name=asked.scope)
    _expire(session, scope_id)
    found = session.execute(_select(asked.harvest)).mappings().one_or_none()
    if found is not None:
        return _opened_before(session, found, asked=(scope_id, asked.coverage, dry_run))
    if not dry_run and (running := _running(session, scope_id)):
        until = instant_text(running.lease_until)
        raise HarvestRunning(
            detail=f"Harvest {running.id} holds the lease until {until}.", until=until
        )
    if not dry_run:
        _note_follows(session, scope_id, asked=asked)
    session.execute(
        sa.insert(harvest).values(
            id=asked.harvest,
            scope_id=scope_id,
            coverage=asked.coverage.value,
            harvester_version=asked.harvester_version,
            dry_run=dry_run,
            opened_at=sa.func.clock_timestamp(),
            lease_until=sa.func.clock_timestamp() + LEASE,
        )
    )
    return _opened(session, session.execute(_select(asked.harvest)).mappings().one())


def lock_harvest(session: Session, source: SourceFacts, *, harvest_id: UUID) -> OpenedHarvest:
    """Lock an open harvest and extend its lease: every request is a heartbeat.

    Raises `HarvestNotFound` for another source's, `HarvestOver` when it is closed or expired.
    """
    found = find_harvest(session, source, harvest_id=harvest_id, lock=True)
    if found["closed_at"] is not None or found["lease_until"] < found["now"]:
        raise HarvestOver(harvest=harvest_id)
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == harvest_id)
        .values(lease_until=sa.func.clock_timestamp() + LEASE)
    )
    return as_opened(found, source)


def find_harvest(
    session: Session, source: SourceFacts, *, harvest_id: UUID, lock: bool = False
) -> Any:
    """A harvest of this source with its scope, closed or not."""
    query = _select(harvest_id).where(scope.c.source_id == source.id)
    if lock:
        query = query.with_for_update(of=harvest)
    found = session.execute(query).mappings().one_or_none()
    if found is None:
        raise HarvestNotFound(harvest=harvest_id, source=source.name)
    return found


def as_opened(found: Any, source: SourceFacts) -> OpenedHarvest:
    """The columns that the way in needs."""
    return OpenedHarvest(
        found["id"],
        source,
        found["scope_id"],
        found["scope"],
        Coverage(found["coverage"]),
        found["dry_run"],
        found["opened_at"],
        found["full_opened_at"],
        found["harvester_version"],
    )


def alive(session: Session, opened: OpenedHarvest) -> HarvestOpened:
    """What a heartbeat answers: the harvest as it was opened, with its new lease."""
    return _opened(session, session.execute(_select(opened.id)).mappings().one())


def forget(session: Session, harvest_id: UUID) -> None:
    """Drop what an ended harvest no longer needs."""
    session.execute(sa.delete(seen).where(seen.c.harvest_id == harvest_id))
    session.execute(sa.delete(plan).where(plan.c.harvest_id == harvest_id))


def _select(harvest_id: UUID) -> sa.Select[Any]:
    return (
        sa.select(
            harvest,
            scope.c.name.label("scope"),
            scope.c.full_cursor,
            scope.c.delta_cursor,
            scope.c.full_opened_at,
            sa.func.clock_timestamp().label("now"),
        )
        .join_from(harvest, scope, scope.c.id == harvest.c.scope_id)
        .where(harvest.c.id == harvest_id)
    )


def _scope(session: Session, source: SourceFacts, *, name: str) -> int:
    """The scope's row, made when it is first harvested and locked either way."""
    session.execute(insert(scope).values(source_id=source.id, name=name).on_conflict_do_nothing())
    found: int = session.execute(
        sa.select(scope.c.id)
        .where(scope.c.source_id == source.id, scope.c.name == name)
        .with_for_update(key_share=True)
    ).scalar_one()
    return found


def _note_follows(session: Session, scope_id: int, *, asked: OpenHarvest) -> None:
    """Which hints are left open for whoever reads the scope."""
    follows = None if asked.follows is None else sorted(set(asked.follows))
    other = scope.c.follows.is_distinct_from(sa.cast(follows, scope.c.follows.type))
    session.execute(sa.update(scope).where(scope.c.id == scope_id, other).values(follows=follows))


def _expire(session: Session, scope_id: int) -> None:
    """A harvest that was never closed failed when its lease ended: nothing retired, cursor kept.

    One that somebody has locked is in use, and lives: a close locks the harvest, then the scope.
    """
    idle = (
        sa.select(harvest.c.id)
        .where(
            harvest.c.scope_id == scope_id,
            harvest.c.closed_at.is_(None),
            harvest.c.lease_until < sa.func.clock_timestamp(),
        )
        .with_for_update(skip_locked=True)
    )
    over = session.execute(
        sa.update(harvest)
        .where(harvest.c.id.in_(idle))
        .values(closed_at=harvest.c.lease_until, outcome=Outcome.FAILED.value)
        .returning(harvest.c.id)
    )
    for (harvest_id,) in over.all():
        forget(session, harvest_id)


def _running(session: Session, scope_id: int) -> Any:
    return session.execute(
        sa.select(harvest.c.id, harvest.c.lease_until).where(
            harvest.c.scope_id == scope_id,
            harvest.c.closed_at.is_(None),
            ~harvest.c.dry_run,
        )
    ).first()


def _opened_before(
    session: Session, found: Any, *, asked: tuple[int, Coverage, bool]
) -> HarvestOpened:
    if (found["scope_id"], found["coverage"], found["dry_run"]) != asked:
        raise HarvestIdTaken(harvest=found["id"])
    if found["closed_at"] is not None:
        raise HarvestOver(harvest=found["id"])
    return _opened(session, found)


def _opened(session: Session, found: Any) -> HarvestOpened:
    full = found["coverage"] == Coverage.FULL
    live = session.execute(sa.select(live_in_scope(found["scope_id"]).exists())).scalar_one()
    return HarvestOpened(
        harvest=found["id"],
        cursor=found["full_cursor"] if full else found["delta_cursor"],
        limits=LIMITS,
        lease_until=found["lease_until"],
        dry_run=found["dry_run"],
        ever_seen=live,
    )
