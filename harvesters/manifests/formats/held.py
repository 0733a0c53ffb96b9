"""What of a foreign file facts can hold: the rest is dropped alone, with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.dropped import reason
from schemas.identifiers import Identifier, Kind, email_identifier
from schemas.values import MOST_ITEMS

SHOWN: Final = 60


class Held(NamedTuple):
    """Facts by name, as JSON, and what of them was dropped."""

    facts: dict[str, Any]
    dropped: tuple[str, ...] = ()


def hold(kind: Kind, said: Mapping[str, Any], *, dropped: Sequence[str] = ()) -> Held:
    """What is None or an empty list is not stated; of a list, each item is dropped alone."""
    facts: dict[str, Any] = {}
    lost = list(dropped)
    for name, value in said.items():
        if isinstance(value, list):
            kept, less = _items(kind, name, items=value)
            lost += less
            if kept:
                facts[name] = kept
        elif value is not None and (why := _why_not(kind, name, value=value)) is not None:
            lost.append(f"{name}: {why}")
        elif value is not None:
            facts[name] = value
    return Held(facts, tuple(lost))


def _items(kind: Kind, name: str, *, items: list[Any]) -> tuple[list[Any], list[str]]:
    kept: list[Any] = []
    lost: list[str] = []
    for item in items:
        if len(kept) == MOST_ITEMS:
            lost.append(f"{name}: there are more than {MOST_ITEMS:,}")
            break
        if (why := _why_not(kind, name, value=[item])) is not None:
            lost.append(f"{name}: {why}")
        else:
            kept.append(item)
    return kept, lost


def _why_not(kind: Kind, name: str, *, value: Any) -> str | None:
    from schemas.facts import FACTS  # noqa: PLC0415  # slow, and of no use to a check of manifests

    try:
        FACTS[kind].model_validate({name: value})
    except ValidationError as error:
        return reason(error)
    return None


def texts(value: Any) -> list[str]:
    """One text or a list of them; what is none, or empty, is left out."""
    items = value if isinstance(value, list) else [value]
    return [text for item in items if (text := text_of(item)) is not None]


def text_of(value: Any) -> str | None:
    """A text without space around it; None for what is none, or empty."""
    return (value.strip() or None) if isinstance(value, str) else None


def one_line(value: Any) -> str | None:
    """A text that may be broken over several lines, on one."""
    text = text_of(value)
    return None if text is None else " ".join(text.split())


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping; an empty one for what is none."""
    return value if isinstance(value, dict) else {}


def items_of(value: Any) -> list[Any]:
    """A list; an empty one for what is none."""
    return value if isinstance(value, list) else []


def mappings(value: Any) -> list[Mapping[str, Any]]:
    """Those items of a list that are mappings."""
    return [item for item in items_of(value) if isinstance(item, dict)]


def identifier(kind: Kind, scheme: str, *, value: str) -> Identifier | None:
    """None where no identifier can hold it."""
    try:
        return Identifier.model_validate({"kind": kind, "scheme": scheme, "value": value})
    except ValueError:
        return None


def developer(address: Any, *, role: str = "developer") -> dict[str, Any] | None:
    """An ownership by e-mail address: names alone never make an owner."""
    text = text_of(address)
    try:
        owner = email_identifier(text) if text else None
    except ValueError:
        return None
    return None if owner is None else {"owner": owner.model_dump(mode="json"), "role": role}
