"""What is wrong with the text of a manifest, before anything is read of it."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from harvesters.manifests.model_yaml_blanks import blank_at
from harvesters.manifests.model_yaml_keys import every_key
from harvesters.manifests.problems import BREAKS, RESAVE, WIDE, Edit, Problem, text_of
from schemas.masking import SECRETS, mask_secrets
from schemas.yaml_walk import LARGEST, Mark, YamlRefused, read_yaml

TAB: Final = 2  # spaces that a tab becomes
RUN_TOGETHER: Final = re.compile(r"[ \t]*(?:-[ \t]+)*([A-Za-z_]+):(?=[^\s])")
MOST_SECRETS: Final = 20  # that are named


class Heard(NamedTuple):
    """What the reader of YAML says, and what it means."""

    said: str  # a part of its message
    code: str
    reason: str
    fix: str


CANNOT_START: Final = Heard(
    "cannot start any token",
    "yaml",
    "a value begins with a character that means something in YAML",
    "put the value in double quotes",
)
COLON_TOO_MANY: Final = Heard(
    "mapping values are not allowed",
    "yaml",
    "a colon begins a second value in this line, or the line is indented too far",
    "put a text with ': ' in it in double quotes, or line the key up with those above",
)
COLON_LACKING: Final = Heard(
    "could not find expected ':'",
    "yaml",
    "a line holds no colon, or text goes on where a key should stand",
    "write `key: value`, with a space after the colon, and indent the further lines of a text",
)
HEARD: Final = (
    Heard(
        "found character '\\t'",
        "tab",
        "a tab stands where YAML allows only spaces",
        "replace it by spaces",
    ),
    COLON_TOO_MANY,
    CANNOT_START,
    COLON_LACKING,
    Heard(
        "expected <block end>",
        "yaml",
        "this line does not line up with those it belongs to",
        "begin the items of one list, and the keys of one group, in the same column",
    ),
    Heard(
        "expected ',' or",
        "yaml",
        "a bracket is not closed, or a comma is missing before this place",
        "close the bracket, or write a comma between the items",
    ),
    Heard(
        "unexpected end of stream",
        "yaml",
        "a quote is not closed",
        "close it, or remove the one that opens",
    ),
    Heard(
        "document separator",
        "yaml",
        "a quote is not closed before the next document",
        "close it, or remove the one that opens",
    ),
    Heard(
        "unknown escape character",
        "yaml",
        "a backslash in double quotes begins something that YAML does not know",
        "use single quotes, or write the backslash twice",
    ),
)
FIXES: Final = {
    "yaml": "see that brackets and quotes are closed and lines of one list begin in one column",
    "yaml_feature": "write the value itself; put it in quotes when it begins with &, * or !",
    "duplicate_key": "remove one of the two",
    "several_documents": "move the second document into a file of its own",
    "empty": "begin with `model-catalog init`, or write apiVersion, kind, metadata and spec",
    "encoding": "save the file as UTF-8",
    "control_character": "remove the character",
    "too_large": "shorten it; long texts belong into the model card",
}


def refused(error: YamlRefused, raw: bytes) -> Problem:
    """Why a file is not read at all."""
    mark = error.mark or Mark(1, 1)
    if error.code in {"yaml", "yaml_feature"} and (unfilled := blank_at(raw, mark)) is not None:
        return unfilled
    heard = next((one for one in HEARD if one.said in error.reason), None)
    if heard in {COLON_TOO_MANY, COLON_LACKING} and (found := _run_together(raw, mark)) is not None:
        return found
    if heard is None:
        code, reason = error.code, error.reason
        fix = FIXES[code]
    else:
        code, reason, fix = heard.code, heard.reason, heard.fix
    edit = {"tab": _without_tabs, "encoding": _in_utf8}.get(code, _no_edit)(raw)
    return Problem(code, *mark, reason, fix, edit=edit)


def warnings_of(raw: bytes) -> Iterator[Problem]:
    """What is read all the same, and should not stay so."""
    raw = raw[:LARGEST]
    if raw.startswith(b"\xef\xbb\xbf"):
        yield Problem(
            "byte_order_mark", 1, 1,
            "the file begins with a byte order mark", "save it as UTF-8 without one",
            severity="warning", edit=RESAVE,
        )  # fmt: skip
    if b"\r" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\r")) + 1
        yield Problem(
            "line_ends", line, 1,
            "lines end in CR LF", "end them in LF",
            severity="warning", edit=RESAVE,
        )  # fmt: skip
    yield from _secrets(text_of(raw) or "")


def _secrets(text: str) -> Iterator[Problem]:
    """Wherever they stand, in comments too."""
    if mask_secrets(text) == text:
        return
    for found in islice(SECRETS.finditer(text), MOST_SECRETS):
        what = (found.lastgroup or "key").replace("_", " ")
        before = text[: found.start()]
        begin = max(before.rfind(char) for char in BREAKS) + 1
        line = sum(before.count(char) for char in BREAKS) + 1
        yield Problem(
            "looks_like_secret", line, found.start() - begin + 1,
            f"this looks like a key or password ({what})", "revoke it, then remove it here",
            severity="warning",
        )  # fmt: skip


def _run_together(raw: bytes, mark: Mark) -> Problem | None:
    """Keys without a space behind their colons, right before the place where reading ended.

    YAML takes them for a text that goes on in the next line, and finds the fault there.
    """
    if any(char.encode() in raw for char in BREAKS[1:]):
        return None  # lines that YAML counts and this does not
    lines = (text_of(raw) or "").split("\n")
    above = [at for at, line in enumerate(lines[: mark.line - 1]) if line.strip()]
    last = first = above[-1] if above else 0
    while first and _joined(lines[first - 1]):
        first -= 1
    found = _joined(lines[first])
    if not (found and _joined(lines[last])):
        return None
    mended = [RUN_TOGETHER.sub(r"\g<0> ", line, count=1) for line in lines[first : last + 1]]
    stops = _stops("\n".join((*lines[:first], *mended, *lines[last + 1 :])))
    if stops is not None and stops <= mark.line:
        return None  # something else is wrong there
    return Problem(
        "yaml", first + 1, found.end() + 1,
        f"there is no space after the colon of `{found[1]}`",
        "write one: without it the line and the next one are one text",
        edit=Edit(first + 1, 1, last + 1, len(lines[last]) + 1, "\n".join(mended)),
    )  # fmt: skip


def _joined(line: str) -> re.Match[str] | None:
    """A known key that runs into its value."""
    found = RUN_TOGETHER.match(line)
    return found if found and found[1] in every_key() else None


def _stops(text: str) -> int | None:
    """The line that reading a text ends in before its end."""
    try:
        read_yaml(text.encode())
    except YamlRefused as error:
        return error.mark.line if error.mark else 0
    return None


def _no_edit(raw: bytes) -> Edit | None:
    del raw
    return None


def _in_utf8(raw: bytes) -> Edit | None:
    """Converts what says itself how it is encoded."""
    wide = raw.startswith(tuple(WIDE))
    return RESAVE if wide and len(raw) <= LARGEST and text_of(raw) is not None else None


def _without_tabs(raw: bytes) -> Edit | None:
    """Spaces for all tabs at the beginning of lines, if the file can be read then."""
    if any(char.encode() in raw for char in BREAKS[1:]):
        return None  # lines that YAML counts and this does not
    text = text_of(raw) or ""
    lines = text.split("\n")
    mended = [re.sub(r"^[ \t]+", lambda found: _spaces(found[0]), line) for line in lines]
    if _stops("\n".join(mended)) is not None:
        return None
    changed = [at for at, line in enumerate(lines) if line != mended[at]]
    first, last = changed[0], changed[-1]
    written = "\n".join(mended[first : last + 1])
    return Edit(first + 1, 1, last + 1, len(lines[last]) + 1, written)


def _spaces(indentation: str) -> str:
    return indentation.replace("\t", " " * TAB)
