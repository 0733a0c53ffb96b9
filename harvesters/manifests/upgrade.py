"""Rewrites a manifest of an older version of the format as v1, with its comments and order. Pure.

`model-catalog/v1alpha1` differs from v1 in four keys of `spec`, each of which v1 reads otherwise:

- `owner: team:retention-ds`, one reference, is a list of owners in v1;
- `uses: [retention-offers]` and `datasets: [s3://lake/churn]` name things alone; in v1 each is a
  group that can say more;
- `mlflow: mlflow-prod/churn`, source and name, is an item of `registered_as` in v1.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from harvesters.manifests.model_yaml import OLD, read_manifest
from harvesters.manifests.model_yaml_edits import mended_owner, quoted
from harvesters.manifests.problems import Edit, apply_edits
from schemas.manifest import API_VERSION
from schemas.yaml_walk import Document, Path, YamlRefused, read_yaml

LEADS: Final[Mapping[str, str]] = {"uses": "name", "datasets": "uri"}  # of what was a text alone
RENAMED: Final[Mapping[str, str]] = {"owner": "owners", "mlflow": "registered_as"}


class NotUpgraded(ValueError):  # reads as a sentence
    """The file is no manifest of an older version, or cannot be read; the message says which."""


class Note(NamedTuple):
    """Something about a line of the file: the upgrade moves none."""

    line: int
    message: str


class Upgrade(NamedTuple):
    """The file in v1, what was changed in it, and what a person has to look at."""

    raw: bytes
    changes: tuple[Note, ...]
    look_at: tuple[Note, ...]


class _Step(NamedTuple):
    note: Note
    edits: tuple[Edit, ...]


def upgrade_manifest(raw: bytes) -> Upgrade:
    """A file in v1. Raises `NotUpgraded`."""
    try:
        document = read_yaml(raw)
    except YamlRefused as error:
        message = f"{error}; mend that first"
        raise NotUpgraded(message) from None
    written = document.value if isinstance(document.value, dict) else {}
    version = written.get("apiVersion")
    if version == API_VERSION:
        message = f"the file is written in {API_VERSION} already"
        raise NotUpgraded(message)
    if version not in OLD:
        raise NotUpgraded("the file is no manifest of an older version")
    steps = list(_steps(document))
    made = [edit for step in steps for edit in step.edits]
    upgraded = apply_edits(raw, made)
    changes = tuple(step.note for step in steps if step.edits)
    left = [step.note for step in steps if not step.edits]
    return Upgrade(upgraded, changes, tuple(sorted({*left, *_to_look_at(upgraded)})))


def _steps(document: Document) -> Iterator[_Step]:
    """What to change, in the order of the file."""
    version: Path = ("apiVersion",)
    line = document.values[version].line
    place = Edit(*document.values[version], *document.ends[version], API_VERSION)
    yield _Step(Note(line, f"apiVersion is {API_VERSION}"), (place,))
    spec = document.value.get("spec")
    for key, value in spec.items() if isinstance(spec, dict) else ():
        if key in RENAMED:
            yield _renamed(document, ("spec", key), beside=spec)
        elif key in LEADS and isinstance(value, list):
            yield from _led(document, ("spec", key), lead=LEADS[key])


def _renamed(document: Document, path: Path, *, beside: Mapping[str, Any]) -> _Step:
    """One value that is a list of groups in v1, under another key."""
    old = str(path[-1])
    value = beside[old]
    new, line = RENAMED[old], document.keys[path].line
    text = None
    if isinstance(value, str) and document.ends[path].line == document.values[path].line:
        text = _owners(value) if old == "owner" else _registered(value)
    if value is None:
        text = "[]"
    if new in beside:
        return _Step(Note(line, f"{old} stands beside {new}: move it there by hand"), ())
    if text is None:
        return _Step(Note(line, f"{old} cannot be rewritten: write {new} by hand"), ())
    begin, end = document.values[path], document.ends[path]
    gap = " " if begin == end else ""  # nothing stood behind the colon
    edits = (
        Edit(*document.keys[path], *document.key_ends[path], new),
        Edit(*begin, *end, gap + text),
    )
    return _Step(Note(line, f"{old} is now {new}, a list"), edits)


def _owners(reference: str) -> str:
    return f"[{{ref: {mended_owner(reference) or quoted(reference)}}}]"


def _registered(named: str) -> str | None:
    source, slash, name = named.partition("/")
    return f"[{{source: {quoted(source)}, name: {quoted(name)}}}]" if slash and name else None


def _led(document: Document, path: Path, *, lead: str) -> Iterator[_Step]:
    """Items that were texts alone."""
    for index, item in enumerate(document.value[path[0]][path[1]]):
        place: Path = (*path, index)
        begin, end = document.values[place], document.ends.get(place)
        if not isinstance(item, str) or end is None:
            continue
        if end.line != begin.line:
            note = Note(begin.line, f"an item of {path[-1]} spans lines: write {lead} by hand")
            yield _Step(note, ())
            continue
        note = Note(begin.line, f"an item of {path[-1]} is now a group with {lead}")
        yield _Step(note, (Edit(*begin, *end, f"{{{lead}: {quoted(item)}}}"),))


def _to_look_at(upgraded: bytes) -> Iterator[Note]:
    """What v1 asks for and no program knows."""
    reading = read_manifest(upgraded)
    for problem in reading.problems:
        yield Note(problem.line, f"{problem.message}: {problem.fix}")
    if reading.manifest is None:
        return
    document = read_yaml(upgraded)
    for index, use in enumerate(reading.manifest.spec.uses):
        if use.decision_role is None:
            line = document.line_of(("spec", "uses", index))
            message = "a use says not how far its output decides: add decision_role and the others"
            yield Note(line, message)
