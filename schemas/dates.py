"""Reads dates as people write them: how exact they are, and whether they can be read two ways."""

import re
from datetime import date
from enum import StrEnum
from typing import Final, NamedTuple

MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
PIVOT: Final = 69  # two digits: 68 is 2068, 69 is 1969, as POSIX has it
CLOCK: Final = (
    r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?: ?[AP]M)?(?: ?Z| ?[+-]\d{2}:?\d{2})?)?"
)
MONTH: Final = r"(?P<word>[A-Z]{3,9})\.?"
SHAPES: Final = tuple(
    re.compile(shape, re.ASCII | re.IGNORECASE)
    for shape in (
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){CLOCK}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        rf"(?P<first>\d{{1,2}})(?P<mark>[-/])(?P<second>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}){CLOCK}",
        rf"(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}){CLOCK}",
        rf"(?P<day>\d{{1,2}})[- ]{MONTH}[- ](?P<year>\d{{4}}|\d{{2}}){CLOCK}",
        rf"{MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){CLOCK}",
        rf"{MONTH}[- /]'?(?P<year>\d{{4}}|\d{{2}})",
        r"(?P<month>\d{1,2})[-/](?P<year>\d{4})",
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})",
        r"(?P<year>\d{4})",
    )
)


class Precision(StrEnum):
    """How much of a date is said."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


class ReadDate(NamedTuple):
    """A date, the first day of what is said of it; `ambiguous` when day and month could change."""

    first: date
    precision: Precision
    ambiguous: bool = False


def read_date(text: str) -> ReadDate | None:
    """The date that a text says; None when it says none.

    Between slashes or dashes the month comes first, unless it cannot; between dots the day does.
    """
    for shape in SHAPES:
        if found := shape.fullmatch(text.strip()):
            return _read(found.groupdict())
    return None


def _read(parts: dict[str, str | None]) -> ReadDate | None:
    ambiguous = False
    day, month = _number(parts.get("day")), _number(parts.get("month"))
    if parts.get("first"):
        month, day = _number(parts["first"]), _number(parts["second"])
        if month > len(MONTHS):
            month, day = day, month
        ambiguous = day <= len(MONTHS) and day != month
    if word := parts.get("word"):
        month = _named(word)
        if not month:
            return None
    stated = Precision.DAY if day else Precision.MONTH if month else Precision.YEAR
    try:
        return ReadDate(date(_year(parts["year"] or ""), month or 1, day or 1), stated, ambiguous)
    except ValueError:
        return None


def _named(word: str) -> int:
    """The month of a name in English, whole or shortened; 0 when it is none."""
    return next((n for n, name in enumerate(MONTHS, 1) if name.startswith(word.lower())), 0)


def _number(text: str | None) -> int:
    return int(text) if text else 0


def _year(text: str) -> int:
    if len(text) > 2:  # noqa: PLR2004  # digits
        return int(text)
    return int(text) + (1900 if int(text) >= PIVOT else 2000)
