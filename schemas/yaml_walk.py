"""Reads YAML by walking its events: bounded, without aliases or tags, scalars as they are written."""

from collections.abc import Iterator
from typing import Any, Final

LARGEST: Final = 256 * 1024
DEEPEST: Final = 32
MOST_EVENTS: Final = 20_000
LONGEST_SCALAR: Final = 64 * 1024
NULLS: Final = {"", "~", "null", "Null", "NULL"}


class YamlRefused(ValueError):  # noqa: N818  # reads as a sentence
    """The file is not YAML as it is read here; the message says where and why."""


def read_yaml(raw: bytes) -> Any:
    """One document as dicts, lists and strings; a plain null is None. Types come from schemas.

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
    import yaml  # noqa: PLC0415  # the one module that reads YAML

    try:
        walker = _Walker(yaml.parse(text, Loader=yaml.SafeLoader))
        return walker.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "is no YAML"
        raise YamlRefused(f"{place}{problem}") from None


class _Walker:
    """Builds values from a stream of events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events, self.count = events, 0

    def document(self) -> Any:
        """The only document of the stream."""
        self._next("StreamStart")
        if type(first := self._any()).__name__ == "StreamEndEvent":
            raise YamlRefused("the file is empty")
        self._expect(first, "DocumentStart")
        value = self._value(self._any(), 1)
        self._next("DocumentEnd")
        if type(last := self._any()).__name__ != "StreamEndEvent":
            raise self._refusal(last, "a second document begins; write one document a file")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        name = type(event).__name__
        if name == "AliasEvent":
            raise self._refusal(event, "aliases are not read; write the value out")
        if event.anchor is not None:
            raise self._refusal(event, "anchors are not read; write the value out")
        if event.tag is not None:
            raise self._refusal(event, "tags are not read; write the plain value")
        if depth > DEEPEST:
            raise self._refusal(event, f"nested more than {DEEPEST} levels deep")
        if name == "ScalarEvent":
            return self._scalar(event)
        if name == "SequenceStartEvent":
            return self._list(depth)
        return self._mapping(depth)

    def _scalar(self, event: Any) -> str | None:
        if len(event.value) > LONGEST_SCALAR:
            raise self._refusal(event, f"a value is longer than {LONGEST_SCALAR} characters")
        plain = event.style is None
        text: str = event.value
        return None if plain and text in NULLS else text

    def _list(self, depth: int) -> list[Any]:
        items = []
        while type(event := self._any()).__name__ != "SequenceEndEvent":
            items.append(self._value(event, depth + 1))
        return items

    def _mapping(self, depth: int) -> dict[str, Any]:
        read: dict[str, Any] = {}
        while type(event := self._any()).__name__ != "MappingEndEvent":
            if type(event).__name__ != "ScalarEvent" or event.value == "<<":
                raise self._refusal(event, "a key must be plain text, and not <<")
            if event.value in read:
                raise self._refusal(event, f"the key {event.value[:60]!r} stands twice")
            read[event.value] = self._value(self._any(), depth + 1)
        return read

    def _any(self) -> Any:
        self.count += 1
        event = next(self.events)
        if self.count > MOST_EVENTS:
            raise self._refusal(event, f"holds more than {MOST_EVENTS} values")
        return event

    def _next(self, name: str) -> None:
        self._expect(self._any(), name)

    def _expect(self, event: Any, name: str) -> None:
        if type(event).__name__ != f"{name}Event":
            raise self._refusal(event, "is no YAML document")

    def _refusal(self, event: Any, message: str) -> YamlRefused:
        mark = event.start_mark
        return YamlRefused(f"line {mark.line + 1}, column {mark.column + 1}: {message}")
