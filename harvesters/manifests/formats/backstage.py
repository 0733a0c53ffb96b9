"""Backstage `catalog-info.yaml`: resources that are models, and components that serve them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from harvesters.manifests.formats.found import Format, Found
from harvesters.manifests.formats.held import (
    hold,
    identifier,
    mapping,
    mappings,
    one_line,
    text_of,
    texts,
)
from harvesters.manifests.formats.texts import TEMPLATE, all_documents
from schemas.identifiers import Kind

NAMES: Final = re.compile(r"(?:.*[-_.])?catalog-info\.ya?ml", re.IGNORECASE)
API: Final = "backstage.io/"
MODEL_TYPES: Final = {"ai-model", "ml-model", "model"}
SERVER: Final = "model-server"
LIFECYCLES: Final = {"experimental": "development", "production": "production"}
OWNERS: Final = {"user": "user", "group": "team"}
DEFAULT: Final = "default"
REFERENCE: Final = re.compile(
    r"(?:(?P<kind>[\w.-]+):)?(?:(?P<namespace>[\w.-]+)/)?(?P<name>[\w.-]+)"
)


class Reference(NamedTuple):
    """An entity by its kind, namespace and name; case means nothing in any of them."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As Backstage writes it in full."""
        return f"{self.kind}:{self.namespace}/{self.name}"


def read(raw: bytes, path: str) -> Sequence[Found]:
    """Models and model servers; entities of other kinds say nothing here."""
    del path
    found: list[Found] = []
    for document in all_documents(raw):
        entity = mapping(document)
        if not str(entity.get("apiVersion")).startswith(API) or _is_template(entity):
            continue
        kind = str(entity.get("kind")).lower()
        type_ = str(mapping(entity.get("spec")).get("type")).lower()
        if kind == "resource" and type_ in MODEL_TYPES:
            found.append(_model(entity))
        elif type_ == SERVER and kind in {"component", "resource"}:
            found.append(_server(entity))
    return found


def _is_template(entity: Mapping[str, Any]) -> bool:
    """A skeleton that a scaffolder fills in names nothing yet."""
    name = str(mapping(entity.get("metadata")).get("name"))
    return bool(TEMPLATE.search(name.encode(errors="replace")))


def _model(entity: Mapping[str, Any]) -> Found:
    metadata, spec = mapping(entity.get("metadata")), mapping(entity.get("spec"))
    stage = text_of(spec.get("lifecycle"))
    lost: list[str] = []
    if stage is not None and stage.lower() not in LIFECYCLES:
        lost.append(f"lifecycle: {stage[:60]} is no stage that the catalog has a word for")
    said = {
        "display_name": _title(entity),
        "description": text_of(metadata.get("description")),
        "lifecycle": LIFECYCLES.get((stage or "").lower()),
        "tags": texts(metadata.get("tags")),
        "owners": list(_owners(spec)),
        "links": list(_links(metadata)),
    }
    facts, dropped = hold(Kind.MODEL, said, dropped=lost)
    called = entity_name(entity)
    return Found(
        Kind.MODEL,
        facts,
        name=text_of(metadata.get("name")),
        dropped=dropped,
        entity=None if called is None else str(called),
    )


def _server(entity: Mapping[str, Any]) -> Found:
    """A claim that models are served: which ones, and where."""
    metadata, spec = mapping(entity.get("metadata")), mapping(entity.get("spec"))
    name = text_of(metadata.get("name"))
    links = list(_links(metadata))
    said = {
        "name": name,
        "platform": "backstage",
        "endpoint": links[0]["url"] if links else None,
    }
    facts, dropped = hold(Kind.DEPLOYMENT, said)
    served = [
        reference.name
        for text in texts(spec.get("dependsOn"))
        if (reference := read_reference(text, kind="component")) and reference.kind == "resource"
    ]
    return Found(Kind.DEPLOYMENT, facts, name=name, dropped=dropped, of=tuple(served))


def entity_name(entity: Mapping[str, Any]) -> Reference | None:
    """What an entity is called."""
    metadata = mapping(entity.get("metadata"))
    kind, name = text_of(entity.get("kind")), text_of(metadata.get("name"))
    namespace = text_of(metadata.get("namespace")) or DEFAULT
    return read_reference(f"{kind}:{namespace}/{name}", kind="") if kind and name else None


def read_reference(text: str, *, kind: str) -> Reference | None:
    """`[kind:][namespace/]name`; `kind` where it names none."""
    found = REFERENCE.fullmatch(text.strip()[:400].lower())
    if found is None:
        return None
    return Reference(found["kind"] or kind, found["namespace"] or DEFAULT, found["name"])


def _title(entity: Mapping[str, Any]) -> str | None:
    metadata, spec = mapping(entity.get("metadata")), mapping(entity.get("spec"))
    profile = mapping(spec.get("profile"))
    return one_line(metadata.get("title")) or one_line(profile.get("displayName"))


def _owners(spec: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A group unless another kind is named; its namespace is left out where it is the default."""
    owner = text_of(spec.get("owner"))
    found = read_reference(owner, kind="group") if owner else None
    if found is None or found.kind not in OWNERS:
        return
    below = "" if found.namespace == DEFAULT else f"{found.namespace}/"
    value = f"{OWNERS[found.kind]}:{below}{found.name}"
    handle = identifier(Kind.OWNER, "handle", value=value)
    if handle is not None:
        yield {"owner": handle.model_dump(mode="json"), "role": "accountable"}


def _links(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for link in mappings(metadata.get("links")):
        url = text_of(link.get("url"))
        if url is not None and url.startswith(("http://", "https://")):
            yield {"title": (one_line(link.get("title")) or url)[:200], "url": url}


def matches(path: str) -> bool:
    """Is it called as Backstage looks for it?"""
    return NAMES.fullmatch(path.rpartition("/")[2]) is not None


BACKSTAGE: Final = Format("backstage", matches, read)
