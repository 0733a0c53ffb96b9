"""Pages as JSON and back: named types only."""

import json
import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.codec import Codec, NotRecordable, PageUnreadable

NOON: Final = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Why(StrEnum):
    """A choice."""

    GONE = "gone"


class Thing(NamedTuple):
    """A row of ours."""

    at: datetime
    parts: tuple[Any, ...] = ()
    why: Why | None = None


class Foreign:
    """A row of others, with more than is read."""

    def __init__(self, name: Any) -> None:
        """Have a name."""
        self.name, self.more = name, object()


class Named:
    """What is read of it."""

    name: Any


CODEC: Final = Codec(Thing, choices=(Why,), foreign={"Foreign": Named})
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
    | st.binary() | st.just(Why.GONE) | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=3).map(tuple)
    | st.dictionaries(st.text(max_size=3) | st.just("$"), inner, max_size=3)
    | st.dictionaries(st.integers(), inner, min_size=1, max_size=2)
    | st.builds(Thing, st.just(NOON), st.tuples(inner), st.none() | st.just(Why.GONE)),
    max_leaves=10,
)  # fmt: skip


@given(values)
def test_codec_round_trip(value: Any) -> None:
    """What was written is read as it was, by way of JSON text."""
    written = json.dumps(CODEC.encode(value), ensure_ascii=False)

    found = CODEC.decode(json.loads(written.encode("utf-8", "backslashreplace")))

    assert found == value
    assert type(found) is type(value)


def test_codec_numbers() -> None:
    """JSON has no infinities; they are kept all the same."""
    found = CODEC.decode(json.loads(json.dumps(CODEC.encode([math.inf, -math.inf, math.nan]))))

    assert found[:2] == (math.inf, -math.inf)
    assert math.isnan(found[2])


def test_codec_foreign() -> None:
    """Of others' rows what is read of them is kept; of subclasses too, and nothing is guessed."""

    class Special(Foreign):
        """A subclass."""

    assert CODEC.decode(CODEC.encode(Special("a"))).name == "a"
    with pytest.raises(NotRecordable, match="a page holds a object"):
        CODEC.encode(Special(object()))
    lacking = Foreign("a")
    del lacking.name
    with pytest.raises(NotRecordable, match="a Named lacks name"):
        CODEC.encode(lacking)
    with pytest.raises(PageUnreadable, match="cannot be read"):
        CODEC.decode({"$": "Why", "value": "never"})
