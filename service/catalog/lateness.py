"""Whose facts are stale, now or at a moment: sources that are disabled, scopes that are late.

A scope is late when two of its source's intervals have passed since its last complete harvest, or
since its first harvest where none was complete yet.
"""

from datetime import datetime
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.harvest import Outcome
from schemas.sources import SourceKind
from service.catalog.freshness import Freshness, Partly
from service.catalog.view import at
from service.db import Timestamp
from service.ingest.tables import AbsenceRow, HarvestRow, ScopeRow, SourceRow

MISSED: Final = 2  # intervals
PUSHED: Final = (SourceKind.CI.value, SourceKind.PERSON.value)  # nobody reads these by himself

absence, harvest, scope, source = (
    table.__table__ for table in (AbsenceRow, HarvestRow, ScopeRow, SourceRow)
)
NO_SCOPES: Final = sa.cast([], JSONB)


def read_freshness(session: Session, as_of: datetime | None = None) -> Freshness:
    """Who is late, or was: one short statement over sources and scopes."""
    found, unseen = session.execute(_present() if as_of is None else _select(as_of)).one()
    wholly, partly = set[str](), dict[str, Partly]()
    for one in found or ():
        pushed = one["kind"] in PUSHED
        if not one["enabled"] or (not one["on_time"] and not pushed):
            wholly.add(one["name"])
        else:
            partly[one["name"]] = Partly(one["id"], tuple(sorted(one["late"])))
    return Freshness(frozenset(wholly), partly, unseen)


@cache
def _present() -> sa.Select[Any]:
    """Made once: that takes longer than to run it."""
    return _select(None)


def _select(as_of: datetime | None) -> sa.Select[Any]:
    """Sources with something stale, as JSON; and is there anything that was missed and not gone?"""
    of = source if as_of is None else at(source, as_of)
    missed = absence if as_of is None else at(absence, as_of)
    when = sa.func.now() if as_of is None else sa.literal(as_of, Timestamp)
    last = last_complete() if as_of is None else _completed_then(when)
    late = is_late(last, _begun(when), interval=of.c.expected_interval_seconds, when=when)
    ids = sa.func.jsonb_agg(scope.c.id).filter(late)
    there = sa.true() if as_of is None else _begun(when).is_not(None)  # then, not since
    each = (
        sa.select(
            *of.c["id", "name", "kind", "enabled"],
            sa.func.coalesce(ids, NO_SCOPES).label("late"),
            sa.func.count(scope.c.id).filter(sa.and_(~late, there)).label("on_time"),
        )
        .outerjoin_from(of, scope, scope.c.source_id == of.c.id)
        .group_by(*of.c["id", "name", "kind", "enabled"])
        .having(sa.or_(~of.c.enabled, sa.func.bool_or(late)))
        .subquery("each")
    )
    found = sa.select(sa.func.jsonb_agg(sa.func.to_jsonb(sa.literal_column("each"))))
    return sa.select(
        found.select_from(each).scalar_subquery(),
        sa.exists().select_from(missed).where(missed.c.gone_since.is_(None)),
    )


def last_complete() -> sa.ColumnElement[datetime]:
    """When the latest complete harvest of a scope ended."""
    ended: sa.ColumnElement[datetime] = sa.func.greatest(
        scope.c.full_closed_at, scope.c.delta_closed_at
    )
    return ended


def lasting(seconds: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Seconds as an interval."""
    return sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


def is_late(
    last: sa.ColumnElement[Any],
    begun: sa.ColumnElement[Any],
    *,
    interval: sa.ColumnElement[Any],
    when: sa.ColumnElement[Any],
) -> sa.ColumnElement[bool]:
    """Have two intervals passed since the last complete harvest, or since the very first?"""
    since = sa.func.coalesce(last, begun)
    return sa.func.coalesce(since + MISSED * lasting(interval) < when, sa.false())


def first_opened() -> sa.ColumnElement[datetime]:
    """When the first harvest of a scope was opened."""
    return _begun(sa.func.now())


def _begun(when: sa.ColumnElement[Any]) -> sa.ColumnElement[datetime]:
    opened = _harvests(when).with_only_columns(harvest.c.opened_at)
    return opened.order_by(harvest.c.opened_at).limit(1).scalar_subquery()


def _completed_then(when: sa.ColumnElement[Any]) -> sa.ColumnElement[datetime]:
    """A scope's harvests follow one another, so the latest opened is the latest closed."""
    closed = (
        _harvests(when)
        .with_only_columns(harvest.c.closed_at)
        .where(harvest.c.outcome == Outcome.COMPLETE.value, harvest.c.closed_at <= when)
    )
    return closed.order_by(harvest.c.opened_at.desc()).limit(1).scalar_subquery()


def _harvests(when: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Those of a scope until a moment; no dry run counts."""
    return (
        sa.select(harvest)
        .where(harvest.c.scope_id == scope.c.id, ~harvest.c.dry_run, harvest.c.opened_at <= when)
        .correlate(scope)
    )
