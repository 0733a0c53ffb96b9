"""Reads JSON strictly and bounded: UTF-8, each key once, no NaN, so deep and no deeper."""

import json
from collections.abc import Sequence
from typing import Any, Final

from harvesters.manifests.formats.found import FileRefused

LARGEST: Final = 1024 * 1024
DEEPEST: Final = 100
MOST_VALUES: Final = 200_000
LONGEST_NUMBER: Final = 40
LONGEST_KEY: Final = 100
TOO_DEEP: Final = f"is nested more than {DEEPEST} levels deep"
WIDE: Final = (b"\xff\xfe", b"\xfe\xff", b"\x00")


def read_json(raw: bytes, *, largest: int = LARGEST, nan: bool = False) -> Any:
    """A document. A mark at its beginning is passed over. Raises `FileRefused`.

    With `nan` what Python writes for no number, and for infinite ones, reads as null.
    """
    if len(raw) > largest:
        raise FileRefused("too_large", f"is larger than {largest:,} bytes")
    if raw.startswith(WIDE):
        raise FileRefused("not_utf8", "is UTF-16 or UTF-32; save it as UTF-8")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileRefused("not_utf8", "is not UTF-8; save it as UTF-8") from None
    if not text.strip():
        raise FileRefused("not_json", "is empty")
    try:
        document = json.loads(
            text,
            object_pairs_hook=_each_key_once,
            parse_constant=_as_null if nan else _no_constant,
            parse_int=_number(int),
            parse_float=_number(float),
        )
    except RecursionError:
        raise FileRefused("too_deep", TOO_DEEP) from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise FileRefused("not_json", f"is not JSON: {place}") from None
    _bound(document)
    return document


def _bound(document: Any) -> None:
    level, count = [document], 0
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        count += len(level)
        if count > MOST_VALUES:
            raise FileRefused("too_large", f"holds more than {MOST_VALUES:,} values")
        if not level:
            return
    raise FileRefused("too_deep", TOO_DEEP)


def _each_key_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) == len(pairs):
        return read
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            shown = json.dumps(key)[:LONGEST_KEY]  # ASCII
            raise FileRefused("not_json", f"holds the key {shown} twice")
        seen.add(key)
    return read


def _as_null(name: str) -> Any:
    del name


def _no_constant(name: str) -> Any:
    raise FileRefused("not_json", f"holds {name}, which is not JSON")


def _number(kind: type[int] | type[float]) -> Any:
    def read(text: str) -> int | float:
        value = kind(text) if len(text) <= LONGEST_NUMBER else float("inf")
        if value in {float("inf"), float("-inf")}:
            raise FileRefused("not_json", "holds a number that is larger than one may be")
        return value

    return read
