"""Reads `model.yaml`: is it ours, what does it say, and everything that is wrong with it."""

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.manifests import model_yaml_edits as edits
from harvesters.manifests.model_yaml_beside import TO_REVOKE, beside
from harvesters.manifests.model_yaml_blanks import blanks, without_blank
from harvesters.manifests.model_yaml_errors import pointer_of, problems_of
from harvesters.manifests.model_yaml_keys import named
from harvesters.manifests.model_yaml_text import refused, warnings_of
from harvesters.manifests.problems import Problem, text_of
from schemas.manifest import API_VERSION, KIND, Manifest
from schemas.yaml_walk import LARGEST, Document, Path, YamlRefused, read_yaml

GROUP: Final = API_VERSION.partition("/")[0]
MOST_ERRORS: Final = 1_000  # a file with more is no manifest that somebody mends by hand
MARK: Final = "\ufeff".encode()
OLD: Final = ("model-catalog/v1alpha1",)
ALIKE: Final = re.compile(r"model[-_ ]?catalog(?:ue)?(?:/.*)?", re.IGNORECASE)
BEGINS: Final = re.compile(
    r"^(?:---[ \t]+|\{[ \t]*)?[\"']?api[_-]?version[\"']?[ \t]*:[ \t]*[\"']?([^\"'#,}\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)


class Reading(NamedTuple):
    """What came of a file. Ours without a manifest: it holds an error, and is refused whole."""

    ours: bool
    manifest: Manifest | None = None
    problems: tuple[Problem, ...] = ()


NOT_OURS: Final = Reading(ours=False)


def read_manifest(raw: bytes) -> Reading:
    """All that can be said of a file. Files of others, however broken, are not ours: no problem."""
    try:
        document = read_yaml(raw)
    except YamlRefused as error:
        if not _begins_like_ours(raw):
            return NOT_OURS
        return _reading(raw, None, problems=[refused(error, raw)])
    if not isinstance(document.value, dict):
        return NOT_OURS
    key = _version_key(document.value)
    stated = document.value.get(key)
    if not isinstance(stated, str) or not ALIKE.fullmatch(stated.strip()):
        return NOT_OURS
    found = list(_of_another_version(document, key))
    if found and found[0].code in {"wrong_version", "old_version"} and found[0].edit is None:
        return _reading(raw, None, problems=found)
    manifest, errors = _validated(document, key)
    unfilled = list(blanks(document, refused={one.pointer for one in errors}))
    found += without_blank(errors, unfilled)
    found += without_blank(beside(document, manifest), unfilled)
    found += unfilled
    return _reading(raw, manifest, problems=found)


def _reading(raw: bytes, manifest: Manifest | None, *, problems: list[Problem]) -> Reading:
    """Errors before warnings, each by place."""
    by_text = list(warnings_of(raw))
    seen = {one.line for one in by_text if one.code == TO_REVOKE}
    by_name = {one for one in problems if one.code == TO_REVOKE and one.line in seen}
    every = dict.fromkeys([*(one for one in problems if one not in by_name), *by_text])
    if MARK in raw[len(MARK) :]:  # YAML counts no column for a mark inside: places are not exact
        every = dict.fromkeys(one._replace(edit=None) for one in every)
    ordered = sorted(every, key=lambda one: (one.severity, one.line, one.column, one.code))
    wrong = any(one.severity == "error" for one in ordered)
    return Reading(ours=True, manifest=None if wrong else manifest, problems=tuple(ordered))


def _begins_like_ours(raw: bytes) -> bool:
    """A file that is no YAML says by a line at its margin whose it is."""
    text = text_of(raw[:LARGEST]) or raw[:LARGEST].decode("latin-1")
    return any(ALIKE.fullmatch(found[1].strip()) for found in BEGINS.finditer(text))


def _version_key(written: dict[str, Any]) -> str:
    """The key that holds the version, be it misspelled."""
    if "apiVersion" in written:
        return "apiVersion"
    alike = (key for key in written if re.fullmatch(r"api[_-]?version", key, re.IGNORECASE))
    return next(alike, "apiVersion")


def _of_another_version(document: Document, key: str) -> Iterator[Problem]:
    """An apiVersion or kind that is not quite ours; an edit means that only the spelling is."""
    path: Path = (key,)
    stated = document.value[key].strip()
    mark = document.value_of(path)
    if stated in OLD:
        message, fix = f"{named(path)} is an older version", "run `model-catalog manifest upgrade`"
        yield Problem("old_version", *mark, message, fix, pointer=pointer_of(path))
    elif document.value[key] != API_VERSION:
        _, _, version = stated.partition("/")
        spelling = not version or version.casefold() in {"v1", "1", "v1.0", "1.0"}
        edit = edits.replace_value(document, path, written=API_VERSION) if spelling else None
        message = f"{named(path)} is no version of the format that is known"
        fix = f"write {API_VERSION}" if spelling else f"write {API_VERSION}, or upgrade the catalog"
        yield Problem("wrong_version", *mark, message, fix, pointer=pointer_of(path), edit=edit)
    kind = document.value.get("kind")
    if isinstance(kind, str) and kind != KIND:
        spelling = kind.strip().casefold() in {"model", "models", "mlmodel", "model_card"}
        edit = edits.replace_value(document, ("kind",), written=KIND) if spelling else None
        fix = f"write `kind: {KIND}`, or give the file another name when it is no manifest"
        message, mark = f"`kind` must be {KIND} in a manifest", document.value_of(("kind",))
        yield Problem("wrong_kind", *mark, message, fix, pointer="/kind", edit=edit)


def _validated(document: Document, key: str) -> tuple[Manifest | None, list[Problem]]:
    """The contract's word, as if version and kind were right: what is wrong with them is said."""
    written = dict(document.value)
    if key == "apiVersion":
        written["apiVersion"] = API_VERSION
    if isinstance(written.get("kind"), str):
        written["kind"] = KIND
    try:
        return Manifest.model_validate(written), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:MOST_ERRORS]
    found = [one for one in problems_of(details, document) if one.code != "repeated"]
    return None, found
