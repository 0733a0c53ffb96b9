"""Reads what others send as JSON: tolerant where it can be read at all, for it is only a hint.

GitLab's own examples hold a key twice; refused, a host would switch its webhook off.
"""

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from service.errors import BadRequest

LONGEST_NUMBER: Final = 40
MOST_LEVELS: Final = 100  # what writes it again recurses
TOO_DEEP: Final = f"The payload is nested too deeply; {MOST_LEVELS} levels are the most."


def read_json(body: bytes) -> Any:
    """The document; of a key that comes twice the last one. Raises `BadRequest`."""
    try:
        document = json.loads(
            body.decode("utf-8-sig"), parse_int=_whole, parse_float=_number, parse_constant=str
        )
    except RecursionError:
        raise BadRequest(detail=TOO_DEEP) from None
    except UnicodeDecodeError:
        raise BadRequest(detail="The payload is not UTF-8.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise BadRequest(detail=f"The payload is not JSON: {place}.") from None
    if _levels(document) > MOST_LEVELS:
        raise BadRequest(detail=TOO_DEEP)
    return document


def read_form(body: bytes) -> Any:
    """The document in the one member `payload` of a form. Raises `BadRequest`."""
    try:
        members = parse_qsl(
            body.decode("ascii"), strict_parsing=True, max_num_fields=10, errors="strict"
        )
    except ValueError:
        raise BadRequest(detail="The form cannot be read.") from None
    found = [value for name, value in members if name == "payload"]
    if len(found) != 1:
        raise BadRequest(detail="The form holds no `payload`, or several.")
    return read_json(found[0].encode())


def _whole(text: str) -> int | str:
    """What no computer holds stays as it was written: no number of ours is so long."""
    return int(text) if len(text) <= LONGEST_NUMBER else text[:LONGEST_NUMBER]


def _number(text: str) -> float | str:
    value = float(text)
    return text[:LONGEST_NUMBER] if value in {float("inf"), float("-inf")} else value


def _levels(document: Any) -> int:
    level, deep = [document], 0
    while deep <= MOST_LEVELS and (level := [one for outer in level for one in _inside(outer)]):
        deep += 1
    return deep


def _inside(outer: Any) -> Any:
    if isinstance(outer, dict):
        return outer.values()
    return outer if isinstance(outer, list) else ()
