"""What of a foreign text the catalog can hold."""

from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.strict import LONGEST_TEXT, UNWANTED

LONGEST_LINE: Final = 4_096
EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
LATEST_AHEAD: Final = timedelta(days=1)


def is_text(text: str) -> bool:
    """Is it short enough, and free of what no text may hold?"""
    if len(text) > LONGEST_TEXT:
        return False
    return (text.isascii() and text.isprintable()) or not UNWANTED.search(text)


def is_line(text: str | None) -> bool:
    """Is it a text on one line, and not empty?"""
    if not text or len(text) > LONGEST_LINE:
        return False
    if text.isascii() and text.isprintable():
        return True
    return not UNWANTED.search(text) and not any(end in text for end in "\n\r\t")


def read_moment(milliseconds: int, *, at: datetime) -> datetime | None:
    """A time between 1990 and tomorrow; None for all that nobody can have meant."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1_000, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return moment if EARLIEST <= moment <= at + LATEST_AHEAD else None
