"""How long a hint is open: harvests look again for ten minutes, then the next full one will."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from service.hooks.tables import HintRow
from service.ingest.tables import HarvestRow, ScopeRow

DEBOUNCE: Final = timedelta(seconds=5)  # a burst of pushes makes one harvest
# A source may answer from a copy that lags behind what its webhook told: what a harvest left open
# is looked at again, so long after it was told.
AGAIN: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 4, 8))
TRIED: Final = timedelta(minutes=10)
SETTLED: Final = timedelta(days=7)  # so long what was followed is counted

hint, harvest, scope = (table.__table__ for table in (HintRow, HarvestRow, ScopeRow))


def is_open() -> sa.ColumnElement[bool]:
    """Not settled, and either of the last ten minutes or later than any harvest.

    What was left open longer would make further harvests look at nothing else.
    """
    last = (
        sa.select(sa.func.max(harvest.c.opened_at))
        .join(scope, scope.c.id == harvest.c.scope_id)
        .where(scope.c.source_id == hint.c.source_id, ~harvest.c.dry_run)
        .correlate(hint)
        .scalar_subquery()
    )
    since_ever = sa.func.coalesce(last, sa.func.to_timestamp(0))
    since = sa.func.least(since_ever, sa.func.clock_timestamp() - TRIED)
    return sa.and_(hint.c.settled_at.is_(None), hint.c.received_at > since)


def due_by(asked: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """When a hint makes its source due, if a harvest asked for hints then: NULL for never again."""
    came = hint.c.received_at
    tries = [(asked < came + wait, came + wait) for wait in AGAIN]
    return sa.case((asked < came, came + DEBOUNCE), *tries, else_=None)
