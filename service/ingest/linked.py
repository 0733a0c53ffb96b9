"""What an entry links to, and what becomes visible through it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from schemas.digest import canonical_json, sha256
from schemas.identifiers import Kind
from service.catalog.desired import LinkTo
from service.catalog.typed import BORROWING, REFERENCES, reference_columns
from service.ingest.fold import Reconciled
from service.ingest.placed import NAMESPACED
from service.ingest.targets import Targets


def links_to(name: str, value: Any, *, targets: Targets) -> Iterable[LinkTo]:
    """One link a member of the set whose target is known."""
    for item in value or ():
        target = targets.named(_named_in(item))
        if target is not None:
            yield LinkTo(
                field=name,
                key=sha256(canonical_json(item)),
                target_id=target,
                role=item.get("role"),
                digest=item.get("digest"),
                attributes=dict(item),
            )


def _named_in(member: Mapping[str, Any]) -> Mapping[str, Any]:
    """The identifier in a member of a set, or the member itself where it is one."""
    if "scheme" in member:
        return member
    named: Mapping[str, Any] = next(p for p in member.values() if isinstance(p, Mapping))
    return named


def grants(
    reconciled: Reconciled,
    namespace: str | None,
    *,
    row: Mapping[str, Any],
    links: Sequence[LinkTo],
) -> frozenset[tuple[UUID, str]]:
    """(entry, namespace) pairs that this entry makes visible: itself, and what it links to.

    What has a namespace of its own needs none, and owners are seen by everybody.
    """
    standing = reconciled.standing
    kind = Kind(standing.kind)
    if kind in NAMESPACED:
        namespaces = frozenset({namespace} if namespace else ())
        granted: set[tuple[UUID, str]] = set()
    else:
        namespaces = reconciled.namespaces
        granted = {(standing.id, seen) for seen in namespaces if kind in BORROWING}
    linked = {
        row[column]
        for fact, column in reference_columns(kind).items()
        if REFERENCES[kind, fact] in BORROWING
    }
    linked |= {link.target_id for link in links if _named_in(link.attributes)["kind"] in BORROWING}
    granted |= {(target, seen) for target in linked - {None} for seen in namespaces}
    return frozenset(granted)
