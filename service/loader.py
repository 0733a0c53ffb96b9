"""Reads JSON strictly: UTF-8, each key once, numbers that a computer can hold."""

import json
from collections.abc import Sequence
from typing import Any, Final

from service.errors import BadRequest

LONGEST_NUMBER: Final = 40
BOM: Final = b"\xef\xbb\xbf"


def load_json(body: bytes) -> Any:
    """Parse a body. Raises `BadRequest`, which says what is wrong with it."""
    if body.startswith(BOM):
        raise BadRequest(detail="The body begins with a byte order mark.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest(detail="The body is not UTF-8.") from None
    try:
        return json.loads(
            text,
            object_pairs_hook=_each_key_once,
            parse_constant=_no_constant,
            parse_int=_number(int),
            parse_float=_number(float),
        )
    except RecursionError:
        raise BadRequest(detail="The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(detail=f"The body is not JSON: {place}.") from None


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise BadRequest(detail="An object holds the same key twice.")
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
