"""Reads JSON strictly: UTF-8, each key once, numbers that a computer can hold."""

import json
from collections.abc import Sequence
from typing import Any, Final

from service.errors import BadRequest

LONGEST_NUMBER: Final = 40
MOST_LEVELS: Final = 100  # what writes a document again recurses, from a fuller stack
LONGEST_KEY: Final = 100
TOO_DEEP: Final = f"The body is nested too deeply; {MOST_LEVELS} levels are the most."
BOM: Final = b"\xef\xbb\xbf"


def load_json(body: bytes) -> Any:
    """Parse a body. Raises `BadRequest`, which says what is wrong with it."""
    if body.startswith(BOM):
        raise BadRequest(detail="The body begins with a byte order mark.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(detail="The body is not UTF-8.") from None
    if not text.strip():
        raise BadRequest(detail="The body is empty.")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_each_key_once,
            parse_constant=_no_constant,
            parse_int=_number(int),
            parse_float=_number(float),
        )
    except RecursionError:
        raise BadRequest(detail=TOO_DEEP) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(detail=f"The body is not JSON: {place}.") from None
    _bound_levels(document)
    return document


def _bound_levels(document: Any) -> None:
    level = [document]
    for _ in range(MOST_LEVELS + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise BadRequest(detail=TOO_DEEP)


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read: dict[str, Any] = {}
    for key, value in pairs:
        if key in read:
            shown = json.dumps(key)[:LONGEST_KEY]  # ASCII; a key is a place, as in a pointer
            raise BadRequest(detail=f"An object holds the key {shown} twice.")
        read[key] = value
    return read


def _no_constant(_name: str) -> Any:
    raise BadRequest(detail="NaN and Infinity are not JSON; leave the value out or send null.")


def _number(kind: type[int] | type[float]) -> Any:
    def read(text: str) -> int | float:
        if len(text) > LONGEST_NUMBER:
            raise BadRequest(detail="A number has more digits than a computer can hold.")
        value = kind(text)
        if value in {float("inf"), float("-inf")}:
            raise BadRequest(detail="A number is larger than a computer can hold.")
        return value

    return read
