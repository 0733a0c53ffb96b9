"""Says what the contract found wrong with a manifest: where, why, and what to write instead."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from pydantic_core import ErrorDetails

from harvesters.errors import shown
from harvesters.manifests import model_yaml_edits as edits
from harvesters.manifests.model_yaml_keys import Told, has, known_keys, named, unknown, value_at
from harvesters.manifests.problems import Edit, Problem
from schemas import values
from schemas.manifest_parts import (
    Dataset,
    FullRemark,
    Link,
    Owner,
    Registration,
    Repository,
    Threshold,
    Vendor,
    Waiver,
)
from schemas.manifest_use import Use
from schemas.manifest_values import OWNER
from schemas.yaml_walk import Document, Path

CHOICE: Final = re.compile(r"'([^']+)'")
LEADS: Final[Mapping[str, str]] = {  # what a text alone can only mean
    Owner.__name__: "ref", Use.__name__: "name", Repository.__name__: "url",
    Dataset.__name__: "uri", FullRemark.__name__: "text", Vendor.__name__: "name",
}  # fmt: skip
FORMS: Final[Mapping[str, str]] = {  # what has to be known beside a text
    Registration.__name__: "{source: mlflow-prod, name: churn}, with the catalog's name of the "
    "server and the model's name there",
    Link.__name__: '{title: Runbook, url: "https://wiki.example.com/churn"}',
    Waiver.__name__: "{control: BLD-01, reason: ..., expires_on: 2027-03-31}",
    Threshold.__name__: "{metric: auc, warn: 0.74, breach: 0.70, direction: below}",
}
TEAM_OF_HOST: Final = re.compile(r"@?[A-Za-z0-9][\w.-]*/([\w.-]+)|@([\w.-]+)", re.ASCII)
BANDS_OF: Final[Mapping[str, Sequence[str]]] = {
    "people_affected_per_year": get_args(values.PeopleAffected),
    "financial_exposure_per_year": get_args(values.FinancialExposure),
}
BANDS: Final = set(BANDS_OF.values())
EMPTY: Final = "write a value, or remove the key"
MENDED: Final[Mapping[str, Callable[[str], str | None]]] = {
    "wrong_flag": edits.mended_flag,
    "wrong_date": edits.mended_day,
    "wrong_number": edits.mended_number,
    "wrong_owner": edits.mended_owner,
}


SIZES: Final = frozenset({"too_long", "too_short", "string_too_long", "string_too_short"})
SAID: Final[Mapping[str, Told]] = {  # by the contract's own types
    "holds the character": Told("control_character", "", "remove the character"),
}


def problems_of(errors: Iterable[ErrorDetails], document: Document) -> Iterator[Problem]:
    """One for each error; a misspelled key is not said to be missing too."""
    meant: set[Path] = set()
    missing: list[tuple[Path, Problem]] = []
    for error in errors:
        path = path_of(error["loc"], document.value)
        kind = error["type"]
        if kind == "extra_forbidden":
            told, place = unknown(path, document)
            meant |= {place} if place else set()
            yield _problem(told, path, document=document, at_key=True)
        elif kind == "missing":
            missing.append((path, _problem(_missing(path), path, document=document, at_key=True)))
        else:
            yield _problem(_value(error, path, document=document), path, document=document)
    yield from (problem for path, problem in missing if path not in meant)


def path_of(loc: Sequence[str | int], value: Any) -> Path:
    """A place in the document; tags of alternatives, in brackets, are no part of it."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        if has(value, part):
            value = value[part]
        elif not last or str(part).startswith("(") or not isinstance(value, dict):
            continue
        path.append(part)
    return tuple(path)


def pointer_of(path: Path) -> str:
    """As a JSON Pointer."""
    return "".join("/" + shown(part).replace("~", "~0").replace("/", "~1")[:100] for part in path)


def _problem(told: Told, path: Path, *, document: Document, at_key: bool = False) -> Problem:
    mark = document.key_of(path) if at_key else document.value_of(path)
    return Problem(
        told.code, *mark, shown(told.message), told.fix, pointer=pointer_of(path), edit=told.edit
    )


def _missing(path: Path) -> Told:
    key, around = path[-1], path[:-1]
    return Told("missing", f"{named(around)} lacks `{key}`", f"add `{key}` to {named(around)}")


def _value(error: ErrorDetails, path: Path, *, document: Document) -> Told:
    """A value that the contract does not take."""
    kind, value, name = error["type"], value_at(document.value, path), named(path)
    context: Mapping[str, Any] = error.get("ctx", {})
    if value == "" or (value is None and kind != "empty_factor"):
        return Told("empty_value", f"{name} is empty", EMPTY)
    if kind == "literal_error":
        return _one_of(value, CHOICE.findall(context["expected"]), path=path, document=document)
    if kind in SIZES:
        return _size(value, context, name=name)
    if kind == "value_error":
        reason = error["msg"].removeprefix("Value error, ")
        return next(
            (
                told._replace(message=f"{name} {reason}")
                for said, told in SAID.items()
                if said in reason
            ),
            Told("wrong_form", f"{name} {reason}", "write it so"),
        )
    if "fix" in context:
        edit = _mended(kind, path, document=document)
        fix = context["fix"]
        if kind == "wrong_owner":
            fix = _owner(value, as_group=False) or fix
        if kind == "wrong_number" and (bands := BANDS_OF.get(str(path[-1]))):
            fix += f"; or a band: {_listed(bands)}"
        return Told(kind, f"{name} {context['reason']}", fix, edit)
    return _type(kind, context, path=path, document=document)


