"""Dates as people write them, with how exact they are."""

import csv
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from schemas.dates import Precision, ReadDate, read_date

DAY, MONTH, YEAR = Precision.DAY, Precision.MONTH, Precision.YEAR


@pytest.mark.parametrize(
    ("text", "first", "precision", "ambiguous"),
    [
        ("2025-09-08 00:00:00", date(2025, 9, 8), DAY, False),
        ("Jan-03", date(2003, 1, 1), MONTH, False),
        ("01/2024", date(2024, 1, 1), MONTH, False),
        ("03/01/2019 00:00:00", date(2019, 3, 1), DAY, True),
        ("8/4/2025", date(2025, 8, 4), DAY, True),
        ("1/30/2026", date(2026, 1, 30), DAY, False),
        ("10/1/2025", date(2025, 10, 1), DAY, True),
        ("09/24/2024 12:00:00 AM", date(2024, 9, 24), DAY, False),
        ("2020", date(2020, 1, 1), YEAR, False),
        ("11/30/2022", date(2022, 11, 30), DAY, False),
        ("9/1/2019 0:00", date(2019, 9, 1), DAY, True),
        ("9/11/2024 0:00", date(2024, 9, 11), DAY, True),
        ("10/1/2024 0:00", date(2024, 10, 1), DAY, True),
        ("30/1/2026", date(2026, 1, 30), DAY, False),
        ("01/01/2018", date(2018, 1, 1), DAY, False),
        ("31.12.2024", date(2024, 12, 31), DAY, False),
        ("3.4.2024", date(2024, 4, 3), DAY, False),
        ("2024-11", date(2024, 11, 1), MONTH, False),
        ("20241130", date(2024, 11, 30), DAY, False),
        ("30 November 2024", date(2024, 11, 30), DAY, False),
        ("30-Nov-24", date(2024, 11, 30), DAY, False),
        ("November 30, 2024", date(2024, 11, 30), DAY, False),
        ("Sept. 2024", date(2024, 9, 1), MONTH, False),
        ("Mar-99", date(1999, 3, 1), MONTH, False),
        ("2026-11-20T09:13:22.104Z", date(2026, 11, 20), DAY, False),
        ("2026-11-20 09:13:22+01:00", date(2026, 11, 20), DAY, False),
    ],
)
def test_read_date(text: str, first: date, precision: Precision, *, ambiguous: bool) -> None:
    """Month first where both readings fit, and said so; what is not said is not made up."""
    assert read_date(f" {text} ") == ReadDate(first, precision, ambiguous)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2024-13-01", "31/31/2024", "2/30/2024", "Foo-24", "Q3 2024", "45292", "1/2/3",
     "2024-01-01 x", "٢٠٢٤", "0000", "1/2-2024", "9" * 1_000],
)  # fmt: skip
def test_read_date_none(text: str) -> None:
    """What is no date is none, never today, never a guess."""
    assert read_date(text) is None


def test_read_date_inventory(corpora: Path) -> None:
    """RISK 8: 1,402 dates in 13 shapes of a published inventory, 272 of them ambiguous."""
    (file,) = (corpora / "omb_inventory").glob("*.csv")
    with file.open(encoding="utf-8-sig", newline="") as opened:
        texts = [row["operational_date"] for row in csv.DictReader(opened)]
    found = [read_date(text) for text in texts if text.strip()]
    read = [one for one in found if one]

    assert len(found) == len(read) == 1_402
    assert Counter(one.precision for one in read) == {DAY: 882, MONTH: 484, YEAR: 36}
    assert sum(one.ambiguous for one in read) == 272
