"""Reads YAML by walking its events: bounded, no aliases or tags, scalars as they are written."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import yaml

LARGEST: Final = 256 * 1024
DEEPEST: Final = 32
MOST_EVENTS: Final = 20_000
LONGEST_SCALAR: Final = 64 * 1024
NULLS: Final = {"", "~", "null", "Null", "NULL"}


class YamlRefused(ValueError):  # reads as a sentence
    """The file is not YAML as it is read here; the message says where and why."""


Path = tuple[str | int, ...]


class Document(NamedTuple):
    """What was read, and the line on which each value stands."""

    value: Any
    lines: Mapping[Path, int]

    def line_of(self, path: Path) -> int:
        """The line of a value, or of the nearest one around it."""
        while path not in self.lines:
            path = path[:-1]
        return self.lines[path]


def read_yaml(raw: bytes) -> Document:
    """One document of dicts, lists and strings; a plain null is None. Types come from schemas.

    Raises `YamlRefused` for other encodings, several documents, anchors, aliases, tags, merge keys,
    repeated or non-text keys, and whatever is too large or too deep.
    """
    if len(raw) > LARGEST:
        message = f"the file is larger than {LARGEST} bytes"
        raise YamlRefused(message)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise YamlRefused("the file is not UTF-8") from None
    try:
        walker = _Walker(yaml.parse(text, Loader=yaml.SafeLoader))
        return Document(walker.document(), walker.lines)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "is no YAML"
        raise YamlRefused(f"{_place(getattr(error, 'problem_mark', None))}{problem}") from None


class _Walker:
    """Builds values from a stream of events."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self.events, self.count = events, 0
        self.lines: dict[Path, int] = {}

    def document(self) -> Any:
        """The only document of the stream."""
        self._expect(self._next(), yaml.StreamStartEvent)
        if isinstance(first := self._next(), yaml.StreamEndEvent):
            raise YamlRefused("the file is empty")
        self._expect(first, yaml.DocumentStartEvent)
        value = self._value(self._next(), ())
        self._expect(self._next(), yaml.DocumentEndEvent)
        if not isinstance(last := self._next(), yaml.StreamEndEvent):
            raise _refusal(last, "a second document begins; write one document a file")
        return value

    def _value(self, event: yaml.Event, path: Path) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(event, "aliases are not read; write the value out")
        if getattr(event, "anchor", None) is not None:
            raise _refusal(event, "anchors are not read; write the value out")
        if getattr(event, "tag", None) is not None:
            raise _refusal(event, "tags are not read; write the plain value")
        if len(path) >= DEEPEST:
            raise _refusal(event, f"nested more than {DEEPEST} levels deep")
        self.lines.setdefault(path, _line(event))
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._list(path)
        return self._mapping(path)

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        read: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or event.value == "<<":
                raise _refusal(event, "a key must be plain text, and not <<")
            if event.value in read:
                raise _refusal(event, f"the key {event.value[:60]!r} stands twice")
            place = (*path, event.value)
            self.lines[place] = _line(event)
            read[event.value] = self._value(self._next(), place)
        return read

    def _next(self) -> yaml.Event:
        self.count += 1
        event = next(self.events)
        if self.count > MOST_EVENTS:
            raise _refusal(event, f"holds more than {MOST_EVENTS} values")
        return event

    def _expect(self, event: yaml.Event, kind: type[yaml.Event]) -> None:
        if not isinstance(event, kind):
            raise _refusal(event, "is no YAML document")


def _scalar(event: yaml.ScalarEvent) -> str | None:
    if len(event.value) > LONGEST_SCALAR:
        raise _refusal(event, f"a value is longer than {LONGEST_SCALAR} characters")
    text: str = event.value
    return None if event.style is None and text in NULLS else text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _refusal(event: yaml.Event, message: str) -> YamlRefused:
    return YamlRefused(f"{_place(event.start_mark)}{message}")


def _place(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
