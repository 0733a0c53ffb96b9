"""What can be wrong with a manifest, as people and tools are told it; edits that mend it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from harvesters.manifests.problems_codes import CODES, Code

__all__ = ["CODES", "RESAVE", "Code", "Edit", "Problem", "Severity", "apply_edits", "text_of"]

Severity = Literal["error", "warning"]
WIDE: Final[Mapping[bytes, str]] = MappingProxyType(  # the longer ones first: one begins another
    {
        b"\xff\xfe\x00\x00": "utf-32",
        b"\x00\x00\xfe\xff": "utf-32",
        b"\xff\xfe": "utf-16",
        b"\xfe\xff": "utf-16",
    }
)
BREAKS: Final = "\n\x85\u2028\u2029"


class Edit(NamedTuple):
    """Replace what stands from one place up to, not including, another. Both count from 1.

    Places are lines and columns (in characters) of `text_of` the file.
    """

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


RESAVE: Final = Edit(
    1, 1, 1, 1, ""
)  # nothing but the encoding and the line ends: see `apply_edits`


class Problem(NamedTuple):
    """One thing that is wrong, where, why, and what to do about it.

    `message` and `fix` are sentences without a full stop; `pointer` is a JSON Pointer, empty for
    the file as a whole. A file with an error is refused whole, one with warnings only is read.
    """

    code: str
    line: int
    column: int
    message: str
    fix: str
    pointer: str = ""
    severity: Severity = "error"
    edit: Edit | None = None


def text_of(raw: bytes) -> str | None:
    r"""A file as text with `\n` between lines, whatever it is encoded in; None: it is no text."""
    encoding = next((name for sign, name in WIDE.items() if raw.startswith(sign)), "utf-8-sig")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def apply_edits(raw: bytes, edits: Iterable[Edit]) -> bytes:
    r"""The file with its edits made: UTF-8 without a byte order mark, lines ending in `\n`.

    Of edits that overlap, the first one is made: read the result again and mend on. A file that is
    no text is answered as it is.
    """
    text = text_of(raw)
    if text is None:
        return raw
    begins = _line_starts(text)
    kept: list[tuple[int, int, str]] = []
    for edit in dict.fromkeys(edits):
        start = _offset(begins, edit.line, column=edit.column)
        end = _offset(begins, edit.end_line, column=edit.end_column)
        if start == end and not edit.text:
            continue
        if all(end <= other or start >= stop for other, stop, _ in kept):
            kept.append((start, end, edit.text))
    for start, end, written in sorted(kept, reverse=True):
        text = text[:start] + written + text[end:]
    return text.encode()


def _line_starts(text: str) -> list[int]:
    """Where lines begin as YAML counts them, and where the last one ends."""
    begins = [0]
    begins += (place + 1 for place, char in enumerate(text) if char in BREAKS)
    return [*begins, len(text)]


def _offset(begins: list[int], line: int, *, column: int) -> int:
    at = min(line, len(begins)) - 1
    return min(begins[at] + column - 1, begins[-1])
