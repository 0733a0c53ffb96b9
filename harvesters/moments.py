"""Times as CI systems write them: RFC 3339, with a space and a zone's name, or in milliseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.strict import EARLIEST, LATEST

WRITTEN: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?\s*"
    r"(Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.ASCII,
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
NOBODYS: Final = datetime(1990, 1, 1, tzinfo=UTC)  # .NET's year 1, and clocks that were never set


def read_moment(value: Any, *, zone: str | None = None) -> datetime | None:
    """A time in UTC; None for what is none. `zone` holds where the source says that none means it.

    `2016-08-12 15:23:28 UTC`, `2013-12-04 08:23:10 +0000`, `2020-01-01T00:00:00.1234567Z`.
    """
    found = WRITTEN.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return None
    day, clock, fraction, stated = found.groups()
    stated = stated or zone
    if stated is None:
        return None
    offset = "+00:00" if stated.upper() in {"Z", "UTC", "GMT"} else stated
    micro = (fraction or "0")[:6].ljust(6, "0")
    clock = clock if clock.count(":") == 2 else f"{clock}:00"  # noqa: PLR2004  # h:m:s
    try:
        return _plausible(datetime.fromisoformat(f"{day}T{clock}.{micro}{offset}"))
    except (ValueError, OverflowError):  # in UTC it lies in another year than the first or last one
        return None


def of_milliseconds(value: Any) -> datetime | None:
    """Milliseconds since 1970, as Jenkins counts; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    try:
        return _plausible(EPOCH + timedelta(milliseconds=value))
    except OverflowError:
        return None


def _plausible(moment: datetime) -> datetime | None:
    moment = moment.astimezone(UTC)
    return moment if max(EARLIEST, NOBODYS) <= moment <= LATEST else None
