"""Reads the body of an answer as JSON: a 200 can lie."""

import json
from typing import Any, Final

import httpx2

DEEPEST: Final = 60
Shape = type[dict[str, Any]] | type[list[Any]]
CALLED: Final[dict[type, str]] = {dict: "an object", list: "a list"}


def read_json(response: httpx2.Response, shape: Shape) -> Any:
    """What an answer holds. Raises `ValueError`, which says what it is instead, not what is in it.

    A list may be empty; an object may not, nor may one that only tells of an error.
    """
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if not response.content.strip():
        raise ValueError("without contents")
    if kind != "application/json" and not kind.endswith("+json"):
        message = f"as {kind[:60] or 'nothing'} where JSON is due"
        raise ValueError(message)
    try:
        found = json.loads(
            response.content.decode("utf-8"),
            object_pairs_hook=_each_key_once,
            parse_constant=_refuse_constant,
        )
    except (ValueError, RecursionError):
        raise ValueError("with JSON that cannot be read") from None
    if not isinstance(found, shape):
        message = f"with {CALLED.get(type(found), 'a value')} where {CALLED[shape]} is due"
        raise ValueError(message)  # noqa: TRY004  # one kind of error for all of them
    if isinstance(found, dict) and (not found or found.keys() <= {"error", "errors", "message"}):
        raise ValueError("with an object that says nothing")
    if _too_deep(found):
        message = f"nested more than {DEEPEST} levels deep"
        raise ValueError(message)
    return _without_halves(found) if b"\\ud" in response.content.lower() else found


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _without_halves(found: Any) -> Any:
    """Half a character is no text: it could be neither digested nor kept."""
    written = json.dumps(found, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return json.loads(written.decode("utf-16", "replace"))


def _refuse_constant(_text: str) -> Any:
    raise ValueError("no number")


def _too_deep(found: Any) -> bool:
    level = [found]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
