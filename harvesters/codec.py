"""Writes the pages of harvesters as JSON and reads them back: named types only, nothing that runs.

A text, number or truth value stands as it is, a sequence as a list. Everything else is an object
whose member `$` names its type; a plain object is a mapping.
"""

import base64
import math
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NamedTuple, get_type_hints

from schemas.strict import instant_text

MARK: Final = "$"
DEEPEST: Final = 64


class NotRecordable(Exception):
    """A page holds something that cannot be written down; the harvest goes on without."""


class PageUnreadable(ValueError):
    """A recorded page is none of this kind of source, or of another release."""


class Shape(NamedTuple):
    """A type by its name: which attributes are kept of a value, and how one is made of them."""

    name: str
    fields: tuple[str, ...]
    make: Callable[..., Any]
    optional: frozenset[str] = frozenset()

    @classmethod
    def of(cls, kind: type) -> "Shape":
        """Of a NamedTuple."""
        fields, defaults = kind._fields, kind._field_defaults  # type: ignore[attr-defined]
        return cls(kind.__name__, fields, kind, frozenset(defaults))

    @classmethod
    def like(cls, protocol: type) -> "Shape":
        """Of a type of others, by the attributes that are read of it; read back as a tuple."""
        fields = tuple(get_type_hints(protocol))
        return cls(protocol.__name__, fields, namedtuple(protocol.__name__, fields))  # noqa: PYI024

    def kept(self, value: Any) -> dict[str, Any]:
        """What is written of a value."""
        try:
            return {name: getattr(value, name) for name in self.fields}
        except AttributeError as error:
            message = f"a {self.name} lacks {error.name}"
            raise NotRecordable(message) from None


class Codec:
    """The types that the pages of one kind of source are made of."""

    def __init__(
        self,
        *kinds: type,
        choices: Iterable[type[Enum]] = (),
        foreign: Mapping[str, type] | None = None,
        shapes: Iterable[Shape] = (),
    ) -> None:
        """`kinds` are NamedTuples; `foreign` maps names of classes of others to what is read."""
        self._own = {kind: Shape.of(kind) for kind in kinds}
        self._named = {shape.name: shape for shape in shapes}
        like = {protocol: Shape.like(protocol) for protocol in set((foreign or {}).values())}
        self._foreign = {name: like[protocol] for name, protocol in (foreign or {}).items()}
        self._foreign |= self._named
        self._choices = {choice.__name__: choice for choice in choices}
        known = [*self._own.values(), *like.values(), *self._named.values()]
        self._by_name = {shape.name: shape for shape in known}

    def encode(self, value: Any) -> Any:
        """A value as JSON. Raises `NotRecordable`."""
        if isinstance(value, Enum) and type(value).__name__ in self._choices:
            return {MARK: type(value).__name__, "value": value.value}
        if value is None or isinstance(value, str | bool | int | float | bytes | datetime):
            return _scalar(value)
        if (shape := self._shape_of(value)) is not None:
            kept = {name: self.encode(one) for name, one in shape.kept(value).items()}
            return {MARK: shape.name, **kept}
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, Sequence):
            return [self.encode(item) for item in value]
        message = f"a page holds a {type(value).__name__}"
        raise NotRecordable(message)

    def decode(self, document: Any, *, depth: int = 0) -> Any:
        """A value of JSON. Raises `PageUnreadable`."""
        if depth > DEEPEST:
            raise PageUnreadable("a page is nested too deep")
        if isinstance(document, list):
            return tuple(self.decode(item, depth=depth + 1) for item in document)
        if not isinstance(document, dict):
            return document
        members = {k: self.decode(v, depth=depth + 1) for k, v in document.items()}
        if MARK not in members:
            return members
        return self._typed(members.pop(MARK), members)

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(isinstance(key, str) for key in value) and MARK not in value:
            return {key: self.encode(one) for key, one in value.items()}
        pairs = [[self.encode(key), self.encode(one)] for key, one in value.items()]
        return {MARK: "map", "items": pairs}

    def _shape_of(self, value: Any) -> Shape | None:
        if type(value) in self._own:
            return self._own[type(value)]
        names = (kind.__name__ for kind in type(value).__mro__)
        return next((self._foreign[name] for name in names if name in self._foreign), None)

    def _typed(self, name: Any, members: dict[str, Any]) -> Any:
        try:
            if isinstance(name, str) and name in PLAIN:
                return PLAIN[name](**members)
            if isinstance(name, str) and name in self._choices:
                return self._choices[name](**members)
        except (ValueError, TypeError, OverflowError):
            message = f"a {name} of a page cannot be read"
            raise PageUnreadable(message) from None
        shape = self._by_name.get(name) if isinstance(name, str) else None
        if shape is None:
            message = f"a page holds the type {str(name)[:60]!r}, which no page here is made of"
            raise PageUnreadable(message)
        lacking = {*shape.fields} - members.keys() - shape.optional
        if odd := sorted(lacking | (members.keys() - {*shape.fields})):
            message = f"a {shape.name} of a page differs in {odd[0][:60]}: of another release?"
            raise PageUnreadable(message)
        return shape.make(**members)


def _scalar(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {MARK: "float", "value": str(value)}
    if isinstance(value, bytes):
        return {MARK: "bytes", "value": base64.b64encode(value).decode()}
    if isinstance(value, datetime):
        return {MARK: "time", "value": instant_text(value)}
    return value


def _time(*, value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("has no zone")
    return moment.astimezone(UTC)


def _bytes(*, value: str) -> bytes:
    return base64.b64decode(value, validate=True)


def _float(*, value: str) -> float:
    return float(value)


def _map(*, items: tuple[tuple[Any, Any], ...]) -> dict[Any, Any]:
    return dict(items)


PLAIN: Final[Mapping[str, Callable[..., Any]]] = {
    "time": _time, "bytes": _bytes, "float": _float, "map": _map,
}  # fmt: skip
