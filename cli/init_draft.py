"""Gathers what a first manifest can say from what other files say. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from harvesters.manifests.formats.found import Found
from schemas.identifiers import Kind
from schemas.manifest import API_VERSION, KIND, Manifest
from schemas.masking import mask_secrets

METADATA: Final = {"display_name": "title", "description": "description"}
SPEC: Final = frozenset(
    {"lifecycle", "task", "model_class", "origin", "license", "base_model", "update_mode",
     "explainability", "data_sensitivity", "exposure", "asset_kind"}
)  # fmt: skip
FIRST: Final = (  # whose word is written where several say something; the others stand beside it
    "model_card", "mlmodel", "mlproject", "backstage", "pyproject", "citation", "croissant", "dvc",
    "dbt", "cyclonedx",
)  # fmt: skip
CARD: Final = "model_card"
NAMING: Final = ("mlproject", "pyproject", "backstage", "model_card")
MOST: Final = 50  # items of a list; a first manifest is read by people
SHOWN: Final = 80  # characters of a value that is left out
LONGEST_NAME: Final = 128
LONGEST_SPACE: Final = 63


class Said(NamedTuple):
    """A value, and where it was found."""

    value: Any
    told: str


class Read(NamedTuple):
    """What was read of one file."""

    format: str
    shown: str  # its path, as people are told it
    found: Sequence[Found]
    inside: str = ""  # its path in the repository
    description: str | None = None  # where the format has one that is no fact of its models


class Named(NamedTuple):
    """What a machine knows of the place: names that were given, the remote, the folder."""

    name: str | None = None
    namespace: Said | None = None
    url: str | None = None
    folder: str = ""


@dataclass
class Draft:
    """What will be written, by field."""

    fields: dict[str, list[Said]] = field(default_factory=dict)  # the first one is written
    labels: dict[str, Said] = field(default_factory=dict)
    owners: dict[str, Said] = field(default_factory=dict)  # by reference; the value is the role
    datasets: list[Said] = field(default_factory=list)
    local_datasets: list[Said] = field(default_factory=list)
    limitations: list[Said] = field(default_factory=list)
    registered: Said | None = None
    notes: list[str] = field(default_factory=list)
    elsewhere: dict[str, str] = field(default_factory=dict)  # other models: folder → file there

    def add(self, place: str, value: Any, *, told: str) -> None:
        """A value of a field, unless a manifest could not hold it."""
        part, name = place.split(".")
        if not holds(part, {name: value}):
            said = json.dumps(str(value)[:SHOWN], ensure_ascii=False)
            where = told.partition(",")[0]
            self.notes.append(f"{name} is left out, a manifest cannot hold {said}, {where}")
        elif all(said.value != value for said in self.fields.get(place, ())):
            self.fields.setdefault(place, []).append(Said(value, told))


def draft_of(named: Named, files: Sequence[Read], *, owners: Sequence[tuple[str, str]]) -> Draft:
    """What all files say together. `owners` are (reference, where from) of those who answer."""
    draft = Draft()
    ordered = sorted(files, key=lambda one: (FIRST.index(one.format), one.shown))
    _name(draft, named, files=ordered)
    if named.url is not None:
        draft.notes.append(f"Repository: {named.url}, from the git remote")
    for ref, told in owners:
        if holds("spec", {"owners": [{"ref": ref}]}):
            draft.owners.setdefault(ref, Said("accountable", told))
    for file in ordered:
        for found in file.found:
            _take(draft, found, told=file.shown)
        if file.format == CARD and any(found.kind is Kind.MODEL for found in file.found):
            draft.add("spec.card", file.inside, told=f"from {file.shown}")
        if file.description:
            draft.add("metadata.description", file.description, told=f"from {file.shown}")
    draft.fields.setdefault("spec.lifecycle", [Said("proposed", "as every new model")])
    return draft


def holds(part: str, members: Mapping[str, Any]) -> bool:
    """Could a manifest say this? What looks like a key is never written down."""
    document: dict[str, Any] = {
        "apiVersion": API_VERSION, "kind": KIND,
        "metadata": {"namespace": "x", "name": "x"}, "spec": {},
    }  # fmt: skip
    document[part] |= members
    try:
        Manifest.model_validate(document)
    except ValidationError:
        return False
    return all(mask_secrets(text) == text for text in _texts(members))


def slug(text: str, longest: int = LONGEST_NAME, *, dots: bool = True) -> str:
    """A name as manifests write it; empty where nothing is left."""
    kept = re.sub(r"[^a-z0-9._-]+" if dots else r"[^a-z0-9_-]+", "-", text.lower())
    return kept[:longest].strip("-._")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, member in value.items():
            yield from (*_texts(key), *_texts(member))
    elif isinstance(value, list):
        for member in value:
            yield from _texts(member)


def _name(draft: Draft, named: Named, *, files: Sequence[Read]) -> None:
    """Namespace and name: given ones, else by the files, the remote, the folder."""
    path = named.url.split("://", 1)[-1].split("/")[1:] if named.url else []
    if named.namespace is not None:
        draft.add("metadata.namespace", named.namespace.value, told=named.namespace.told)
    elif path and (space := slug(path[0], LONGEST_SPACE, dots=False)):
        told = "guessed from the owner in the git remote: correct it"
        draft.add("metadata.namespace", space, told=told)
    if named.name is not None:
        draft.add("metadata.name", named.name, told="given as --name")
        return
    calling = [
        (found.name, file.shown)
        for file in sorted(files, key=lambda one: one.format != NAMING[0])
        if file.format in NAMING
        for found in file.found
        if found.kind is Kind.MODEL and found.name
    ]
    guesses = [*calling, *((path[-1], "the git remote") for _ in path[-1:])]
    for text, told in [*guesses, (named.folder, "the folder's name")]:
        if written := slug(text):
            draft.add("metadata.name", written, told=f"from {told}")
            return


def _take(draft: Draft, found: Found, *, told: str) -> None:
    if found.kind is Kind.DATASET:
        _dataset(draft, found, told=told)
        return
    if found.kind not in {Kind.MODEL, Kind.VERSION}:
        return
    for name, value in found.facts.items():
        how = f"from {told}, concluded: check it" if name in found.inferred else f"from {told}"
        if name in METADATA and found.kind is Kind.MODEL:
            _text(draft, METADATA[name], value=value, told=how)
        elif name in SPEC:
            draft.add(f"spec.{name}", value, told=how)
        elif name == "tags":
            _labels(draft, value, told=how)
        elif name == "owners":
            _owners(draft, value, told=how)
        elif name == "limitations":
            _limitations(draft, value, told=how)


def _text(draft: Draft, name: str, *, value: str, told: str) -> None:
    """A title that says no more than the name is left out."""
    called = draft.fields.get("metadata.name", [Said("", "")])[0].value
    if name != "title" or value != called:
        draft.add(f"metadata.{name}", value, told=told)


def _labels(draft: Draft, tags: Sequence[str], *, told: str) -> None:
    """A label holds one value: of several none is written, the catalog reads them where they are.

    A tag alone is a label without a value.
    """
    values: dict[str, list[str | None]] = {}
    for tag in tags[:MOST]:
        key, separator, value = tag.partition("=")
        values.setdefault(key, []).append((value or None) if separator else None)
    for key, (label, *more) in values.items():
        if more:
            several = ", ".join(value for value in (label, *more) if value)
            draft.notes.append(
                f"No label {key}: a label holds one value, and there are {several}, {told}; "
                "the catalog reads them there"
            )
        elif holds("metadata", {"labels": {key: label}}):
            how = told if label else f"a tag without a value, {told}"
            draft.labels.setdefault(key, Said(label, how))


def _owners(draft: Draft, owners: Sequence[Mapping[str, Any]], *, told: str) -> None:
    for one in owners[:MOST]:
        named = one["owner"]
        ref = named["value"] if named["scheme"] in {"handle", "email"} else None
        role = one.get("role", "accountable")
        if ref is not None and holds("spec", {"owners": [{"ref": ref, "role": role}]}):
            draft.owners.setdefault(ref, Said(role, told))


def _limitations(draft: Draft, remarks: Sequence[Any], *, told: str) -> None:
    for one in remarks[:MOST]:
        written = {"text": one} if isinstance(one, str) else dict(one)
        if holds("spec", {"limitations": [written]}):
            draft.limitations.append(Said(written, f"from {told}"))


def _dataset(draft: Draft, found: Found, *, told: str) -> None:
    """One that others can reach is written; of a local one only a person knows where it is."""
    uri = next((one.value for one in found.same_as if one.scheme == "uri"), None)
    if len(draft.datasets) + len(draft.local_datasets) >= MOST:
        return
    for link in found.links or ({},):
        written = {"uri": uri} | {
            name: link[name] for name in ("role", "digest", "version") if name in link
        }
        if uri is not None and holds("spec", {"datasets": [written]}):
            draft.datasets.append(Said(written, f"from {told}"))
        elif uri is None and found.name:
            digest = f", {link['digest']}" if "digest" in link else ""
            draft.local_datasets.append(Said(f"{found.name}{digest}", f"from {told}"))
