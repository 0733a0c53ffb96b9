"""Reads the change ledger: the feed of all changes, and what stands in one of its rows."""

import json
from typing import Any, Final

import sqlalchemy as sa

from schemas.details import Change
from service.ledger.tables import ChangeRow

change = ChangeRow.__table__
COLUMNS: Final = ("id", "xid", "recorded_at", "canon")
SETTLED: Final = sa.text("pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


def select_feed(since: str) -> sa.Select[Any]:
    """What was recorded after a cursor, in an order that loses nothing under concurrent writers.

    Below the oldest running transaction: ids alone are not in commit order.
    """
    place = sa.tuple_(change.c.xid, change.c.id)
    after = sa.tuple_(*(sa.cast(part, sa.BigInteger) for part in since.split("-")))
    return (
        sa.select(*change.c[*COLUMNS])
        .where(change.c.xid < SETTLED, place > after)
        .order_by(change.c.xid, change.c.id)
    )


def cursor_of(row: sa.RowMapping) -> str:
    """The cursor that goes on after a row."""
    return f"{row['xid']}-{row['id']}"


def as_change(row: sa.RowMapping) -> Change:
    """A row as readers see it: the text that is sealed, with its number and time."""
    written = json.loads(row["canon"])
    about = {"id": row["id"], "cursor": cursor_of(row), "recorded_at": row["recorded_at"]}
    return Change.model_validate(about | written)
