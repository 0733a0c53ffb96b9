"""How GitHub says that it was asked too often: 403 or 429, in three ways. Pure."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from harvesters.manners import Waiting
from outbound.client import retry_after

LIMITED: Final = {403, 429}
WITHOUT_A_WORD: Final = 60.0  # what GitHub asks for where it names no time
SAID: Final = (b"rate limit", b"abuse detection")
LONGEST: Final = 86_400.0  # seconds: limits are for an hour, and clocks differ by less than that
MILLISECONDS: Final = 100_000_000_000  # an epoch in seconds is smaller for 3,000 years
ODD_DATES: Final = (TypeError, ValueError, OverflowError)


def limited(response: httpx2.Response, now: datetime) -> Waiting | None:
    """How long to wait, if this answer is about a limit; any other 403 is about rights."""
    if response.status_code not in LIMITED:
        return None
    headers = response.headers
    seconds = retry_after(headers.get("Retry-After"), now=now)
    if seconds is not None:
        return Waiting(max(seconds, 1.0), "GitHub asks to wait (secondary rate limit)")
    if headers.get("X-RateLimit-Remaining") == "0":
        until = _reset(headers.get("X-RateLimit-Reset", ""), now=server_time(headers, now))
        if until is not None:
            return Waiting(until, "the requests of this hour are used up (rate limit)")
    said = response.content[:4_096].lower()
    if response.status_code == 429 or any(one in said for one in SAID):  # noqa: PLR2004
        return Waiting(WITHOUT_A_WORD, "GitHub asks to wait (secondary rate limit)", guessed=True)
    return None


def server_time(headers: httpx2.Headers, now: datetime) -> datetime:
    """The server's clock; ours where it does not say."""
    try:
        said = parsedate_to_datetime(headers.get("Date", ""))
    except ODD_DATES:
        return now
    return said.replace(tzinfo=said.tzinfo or UTC)


def _reset(text: str, *, now: datetime) -> float | None:
    """Seconds until a time that is written as an epoch; a second more, for it is cut.

    None for what is no such time, or so far away that nobody means it.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004
        return None
    epoch = int(text)
    epoch = epoch // 1_000 if epoch > MILLISECONDS else epoch
    seconds = max(epoch - now.timestamp(), 0.0) + 1.0
    return seconds if seconds <= LONGEST else None
