"""Finds what somebody meant to fill in: the marks of templates and of those who put things off."""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from harvesters.errors import shown
from harvesters.manifests.model_yaml_errors import pointer_of
from harvesters.manifests.model_yaml_keys import named, value_at
from harvesters.manifests.problems import Problem, text_of
from schemas.manifest_parts import FREE
from schemas.yaml_walk import Document, Mark, Path

CODE: Final = "placeholder"
TEMPLATE: Final = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\$\{[^{}]*\}")
ALONE: Final = re.compile(
    r"\.{3}|…|<[^<>@]*>|(?:TODO|TBD|FIXME)\b:?.*|_*(?:CHANGE|REPLACE)[-_ ]?(?:ME|THIS)_*"
)
IN_CAPITALS: Final = re.compile(r"TODO|TBD|FIXME")  # `todo` may be the name of a model
ACCOUNT: Final = re.compile(r"(?:team|user):(.*)", re.IGNORECASE | re.DOTALL)
QUOTED: Final = re.compile(r"[\"'#]")  # before a template: it is a text, or no part of the file
NAMING: Final = frozenset({  # what the catalog would take for somebody or something
    "namespace", "name", "ref", "source", "workspace", "value", "url", "uri", "digest", "card",
    "base_model", "blueprint", "license", "art6_3_ref", "regulated_purposes", "expires_on",
})  # fmt: skip
FIX: Final = "write the value, or remove the key while it is not known"
SHOWN: Final = 60


def blanks(document: Document, *, refused: Collection[str]) -> Iterator[Problem]:
    """Values that nobody filled in: errors where they name something, or are `refused` anyway."""
    for path in document.ends:
        value = value_at(document.value, path)
        if not isinstance(value, str) or not _is_blank(value) or _own(path):
            continue
        pointer = pointer_of(path)
        last = next((part for part in reversed(path) if isinstance(part, str)), "")
        naming = (last in NAMING and not _free_text(path)) or pointer in refused
        yield Problem(
            CODE, *document.value_of(path),
            f"{named(path)} is an unfilled template: `{shown(value)[:SHOWN]}` stands for a value",
            FIX, pointer, "error" if naming else "warning",
        )  # fmt: skip


def without_blank(problems: Iterable[Problem], unfilled: Collection[Problem]) -> list[Problem]:
    """What else is wrong: of a value that is not filled in, nothing more is to be said."""
    known = {one.pointer for one in unfilled}
    return [one for one in problems if one.pointer not in known]


def blank_at(raw: bytes, mark: Mark) -> Problem | None:
    """The template that keeps a file from being YAML, in the line where reading ends or above."""
    lines = (text_of(raw) or "").split("\n")
    for line in range(min(mark.line, len(lines)), max(mark.line - 2, 0), -1):
        found = TEMPLATE.search(lines[line - 1])
        if found and not QUOTED.search(lines[line - 1][: found.start()]):
            return Problem(
                CODE, line, found.start() + 1,
                f"an unfilled template stands here: `{shown(found[0])[:SHOWN]}`",
                "let the program that makes the file from it fill it in, or write the value",
            )  # fmt: skip
    return None


def _is_blank(value: str) -> bool:
    text = value.strip()
    if found := ACCOUNT.fullmatch(text):
        text = found[1].strip()
        if IN_CAPITALS.fullmatch(text.upper()):
            return True
    if TEMPLATE.search(text) or ALONE.fullmatch(text):
        return True
    return ALONE.fullmatch(text.upper()) is not None and not IN_CAPITALS.match(text.upper())


def _own(path: Path) -> bool:
    return any(isinstance(part, str) and part.startswith(FREE) for part in path)


def _free_text(path: Path) -> bool:
    return path[:2] in {("metadata", "labels"), ("metadata", "annotations")}
