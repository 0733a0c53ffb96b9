"""CSV cells: exact, read back as they were, and never run by a spreadsheet."""

import csv
import io
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.values import Merge
from service.exports.cells import NotStated, cell, neutral, quoted, taken_off

LEADS = st.text("' \t\r\n\x00\ufeff\u00a0\u200b\u2003=+-@\uff1d\u2212", max_size=4)
TEXTS = st.builds(
    "{}{}".format,
    LEADS,
    st.one_of(
        st.text(max_size=6),
        st.sampled_from(["unknown", "not_applicable", "withheld", "one of a; b", "plain"]),
    ),
)


@pytest.mark.parametrize(
    "lead",
    ["=", "+", "-", "@", "\t", "\r", "\n", "\x00", "\ufeff=", "\u00a0=", " =", "\uff1d", "\uff0b",
     "\uff0d", "\uff20", "\u2212", "'=", "' =", "\u200b'\u2003@", "'\t", "\u2028="],
)  # fmt: skip
def test_cell_formula_neutralised(lead: str) -> None:
    """CSV-01: past blanks, invisible characters and apostrophes, no cell begins like a formula."""
    text = f"{lead}cmd|' /C calc'!A0"

    assert cell(text) == f"'{text}".replace("\r", "\n")
    assert cell([text]) == f"'{text}".replace("\r", "\n")
    assert cell(text, raw=True) == text.replace("\r", "\n")


@pytest.mark.parametrize(
    "word", ["unknown", "not_applicable", "withheld", "one of ", "one of a; b"]
)
def test_cell_literal_neutralised(word: str) -> None:
    """A text that reads like one of the words of an export is told apart from it."""
    assert cell(word) == f"'{word}"
    assert cell(f"'{word}") == f"''{word}"
    assert cell([word]) == f"'{word.replace(';', ';;')}"
    assert cell(word, raw=True) == word


@pytest.mark.parametrize(
    "plain", ["", "churn", "a=b", "a-b", "Unknown", "unknown model", "'quoted'", "x;=1+1", "1.0"]
)
def test_cell_text_untouched(plain: str) -> None:
    """What nothing would run stays as it is."""
    assert cell(plain) == plain


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (NotStated, "unknown"),
        (None, ""),
        ([], ""),
        ((), ""),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-7, "-7"),
        (2**63 - 1, "9223372036854775807"),
        (-0.7, "-0.7"),
        (-0.0, "0"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (Decimal("1E+3"), "1000"),
        (datetime(2026, 11, 20, 9, 13, 22, 104_000, UTC), "2026-11-20T09:13:22Z"),
        (datetime(2026, 11, 20, 1, tzinfo=timezone(timedelta(hours=2))), "2026-11-19T23:00:00Z"),
        (date(2026, 11, 20), "2026-11-20"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Merge.TOP, "top"),
        (["b", "a", "c"], "a; b; c"),
        (["a;b", "a"], "a; a;;b"),
        ({"one_of": ["b", "a"]}, "one of a; b"),
        ({"one_of": ["a;", "b"]}, "one of a;;; b"),
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        (["a\r\nb"], "a\nb"),
        ({"one_of": ["a\r", "b"]}, "one of a\n; b"),
    ],
)
def test_cell_values(value: Any, text: str) -> None:
    """RISK 7: numbers and times exact and bare, lists sorted, `;` doubled, three states apart."""
    assert (cell(value), cell(value, raw=True)) == (text, text)


@given(TEXTS)
def test_cell_bijection(text: str) -> None:
    """No two texts share a cell: an importer takes one apostrophe off under the same test."""
    assert taken_off(neutral(text)) == text
    assert taken_off(cell(text)) == text.replace("\r\n", "\n").replace("\r", "\n")


@given(st.lists(st.lists(TEXTS, min_size=1, max_size=4), min_size=1, max_size=4))
def test_quoted_round_trip(records: list[list[str]]) -> None:
    """CSV-02: RFC 4180, every field quoted, CRLF; another delimiter opens no new cell."""
    text = "".join(quoted([cell(value) for value in record]) for record in records)
    written = [[cell(value) for value in record] for record in records]

    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == written
    assert text.endswith('"\r\n')
    for other in ("x;=1+1", 'x"";"=1+1', "x\t=1+1", "x,=1+1", "x\n=1+1"):
        line = quoted([other])
        for delimiter in ",;\t":
            read = csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, strict=True)
            assert list(read) == [[other]]
