"""The base model and scalar types of every contract: closed, frozen and strict."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    StringConstraints,
)

LONGEST_TEXT: Final = 65_536
LARGEST_COUNT: Final = 2**63 - 1
EARLIEST: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC)

# NUL, C0 but tab and line ends, DEL, C1, bidi controls, the two noncharacters, lone surrogates.
UNWANTED: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
    "\ufffe\uffff\ud800-\udfff]"
)
RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


class Closed(BaseModel):
    """A contract: unknown members are refused, nothing changes after validation."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        str_max_length=LONGEST_TEXT,
    )


def _without_controls(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    if unwanted := UNWANTED.search(text):
        message = f"holds the character U+{ord(unwanted[0]):04X}, which no text may hold"
        raise ValueError(message)
    return text


def _on_one_line(text: str) -> str:
    if "\n" in text or "\r" in text or "\t" in text:
        raise ValueError("must stand on one line")
    return text


def _rfc3339(value: object) -> object:
    """Numbers and naive text would pass for times: only RFC 3339 text and real datetimes do."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and RFC3339.fullmatch(value):
        return value
    raise ValueError("must be a time like 2026-11-20T09:13:22Z, with its zone")


def _in_utc(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError("must lie between 1970 and 9999")
    return moment.astimezone(UTC)


def _without_sign(number: float) -> float:
    """-0.0 reads 0.0: the database keeps no sign of zero."""
    return number + 0.0


def _clean(value: JsonValue) -> JsonValue:
    """Texts anywhere in a JSON value are as clean as others; keys stand on one line."""
    if isinstance(value, str):
        return _without_controls(value)
    if isinstance(value, dict):
        return {_on_one_line(_without_controls(k)): _clean(v) for k, v in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list) else value


def instant_text(moment: datetime) -> str:
    """Write a moment the one way it is written: UTC, six digits, `Z`."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


Text = Annotated[str, StringConstraints(strict=True), AfterValidator(_without_controls)]
Line = Annotated[Text, AfterValidator(_on_one_line)]
Word = Annotated[Line, StringConstraints(min_length=1, max_length=1_024)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST_COUNT)]
Flag = Annotated[bool, Field(strict=True)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), AfterValidator(_without_sign)]
Json = Annotated[JsonValue, AfterValidator(_clean)]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_rfc3339),
    AfterValidator(_in_utc),
    PlainSerializer(instant_text, return_type=str, when_used="json"),
]
