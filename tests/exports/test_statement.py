"""PostgreSQL writes the same cells as Python: byte for byte, for whatever text there is."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql import JSONB

from service.db import Database, Timestamp
from service.exports.cells import NotStated, cell
from service.exports.statement import Cells, decimal, flag, moment, narrowed

SHARED: Final = HealthCheck.function_scoped_fixture
LEADS: Final = st.text(
    "' \t\r\n\x01\x7f\x85\ufeff\u00a0\u00ad\u034f\u200b\u200f\u2003\u2028\u202e\u2060\u3164"
    "\U000e0001=+-@\uff1d\u2212",
    max_size=4,
)
WORDS: Final = ["unknown", "not_applicable", "withheld", "one of a; b", "Unknown", "unknowns"]
TEXTS: Final = st.builds(
    "{}{}".format,
    LEADS,
    st.one_of(
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
        st.sampled_from([*WORDS, "2026-11-20", "1e5", "007", "0x1F", 'a"b', "é日本😀", "^]\\_`["]),
    ),
)
FIRST, LAST = datetime(1970, 1, 1), datetime(9999, 12, 30)  # noqa: DTZ001  # zones are drawn
NUMBERS: Final = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
SCALARS: Final = st.one_of(TEXTS, NUMBERS, st.none(), st.booleans())
Ask = Callable[..., str]
Written = Callable[[sa.ColumnElement[Any]], sa.ColumnElement[str]]


@pytest.fixture
def written(database: Database) -> Iterator[Ask]:
    """What PostgreSQL makes of a value that stands in a column."""
    with database.reading() as session:

        def ask(value: Any, of: Any, write: Written) -> str:
            given = sa.select(sa.literal(value, of).label("value")).offset(0).subquery()
            text: str = session.execute(
                sa.select(write(given.c.value)).select_from(given)
            ).scalar_one()
            return text

        yield ask


@pytest.mark.parametrize("raw", [False, True])
def test_statement_texts(written: Ask, *, raw: bool) -> None:
    """CSV-01: a text, a list and a choice read as `cell` writes them, in every dialect."""
    cells = Cells(raw=raw)

    @settings(max_examples=150, deadline=None)
    @given(TEXTS, st.lists(TEXTS, max_size=4))
    def compare(text: str, items: list[str]) -> None:
        assert written(text, sa.Text(), cells.words) == cell(text, raw=raw)
        assert written(items, JSONB(), cells.document) == cell(items, raw=raw)
        assert written(items, JSONB(), narrowed) == cell({"one_of": items})

    compare()


@pytest.mark.parametrize("raw", [False, True])
def test_statement_documents(written: Ask, *, raw: bool) -> None:
    """Objects, numbers, flags and texts of JSON read as `cell` writes them."""
    cells = Cells(raw=raw)

    @settings(max_examples=100, deadline=None)
    @example(0, {"": -0.0})
    @given(
        st.one_of(TEXTS, NUMBERS),
        st.dictionaries(TEXTS, st.one_of(TEXTS, NUMBERS, st.none(), st.booleans()), max_size=4),
    )
    def compare(scalar: Any, named: dict[str, Any]) -> None:
        if isinstance(scalar, str):
            assert written(scalar, JSONB(), cells.document) == cell(scalar, raw=raw)
        if named.keys() != {"one_of"}:
            assert written(named, JSONB(), cells.document) == cell(named, raw=raw)

    compare()


@settings(max_examples=100, deadline=None, suppress_health_check=[SHARED])
@given(
    number=st.floats(allow_nan=False, allow_infinity=False),
    when=st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    state=st.booleans(),
)
def test_statement_exact(written: Ask, number: float, when: datetime, *, state: bool) -> None:
    """Numbers, times and flags are exact in both; of some doubles PostgreSQL writes 17 digits."""
    text, share = written(number, sa.Double(), decimal), round(math.remainder(number, 200), 6) + 0.0
    assert (float(text), "e" in text) == (number, False)
    assert written(share, sa.Double(), decimal) == cell(share)
    assert written(when, Timestamp, moment) == cell(when)
    assert written(state, sa.Boolean(), flag) == cell(state)


@pytest.mark.parametrize("length", [32_767, 40_000])
def test_statement_long(written: Ask, length: int) -> None:
    """PostgreSQL cuts nothing: only what is made for a spreadsheet is cut, and says so."""
    text = f"={'x' * length}"

    assert written(text, sa.Text(), Cells(raw=False).words) == f"'{text}" == cell(text)
    assert cell(NotStated) == "unknown"
