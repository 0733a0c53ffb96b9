"""CycloneDX: components that are machine learning models, with their model cards. JSON only."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final

from harvesters.manifests.formats.datasets import Called, called, public_address
from harvesters.manifests.formats.found import FileRefused, Format, Found
from harvesters.manifests.formats.held import (
    hold,
    items_of,
    mapping,
    mappings,
    one_line,
    text_of,
    texts,
)
from harvesters.manifests.formats.people import developers
from harvesters.manifests.formats.strict_json import read_json
from harvesters.manifests.formats.tasks import task_of
from schemas.identifiers import Kind

NAMES: Final = (
    "bom.json", "*.cdx.json", "*.bom.json", "*-bom.json", "*_bom.json", "*mlbom*.json",
    "sbom.json", "*-sbom.json", "*_sbom.json", "*.sbom.json",
)  # fmt: skip
STANDARD: Final = "CycloneDX"
MODEL: Final = "machine-learning-model"
DEEPEST: Final = 20  # components in components
MOST: Final = 200  # models of one file
SENSITIVE: Final = {"public": "public", "internal": "internal"}
PERSONAL: Final = re.compile(r"\b(?:personal|personally|pii)\b", re.IGNORECASE)


def read(raw: bytes, path: str) -> Sequence[Found]:
    """Models; a bill of materials without any answers nothing."""
    del path
    read = mapping(read_json(raw))
    if read.get("bomFormat") != STANDARD:
        raise FileRefused("other_format", f"its bomFormat is not {STANDARD}")
    referred = {
        str(one.get("bom-ref")): one for one in _components(read) if one.get("type") == "data"
    }
    found: list[Found] = []
    for component in _components(read):
        if component.get("type") == MODEL:
            found += _model(component, referred)
        if len(found) > MOST:
            raise FileRefused("too_large", f"describes more than {MOST} models")
    return found


def _components(read: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What the document is about, its components and theirs."""
    level = [*mappings([mapping(read.get("metadata")).get("component")])]
    level += mappings(read.get("components"))
    for _ in range(DEEPEST):
        yield from level
        level = [inner for outer in level for inner in mappings(outer.get("components"))]


def _model(
    component: Mapping[str, Any], referred: Mapping[str, Mapping[str, Any]]
) -> Iterator[Found]:
    card = mapping(component.get("modelCard"))
    parameters = mapping(card.get("modelParameters"))
    considerations = mapping(card.get("considerations"))
    group, name = one_line(component.get("group")), one_line(component.get("name"))
    owners = developers([*mappings(component.get("authors")), *_contacts(component)])
    task, lost = _task(parameters)
    facts, dropped = hold(
        Kind.MODEL,
        {
            "display_name": f"{group}/{name}" if group and name else name,
            "description": text_of(component.get("description")),
            "license": _licence(component),
            "task": task,
            "tags": texts(component.get("tags")),
            "limitations": [
                {"text": text} for text in texts(considerations.get("technicalLimitations"))
            ],
            "owners": owners,
        },
        dropped=lost,
    )
    inferred = ("owners",) if "owners" in facts else ()
    yield Found(Kind.MODEL, facts, inferred=inferred, name=name, dropped=dropped)
    yield from _version(component, name)
    for dataset in mappings(parameters.get("datasets")):
        yield _dataset(_resolved(dataset, referred), name)


def _task(parameters: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    text = one_line(parameters.get("task"))
    task = task_of(text) if text else None
    if text is None or task is not None:
        return task, []
    return None, [f"task: {text[:60]} is no task that the catalog has a word for"]


def _version(component: Mapping[str, Any], name: str | None) -> Iterator[Found]:
    number = one_line(component.get("version"))
    digests = [
        f"sha256:{str(one.get('content')).lower()}"
        for one in mappings(component.get("hashes"))
        if one.get("alg") == "SHA-256"
    ]
    facts, dropped = hold(Kind.VERSION, {"number": number, "digests": digests})
    if facts:
        yield Found(Kind.VERSION, facts, dropped=dropped, of=(name,) if name else ())


def _dataset(dataset: Mapping[str, Any], model: str | None) -> Found:
    """A dataset by its address; its sensitivity where it is classified in words that we have."""
    address = text_of(mapping(dataset.get("contents")).get("url"))
    where = called(address) if address else Called("")
    name = called(one_line(dataset.get("name")) or where.name).name or None
    said = {
        "name": name,
        "description": text_of(dataset.get("description")),
        "uri": None if where.uri is None else where.uri.value,
        "data_sensitivity": _sensitivity(dataset),
        "source_url": public_address(address) if address else None,
    }
    facts, dropped = hold(Kind.DATASET, said, dropped=where.dropped)
    return Found(
        Kind.DATASET,
        facts,
        name=name,
        same_as=() if where.uri is None else (where.uri,),
        dropped=dropped,
        links=({},),
        of=(model,) if model else (),
    )


def _resolved(
    dataset: Mapping[str, Any], referred: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    """What stands elsewhere in the same document; other documents are not opened."""
    reference = text_of(dataset.get("ref"))
    component = referred.get(reference) if reference else None
    if component is None:
        return dataset
    inner = next(iter(mappings(component.get("data"))), {})
    return {**component, **inner, "name": component.get("name")}


def _sensitivity(dataset: Mapping[str, Any]) -> str | None:
    if any(PERSONAL.search(text[:1_000]) for text in texts(dataset.get("sensitiveData"))):
        return "personal"
    return SENSITIVE.get((text_of(dataset.get("classification")) or "").lower())


def _licence(component: Mapping[str, Any]) -> str | None:
    """An expression, or the identifiers and names of several. How they combine is not said."""
    found: list[str] = []
    for choice in items_of(component.get("licenses")):
        one = mapping(mapping(choice).get("license"))
        text = one_line(mapping(choice).get("expression"))
        text = text or one_line(one.get("id")) or one_line(one.get("name"))
        found += [text] if text else []
    return ", ".join(found) or None


def _contacts(component: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    makers = (mapping(component.get(one)) for one in ("manufacturer", "supplier"))
    return [contact for maker in makers for contact in mappings(maker.get("contact"))]


def matches(path: str) -> bool:
    """Is it called like a bill of materials in JSON?"""
    name = path.rpartition("/")[2].lower()
    return any(fnmatchcase(name, glob) for glob in NAMES)


CYCLONEDX: Final = Format("cyclonedx", matches, read)
