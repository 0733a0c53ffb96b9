"""Times that CI systems write, and what only looks like one."""

from datetime import UTC, datetime
from typing import Any

import pytest

from harvesters.moments import of_milliseconds, read_moment


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2016-08-12 15:23:28 UTC", datetime(2016, 8, 12, 15, 23, 28, tzinfo=UTC)),
        ("2013-12-04 08:23:10 +0200", datetime(2013, 12, 4, 6, 23, 10, tzinfo=UTC)),
        ("2020-01-01T00:00:00.1234567Z", datetime(2020, 1, 1, microsecond=123_456, tzinfo=UTC)),
        ("2020-01-01T00:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),  # in UTC before the first year
        ("9999-12-31T23:59:59-12:00", None),  # and after the last one
        ("2020-02-30T00:00:00Z", None),
        ("2020-01-01T00:00:00+99:00", None),
        (["2020-01-01T00:00:00Z"], None),
        (7, None),
    ],
)
def test_read_moment(written: Any, moment: datetime | None) -> None:
    """All dialects; what is no time, or lies where no clock was, is none."""
    assert read_moment(written) == moment


@pytest.mark.parametrize("value", [10**30, -(10**30), True, "7", None, 1.5])
def test_of_milliseconds_odd(value: Any) -> None:
    """What no clock counts is no time."""
    assert of_milliseconds(value) is None
