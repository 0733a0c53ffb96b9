"""The natural key and namespace of an entry: its own, or those that its parent lends it."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from schemas.identifiers import Kind, encode_segment, fold_name
from service.ingest.fold import Reconciled
from service.ingest.placed import NAMESPACED, REGISTRIES
from service.ingest.sources import SourceFacts

PARENT: Final[Mapping[Kind, str]] = {  # the fact that names it
    Kind.VERSION: "model",
    Kind.USE: "model",
    Kind.DEPLOYMENT: "version",
}


class Parent(NamedTuple):
    """What an entry lends to those below it."""

    id: UUID
    namespace: str | None
    natural_key: str | None
    numbered_by: int | None


def natural_key(
    reconciled: Reconciled, parent: Parent | None, *, sources: Mapping[int, SourceFacts]
) -> str | None:
    """A version and a use are named below their model, whatever it is called now."""
    standing = reconciled.standing
    if standing.kind == Kind.MODEL:
        return reconciled.stated_name or standing.natural_key
    if parent is None or parent.natural_key is None or standing.kind == Kind.DEPLOYMENT:
        return standing.natural_key
    label = _label(reconciled, parent, sources=sources)
    return f"{parent.natural_key}/{label}" if label else standing.natural_key


def _label(
    reconciled: Reconciled, parent: Parent, *, sources: Mapping[int, SourceFacts]
) -> str | None:
    """A registry's number, with the registry's name unless it holds the model's numbers."""
    registries = {one.source for one in reconciled.said if one.scheme in REGISTRIES}
    number = reconciled.fields["number"].value if "number" in reconciled.fields else None
    if reconciled.standing.kind == Kind.VERSION and registries and isinstance(number, str):
        label = fold_name(encode_segment(number))
        if parent.numbered_by in registries:
            return label
        return f"{label}@{min(sources[registry].name for registry in registries)}"
    key = reconciled.standing.natural_key
    return key.split("/", 2)[2] if key else None


def namespace(reconciled: Reconciled, key: str | None, *, parent: Parent | None) -> str | None:
    """That of its name, else its parent's; an unregistered deployment has its source's."""
    standing = reconciled.standing
    if standing.kind not in NAMESPACED:
        return None
    if key is not None:
        return key.split("/", 1)[0]
    if parent is not None and parent.namespace is not None:
        return parent.namespace
    own = reconciled.namespaces
    return min(own) if own and standing.namespace not in own else standing.namespace
