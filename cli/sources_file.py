"""The sources file: from YAML to declared sources; everything that is wrong by line and place."""

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from cli.exits import Exit, Stop
from schemas.sources import SourceSettings, SourcesFile
from schemas.yaml_walk import Document, YamlRefused, read_yaml

INTEGER: Final = re.compile(r"-?[0-9]{1,12}")
DECIMAL: Final = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,12}")
NUMBERS: Final = {"precedence", "absences", "held_back_count", "held_back_share",
                  "expected_interval"}  # fmt: skip
FLAGS: Final = {"may_grant_ownership", "enabled"}
IN_A_SOURCE: Final = 3  # sources, its number, its field
WORDS: Final = {
    "extra_forbidden": "is not known here",
    "missing": "is missing",
    "model_type": "must be a mapping, `key: value`",
    "dict_type": "must be a mapping, `key: value`",
    "tuple_type": "must be a list, `[a, b]`",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
}


def read_sources(file: Path) -> SourcesFile:
    """A sources file, checked; what is wrong with it ends the command, all of it at once."""
    try:
        document = read_yaml(file.read_bytes())
    except YamlRefused as refused:
        message = f"{file}: {refused}"
        raise Stop(message, Exit.WRONG_USE) from None
    try:
        return SourcesFile.model_validate(_typed(document.value))
    except ValidationError as error:
        lines = [f"{file}:{_mistake(document, one)}" for one in _told(document, error)]
        raise Stop("\n".join(dict.fromkeys(lines)), Exit.WRONG_USE) from None


def _told(document: Document, error: ValidationError) -> list[Any]:
    """What stands in the file or is missing; what follows from that would only confuse."""
    wrong = error.errors(include_url=False, include_input=False)
    places = [one["loc"] for one in wrong]
    first = [
        one
        for one in wrong
        if (one["loc"] in document.values or one["type"] == "missing")
        and not any(len(p) > len(one["loc"]) and p[: len(one["loc"])] == one["loc"] for p in places)
    ]
    return first or wrong


def _mistake(document: Document, wrong: Any) -> str:
    place: tuple[str | int, ...] = wrong["loc"]
    pointer = "".join(f"/{part}" for part in place) or "the file"
    said = WORDS.get(wrong["type"]) or str(wrong["msg"]).removeprefix("Value error, ")
    said = said.replace("Input should", "should", 1)
    fix = _nearest(str(place[-1]), _known(place)) if wrong["type"] == "extra_forbidden" else ""
    return f"{document.line_of(place)}: {pointer} {said}{fix}"


def _known(place: Sequence[str | int]) -> list[str]:
    model = SourceSettings if len(place) == IN_A_SOURCE else SourcesFile
    return list(model.model_fields)


def _nearest(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


def _typed(read: Any) -> Any:
    """Scalars stay text in YAML; here the fields say which are numbers and flags."""
    sources = read.get("sources") if isinstance(read, dict) else None
    if not isinstance(sources, list):
        return read
    return read | {"sources": [_typed_source(source) for source in sources]}


def _typed_source(source: Any) -> Any:
    if not isinstance(source, dict):
        return source
    typed = {key: _scalar(key, value) for key, value in source.items()}
    if isinstance(ranks := source.get("field_precedence"), dict):
        typed["field_precedence"] = {name: _number(rank) for name, rank in ranks.items()}
    return typed


def _scalar(key: str, value: Any) -> Any:
    if key in FLAGS and isinstance(value, str):
        return {"true": True, "false": False}.get(value, value)
    return _number(value) if key in NUMBERS else value


def _number(value: Any) -> Any:
    if isinstance(value, str) and INTEGER.fullmatch(value):
        return int(value)
    return float(value) if isinstance(value, str) and DECIMAL.fullmatch(value) else value
