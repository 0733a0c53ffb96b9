"""Months, quarters and years in UTC: when each begins and ends, and what it is called."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


class Period(NamedTuple):
    """From its first instant to the first one after it."""

    begin: datetime
    end: datetime
    name: str  # 2026-10, 2026-Q3, 2026


def period_of(every: str, moment: datetime) -> Period:
    """The period that a moment lies in; one that begins with it is its own."""
    months, at = MONTHS[every], moment.astimezone(UTC)
    first = (at.month - 1) // months * months
    begin = datetime(at.year, first + 1, 1, tzinfo=UTC)
    beyond = first + months
    end = datetime(at.year + beyond // 12, beyond % 12 + 1, 1, tzinfo=UTC)
    names = {"month": f"{begin:%Y-%m}", "quarter": f"{begin:%Y}-Q{first // 3 + 1}"}
    return Period(begin, end, names.get(every, f"{begin:%Y}"))
