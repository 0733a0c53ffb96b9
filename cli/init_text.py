"""Writes a first manifest as YAML: every value quoted as it must be, every line with its origin."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from cli.init_draft import Draft, Said
from cli.init_questions import ASKED, OF_A_USE, OF_AN_OWNER
from schemas.manifest import API_VERSION, KIND
from schemas.masking import mask_secrets

PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[./@+-][A-Za-z0-9_]+)*", re.ASCII)
NOT_TEXT: Final = {  # what some reader of YAML takes for something else
    "null", "true", "false", "yes", "no", "on", "off", "y", "n", "inf", "nan",
}  # fmt: skip
LONGEST_NOTE: Final = 200
HEAD: Final = """\
# The first manifest of this model, written by `model-catalog init`: behind each value stands where
# it was found. Correct it, answer what only a person can say, then run `model-catalog check`.
"""


def write_manifest(draft: Draft) -> str:
    """The file. What nobody could find stands in it as a comment with the values that it may have.

    The same draft gives the same text.
    """
    lines = [
        *(comment(one) for one in draft.notes),
        f"apiVersion: {API_VERSION}",
        f"kind: {KIND}",
        "metadata:",
        *_members("metadata", draft, names=("namespace", "name", "title", "description")),
        *_labels(draft),
        "spec:",
        *_members("spec", draft, names=tuple(n for n in ASKED if n != "uses")),
        *_owners(draft),
        *_datasets(draft),
        *_limitations(draft),
        *_registered(draft),
        *_asked(draft),
    ]
    return HEAD + "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    """A text so that every reader of YAML takes it for this text, on one line."""
    if PLAIN.fullmatch(text) and text.lower() not in NOT_TEXT:
        return text
    return "".join(_escaped(character) for character in json.dumps(text, ensure_ascii=False))


def comment(text: str, indent: str = "") -> str:
    """A line of its own that no text can leave."""
    return f"{indent}# {note(text)}"


def note(text: str) -> str:
    """What may stand behind `#`: on one line, without what is not printed, not endless."""
    shown = "".join(one if one.isprintable() else " " for one in mask_secrets(text))
    shown = " ".join(shown.split())
    return shown if len(shown) <= LONGEST_NOTE else f"{shown[:LONGEST_NOTE]}…"


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004  # four digits


def _line(indent: str, key: str, *, said: Said) -> str:
    return f"{indent}{key}: {scalar(str(said.value))}  # {note(said.told)}"


def _members(part: str, draft: Draft, *, names: Iterable[str]) -> Iterator[str]:
    """Fields of one value; what else was found of it stands below, as a comment."""
    for name in names:
        found = draft.fields.get(f"{part}.{name}", ())
        for place, said in enumerate(found):
            if place == 0:
                yield _line("  ", name, said=said)
            else:
                yield f"  # {name}: {note(scalar(str(said.value)))}  # {note(said.told)}"


def _labels(draft: Draft) -> Iterator[str]:
    if draft.labels:
        yield "  labels:"
    for key, said in sorted(draft.labels.items()):
        value = "null" if said.value is None else scalar(str(said.value))
        yield f"    {scalar(key)}: {value}  # {note(said.told)}"


def _owners(draft: Draft) -> Iterator[str]:
    if draft.owners:
        yield "  owners:"
    for ref, said in draft.owners.items():
        yield f"    - ref: {scalar(ref)}  # {note(said.told)}"
        if said.value != "accountable":
            yield f"      role: {said.value}"


def _datasets(draft: Draft) -> Iterator[str]:
    if draft.datasets:
        yield "  datasets:"
    for said in draft.datasets:
        yield from _item(said.value, told=said.told)
    for said in draft.local_datasets:
        told = f"{said.value}: {said.told}; write down where others can reach it, as in s3://"
        yield comment(f"datasets: {told}", "  ")


def _limitations(draft: Draft) -> Iterator[str]:
    if draft.limitations:
        yield "  limitations:"
    for said in draft.limitations:
        yield from _item(said.value, told=said.told)


def _item(members: Mapping[str, Any], *, told: str) -> Iterator[str]:
    for place, (key, value) in enumerate(members.items()):
        begin = "    - " if place == 0 else "      "
        behind = f"  # {note(told)}" if place == 0 else ""
        yield f"{begin}{key}: {scalar(str(value))}{behind}"


def _registered(draft: Draft) -> Iterator[str]:
    if draft.registered is not None and draft.registered.value:
        yield "  registered_as:"
        yield from _item(draft.registered.value, told=draft.registered.told)
    elif draft.registered is not None:
        yield comment(draft.registered.told, "  ")
        yield "  # registered_as:"
        yield "  #   - source: ...  # what the catalog calls the server"
        yield "  #     name: ...  # what the model is called there"


def _asked(draft: Draft) -> Iterator[str]:
    """What is not written above, with the values that it may have."""
    yield ""
    yield "  # Only a person can say what follows: remove the # and replace the dots."
    if not any(said.value == "accountable" for said in draft.owners.values()):
        yield "  # owners:" if not draft.owners else "  # Add to the owners above:"
        for place, (key, allowed) in enumerate(OF_AN_OWNER.items()):
            yield f"  #   {'- ' if place == 0 else '  '}{key}: ...  # {allowed}"
    for name, allowed in ASKED.items():
        if f"spec.{name}" not in draft.fields and name != "uses":
            yield f"  # {name}: ...  # {allowed}"
    yield "  # uses:"
    for place, (key, allowed) in enumerate(OF_A_USE.items()):
        yield f"  #   {'- ' if place == 0 else '  '}{key}: ...  # {allowed}"
