"""Reads YAML by walking its events: bounded, no aliases or tags, scalars as they are written.

Only this module of the contracts needs a parser; whoever imports another one gets none along.
"""

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import yaml

from schemas.strict import RFC3339

LARGEST: Final = 256 * 1024
DEEPEST: Final = 32
MOST_EVENTS: Final = 20_000
MOST_DOCUMENTS: Final = 100
LONGEST_SCALAR: Final = 64 * 1024
NULLS: Final = {"", "~", "null", "Null", "NULL"}
FEATURE: Final = "yaml_feature"  # the code of what YAML has and is not read
UNREADABLE: Final = yaml.reader.Reader.NON_PRINTABLE
TRUTHS: Final = {"true": True, "false": False}
WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII)
DECIMAL: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}", re.ASCII)
WIDE: Final = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Mark(NamedTuple):
    """A place in a file; both count from 1, columns in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        """As messages begin."""
        return f"line {self.line}, column {self.column}: "


class YamlRefused(ValueError):  # reads as a sentence
    """The file is not YAML as it is read here; the message says where and why."""

    def __init__(self, reason: str, mark: Mark | None = None, *, code: str = "yaml") -> None:
        """Keep the place apart from the reason too; the code is a word for tools."""
        super().__init__(f"{mark or ''}{reason}")
        self.reason, self.mark, self.code = reason, mark, code


Path = tuple[str | int, ...]
Scalar = Callable[[str], object]  # what a plain text that is no null stands for


class Document(NamedTuple):
    """What was read, and where each key and each value stands."""

    value: Any
    keys: Mapping[Path, Mark]  # of members of mappings
    values: Mapping[Path, Mark]
    key_ends: Mapping[Path, Mark]  # behind the last character
    ends: Mapping[Path, Mark]  # of texts, behind the last character

    def line_of(self, path: Path) -> int:
        """The line of a value, or of the nearest one around it."""
        return self.key_of(path).line

    def key_of(self, path: Path) -> Mark:
        """Where a member begins: its key, in a list its value; else the nearest one around it."""
        while path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values[path]

    def value_of(self, path: Path) -> Mark:
        """Where a value begins, or the nearest one around it."""
        while path not in self.values:
            path = path[:-1]
        return self.values[path]


def read_yaml(raw: bytes) -> Document:
    """One document of dicts, lists and strings; a plain null is None. Types come from schemas.

    Raises `YamlRefused` for other encodings, several documents, anchors, aliases, tags, merge keys,
    repeated or non-text keys, and whatever is too large or too deep.
    """
    return _only(_Walker(raw))


def _only(walker: "_Walker") -> Document:
    first = next(walker.documents(), None)
    if first is None:
        raise YamlRefused("the file is empty", code="empty")
    if (mark := walker.next_document()) is not None:
        reason = "a second document begins; write one document a file"
        raise YamlRefused(reason, mark, code="several_documents")
    return first


def read_typed(raw: bytes) -> Any:
    """One document with plain `true`, `false`, numbers and RFC 3339 times typed, all else text.

    Raises `YamlRefused` as `read_yaml` does.
    """
    return _only(_Walker(raw, plain=_typed)).value


def read_documents(raw: bytes, *, most: int = MOST_DOCUMENTS) -> list[Document]:
    """Every document of a file, as foreign formats write several. Raises `YamlRefused`."""
    found: list[Document] = []
    for document in _Walker(raw).documents():
        if len(found) == most:
            mark = document.value_of(())
            raise YamlRefused(f"holds more than {most} documents", mark, code="too_large")
        found.append(document)
    return found


class _Walker:
    """Builds values from a stream of events."""

    def __init__(self, raw: bytes, *, plain: Scalar = str) -> None:
        self.plain = plain
        self.events: Iterator[yaml.Event] = yaml.parse(_text(raw), Loader=yaml.SafeLoader)
        self.count = 0
        self.last = Mark(1, 1)
        self._forget()

    def _forget(self) -> None:
        self.keys: dict[Path, Mark] = {}
        self.values: dict[Path, Mark] = {}
        self.key_ends: dict[Path, Mark] = {}
        self.ends: dict[Path, Mark] = {}

    def documents(self) -> Iterator[Document]:
        """One after the other."""
        self._next()  # the stream begins
        while self.next_document() is not None:
            self._forget()
            value = self._value(self._next(), ())
            self._next()  # the document ends
            yield Document(value, self.keys, self.values, self.key_ends, self.ends)

    def next_document(self) -> Mark | None:
        """Where another one begins, if one does."""
        event = self._next()
        return _mark(event) if isinstance(event, yaml.DocumentStartEvent) else None

    def _value(self, event: yaml.Event, path: Path) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise _refusal(event, "aliases are not read; write the value out", code=FEATURE)
        if getattr(event, "anchor", None) is not None:
            raise _refusal(event, "anchors are not read; write the value out", code=FEATURE)
        if getattr(event, "tag", None) is not None:
            raise _refusal(event, "tags are not read; write the plain value", code=FEATURE)
        if len(path) >= DEEPEST:
            raise _refusal(event, f"nested more than {DEEPEST} levels deep", code="too_large")
        self.values[path] = _mark(event)
        if isinstance(event, yaml.ScalarEvent):
            self.ends[path] = _end(event)
            return self._scalar(event)
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
                raise _refusal(event, "a key must be plain text, and not <<", code=FEATURE)
            place = (*path, event.value)
            if (first := self.keys.get(place)) is not None:
                reason = f"the key {event.value[:60]!r} stands twice, first in line {first.line}"
                raise _refusal(event, reason, code="duplicate_key")
            self.keys[place], self.key_ends[place] = _mark(event), _end(event)
            read[event.value] = self._value(self._next(), place)
        return read

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        if len(event.value) > LONGEST_SCALAR:
            reason = f"a value is longer than {LONGEST_SCALAR} characters"
            raise _refusal(event, reason, code="too_large")
        if event.style is not None:
            return event.value
        return None if event.value in NULLS else self.plain(event.value)

    def _next(self) -> yaml.Event:
        self.count += 1
        try:
            event = next(self.events)
        except yaml.YAMLError as error:
            raise _unreadable(error) from None
        except (ValueError, OverflowError):  # of an escape or version that no number can be
            reason = "an escape or directive after this place means nothing"
            raise YamlRefused(reason, self.last) from None
        self.last = _mark(event)
        if self.count > MOST_EVENTS:
            raise _refusal(event, f"holds more than {MOST_EVENTS} values", code="too_large")
        return event


def _unreadable(error: yaml.YAMLError) -> YamlRefused:
    """A quote that is never closed is shown where it opens, all else where reading ended."""
    problem = getattr(error, "problem", None) or "is no YAML"
    mark = getattr(error, "problem_mark", None)
    if "quoted scalar" in (getattr(error, "context", None) or "") and "escape" not in problem:
        mark = getattr(error, "context_mark", None) or mark
    return YamlRefused(problem, Mark(mark.line + 1, mark.column + 1) if mark else None)


def _text(raw: bytes) -> str:
    if len(raw) > LARGEST:
        message = f"the file is larger than {LARGEST} bytes"
        raise YamlRefused(message, code="too_large")
    if raw.startswith(WIDE):
        reason = "the file is not UTF-8 but UTF-16 or UTF-32; save it as UTF-8"
        raise YamlRefused(reason, code="encoding")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = Mark(raw.count(b"\n", 0, error.start) + 1, 1)
        reason = "the file is not UTF-8; save it as UTF-8"
        raise YamlRefused(reason, mark, code="encoding") from None
    if found := UNREADABLE.search(text):
        at = found.start()
        mark = Mark(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
        reason = f"holds the character U+{ord(found[0]):04X}, which no text may hold"
        raise YamlRefused(reason, mark, code="control_character")
    return text


def _typed(text: str) -> object:
    """A time that no calendar has is text: whoever wants a time there says what is wrong."""
    if text in TRUTHS:
        return TRUTHS[text]
    if WHOLE.fullmatch(text):
        return int(text)
    if DECIMAL.fullmatch(text):
        return float(text)
    if RFC3339.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            return text
    return text


def _mark(event: yaml.Event) -> Mark:
    at = event.start_mark
    return Mark(at.line + 1, at.column + 1) if at else Mark(1, 1)


def _end(event: yaml.Event) -> Mark:
    at = event.end_mark
    return Mark(at.line + 1, at.column + 1) if at else _mark(event)


def _refusal(event: yaml.Event, reason: str, *, code: str) -> YamlRefused:
    return YamlRefused(reason, _mark(event), code=code)
