"""Reading only what changed in a large registry, between two full sweeps of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from harvesters.mlflow.client import Registry
from harvesters.mlflow.cursor import SweepCursor
from harvesters.mlflow.rows import VersionRow

MOST_IN_FULL: Final = 20_000  # versions that every sweep reads
FULL_EVERY: Final = timedelta(hours=6)
OVERLAP: Final = timedelta(minutes=5)
CHANGED_A_PAGE: Final = 1_000
NEWEST_FIRST: Final = ("last_updated_timestamp DESC", "name ASC", "version_number ASC")


def changes_do(last: SweepCursor | None, *, above: int, now: datetime) -> bool:
    """Is it enough to read what changed since the last full sweep?"""
    return last is not None and last.versions > above and now - last.last_full < FULL_EVERY


def changed_since(last: SweepCursor) -> int:
    """From when on changes are read again, in the server's milliseconds.

    Always since the last full sweep, not since the last look at changes: a page may skip a row
    when another is deleted meanwhile, and the next look finds it. A sweep that took long may have
    missed what changed while it went on.
    """
    began = int(last.last_full.timestamp() * 1_000)
    return min(last.max_updated, began) - int(OVERLAP.total_seconds() * 1_000)


def changed_versions(registry: Registry, *, since: int) -> Iterator[tuple[VersionRow, ...]]:
    """Versions created, described, staged or renamed since; aliases and tags move no time."""
    pages = registry._walk(  # noqa: SLF001  # one more of its calls
        "search_model_versions", max_results=CHANGED_A_PAGE, order_by=list(NEWEST_FIRST)
    )
    for page in pages:
        changed = tuple(row for row in page if (row.last_updated_timestamp or 0) >= since)
        yield changed
        if len(changed) < len(page):
            return