def _size(value: Any, context: Mapping[str, Any], *, name: str) -> Told:
    """Too much or too little of something."""
    if "min_length" in context:
        message = f"{name} names fewer than {context['min_length']} values"
        return Told("wrong_form", message, "write one value without one_of, or name several")
    if isinstance(value, str):
        message = f"{name} holds more than {context['max_length']} characters"
        return Told("too_long", message, "shorten it; long texts belong into the model card")
    message = f"{name} holds more than {context['max_length']} items"
    return Told("too_long", message, "shorten the list")


def _one_of(value: Any, choices: Sequence[str], *, path: Path, document: Document) -> Told:
    """A value that is not one of the allowed ones."""
    bands = tuple(choices) in BANDS  # of numbers: the word that looks alike may be far off
    counted = bands and "one_of" not in path
    message = f"{named(path)} must be {_listed([*choices, 'a number'] if counted else choices)}"
    if not isinstance(value, str):
        return Told("wrong_type", message, "write one of them")
    near = edits.same(value, choices) if bands else edits.nearest(value, choices)
    if near is None:
        digits = ", or the number itself, in digits alone" if counted else ""
        return Told("wrong_value", message, f"write one of them{digits}")
    edit = None
    if edits.is_spelling(value, near):
        edit = edits.replace_value(document, path, written=near)
    return Told("wrong_value", message, f"write `{near}`", edit)


def _listed(choices: Sequence[str]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}" if first else last


def _mended(kind: str, path: Path, *, document: Document) -> Edit | None:
    """An edit where the meaning is plain."""
    value = value_at(document.value, path)
    if not isinstance(value, str):
        return None
    field = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    mend = MENDED.get(kind)
    written = mend(value) if mend else edits.mended_form(value, field)
    return edits.replace_value(document, path, written=written) if written else None


def _type(kind: str, context: Mapping[str, Any], *, path: Path, document: Document) -> Told:
    """A text, list or group where another one is needed."""
    value, name = value_at(document.value, path), named(path)
    if kind in {"tuple_type", "list_type"}:
        edit = None
        if isinstance(value, str):
            edit = edits.replace_value(document, path, written=f"[{edits.quoted(value)}]")
        return Told(
            "wrong_type", f"{name} must be a list", "write [...], or a hyphen before each", edit
        )
    if kind in {"model_type", "dict_type", "model_attributes_type"}:
        group = str(context.get("class_name"))
        if group in FORMS and not _has_key(value, path):
            message = f"{name} must hold names and values"
            return Told("wrong_type", message, f"write it like {FORMS[group]}")
        return _group(value, LEADS.get(group), path=path, document=document)
    return Told("wrong_type", f"{name} must be one text", "write a text, in quotes if need be")


def _group(value: Any, lead: str | None, *, path: Path, document: Document) -> Told:
    """Something else in the place of names and values; `lead`: what a text alone can only mean."""
    message = f"{named(path)} must hold names and values"
    if _has_key(value, path):
        key = value.partition(":")[0]
        edit = edits.space_after(document, path, key=f"{key}:", text=value)
        return Told("wrong_type", message, f"put a space after the colon of `{key}`", edit)
    edit = None
    if lead == LEADS[Owner.__name__] and isinstance(value, str) and not _is_owner(value):
        fix = _owner(value) or "write it like team:retention-ds, user:anna or anna@example.com"
        return Told("wrong_owner", f"{named(path)} is no group that names an owner", fix)
    if lead and isinstance(value, str):
        written = f"{{{lead}: {edits.quoted(value)}}}"
        edit = edits.replace_value(document, path, written=written)
    fix = f"write {{{lead}: ...}}" if lead else "write `key: value` below it"
    return Told("wrong_type", message, fix, edit)


def _has_key(value: Any, path: Path) -> bool:
    """Does a text begin with a key that is known here, and a colon?"""
    key, colon, _ = value.partition(":") if isinstance(value, str) else ("", "", "")
    return bool(colon) and key in known_keys(path)


def _is_owner(value: str) -> bool:
    return bool(re.fullmatch(OWNER, value) or edits.mended_owner(value))


def _owner(value: Any, *, as_group: bool = True) -> str | None:
    """What to write for a name as code hosts have it: who that is here is not said by it."""
    found = TEAM_OF_HOST.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    who = f"team:{found[1]}" if found[1] else f"user:{found[2]}"
    written = f'{{ref: "{who}"}}' if as_group else f'"{who}"'
    return f"write {written}, with the name that the catalog knows"
