"""Whose turn it is: several workers share the due sources, and no source is read twice at once."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from service.hooks.tables import HintRow
from service.ingest.hinting import TRIED, due_by
from service.ingest.tables import HarvestRow, ScopeRow, SourceRow
from service.operation.tables import TurnRow

HOLD: Final = timedelta(minutes=1)  # a worker that dies is replaced after this
FIRST_WAIT: Final = 60  # seconds after a failure; doubled by each further one
MOST_DOUBLED: Final = 16
SUCCESS: Final = (0, 1)  # 1: something was held back; reading it again at once changes nothing

# A harvest asks for the hints a moment before it opens: what comes in between waits for the next.
ASKED_BEFORE: Final = timedelta(seconds=5)

turn, source, scope, harvest, hint = (
    table.__table__ for table in (TurnRow, SourceRow, ScopeRow, HarvestRow, HintRow)
)


class Turn(NamedTuple):
    """A source that a worker has taken, and the credential it names."""

    source_id: int
    source: str
    credential: str | None


def take_turn(
    session: Session, worker: str, *, kinds: Collection[str], but: Collection[int] = ()
) -> Turn | None:
    """Take the source that has been due the longest and that nobody holds; None when none is."""
    _add_missing(session)
    free = sa.or_(turn.c.held_until.is_(None), turn.c.held_until < sa.func.clock_timestamp())
    due = (
        sa.select(turn.c.source_id)
        .join(source, source.c.id == turn.c.source_id)
        .where(source.c.enabled, source.c.kind.in_(sorted(kinds)), free)
        .where(turn.c.source_id.not_in(sorted(but)), due_at() <= sa.func.clock_timestamp())
        .order_by(due_at(), turn.c.source_id)
        .limit(1)
        .with_for_update(of=turn, skip_locked=True)
    )
    now = sa.func.clock_timestamp()
    taken = (
        sa.update(turn)
        .where(turn.c.source_id == due.scalar_subquery())
        .values(worker=worker, held_until=now + HOLD, begun_at=now, ended_at=None)
        .returning(turn.c.source_id)
    )
    found = session.execute(taken).scalar_one_or_none()
    if found is None:
        return None
    named = sa.select(source.c.id, source.c.name, source.c.credential).where(source.c.id == found)
    return Turn(*session.execute(named).one())


def hold_turns(session: Session, worker: str, *, sources: Iterable[int]) -> None:
    """Go on holding what is being read."""
    session.execute(
        sa.update(turn)
        .where(turn.c.worker == worker, turn.c.source_id.in_(sorted(sources)))
        .values(held_until=sa.func.clock_timestamp() + HOLD)
    )


def end_turn(session: Session, worker: str, *, source_id: int, exit_code: int | None) -> None:
    """Give a source back; without an exit code it was stopped, and is due as it was before."""
    ended: dict[str, Any] = {"worker": None, "held_until": None}
    if exit_code is not None:
        failures = 0 if exit_code in SUCCESS else turn.c.failures + 1
        now = sa.func.clock_timestamp()
        ended |= {"ended_at": now, "exit_code": exit_code, "failures": failures}
    session.execute(
        sa.update(turn).where(turn.c.source_id == source_id, turn.c.worker == worker).values(ended)
    )


def due_at() -> sa.ColumnElement[datetime]:
    """When a source is due: its interval after it was last read, or a while after it failed.

    Read by anybody: a harvest that cron ran counts too. The wait after a failure doubles, up to
    the interval. A hint makes it due at once, one that the last harvest left open a while later.
    """
    interval = source.c.expected_interval_seconds
    doubled = FIRST_WAIT * sa.func.power(2, sa.func.least(turn.c.failures - 1, MOST_DOUBLED))
    waited = turn.c.ended_at + _lasting(sa.func.least(interval, doubled))
    ended = sa.case((turn.c.ended_at.is_not(None), turn.c.begun_at))  # else its worker died
    read = sa.func.greatest(ended, last_complete()) + _lasting(interval)
    since_ever = sa.func.to_timestamp(0)
    sooner = sa.func.least(sa.func.coalesce(read, since_ever), hinted_at(ended))
    due: sa.ColumnElement[datetime] = sa.func.coalesce(
        sa.case((turn.c.failures > 0, waited), else_=sooner), since_ever
    )
    return due


def hinted_at(begun: sa.ColumnElement[datetime]) -> sa.ScalarSelect[datetime]:
    """When a source is due by hints that came after its last harvest began; NULL without any.

    What that harvest left open makes it due again a few times, and then no more.
    """
    opened = (
        sa.select(sa.func.max(harvest.c.opened_at))
        .join(scope, scope.c.id == harvest.c.scope_id)
        .where(scope.c.source_id == source.c.id, ~harvest.c.dry_run)
        .where(sa.or_(turn.c.ended_at.is_(None), harvest.c.opened_at > turn.c.ended_at))
        .correlate(source, turn)
        .scalar_subquery()
    )
    asked = sa.func.coalesce(
        sa.func.greatest(begun, opened - ASKED_BEFORE), sa.func.to_timestamp(0)
    )
    recent = sa.func.least(asked, sa.func.clock_timestamp() - TRIED)
    return (
        sa.select(sa.func.min(due_by(asked)))
        .where(hint.c.source_id == source.c.id)
        .where(hint.c.settled_at.is_(None), hint.c.received_at > recent)
        .correlate(source, turn)
        .scalar_subquery()
    )


def _lasting(seconds: sa.ColumnElement[Any]) -> sa.ColumnElement[timedelta]:
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds, type_=sa.Interval())


def last_complete() -> sa.ScalarSelect[datetime]:
    """When the latest complete harvest of any scope of a source ended."""
    ended = sa.func.greatest(scope.c.full_closed_at, scope.c.delta_closed_at)
    return (
        sa.select(sa.func.max(ended))
        .where(scope.c.source_id == source.c.id)
        .correlate(source)
        .scalar_subquery()
    )


def _add_missing(session: Session) -> None:
    known = sa.exists().where(turn.c.source_id == source.c.id)
    new = sa.select(source.c.id, sa.literal(0)).where(~known).order_by(source.c.id)
    added = insert(turn).from_select(["source_id", "failures"], new)
    session.execute(added.on_conflict_do_nothing())
