"""What only damage makes differ: how fields were decided, where links lead, who may see."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from uuid import UUID

from service.catalog.desired import Desired, Links, LinkTo


class Repair(NamedTuple):
    """One difference that no observation explains: its place, what stood there, what should."""

    place: str
    old: Any
    new: Any


def decision_repairs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Repair]:
    """Differences between two typed rows in how their fields were decided."""
    for name in ("provenance", "narrowed"):
        for fact in sorted(old[name].keys() | new[name].keys()):
            if old[name].get(fact) != new[name].get(fact):
                yield Repair(f"{name}/{fact}", old[name].get(fact), new[name].get(fact))
    for name in ("statements", "conflicts", "number_key", "matched", "offered", "sought"):
        if name in new and old[name] != new[name]:
            yield Repair(name, old[name], new[name])


def link_repairs(one: Desired, have: Links) -> Iterator[Repair]:
    """Links that say what the fact says, and lead elsewhere or stand under another key."""
    wanted = {(link.field, link.key): link for link in one.links}
    told = {
        fact
        for fact in {fact for fact, _ in have.keys() | wanted.keys()}
        if _members(have.values(), fact) != _members(wanted.values(), fact)
    }
    for place in sorted(have.keys() | wanted.keys()):
        old, new = have.get(place), wanted.get(place)
        if old != new and place[0] not in told:
            yield Repair(f"links/{place[0]}", _shown(old), _shown(new))


def grant_repairs(
    differing: Iterable[tuple[UUID, str, UUID]], *, granted: bool
) -> Iterator[tuple[UUID, Repair]]:
    """Grants that were missing, or that nothing gives; each with the entry that would give it."""
    for target, namespace, giver in differing:
        grant = f"{namespace} sees {target}"
        yield giver, Repair("grants", None if granted else grant, grant if granted else None)


def _members(links: Iterable[LinkTo], fact: str) -> list[str]:
    return sorted(str(sorted(link.attributes.items())) for link in links if link.field == fact)


def _shown(link: LinkTo | None) -> Any:
    return link and {"key": link.key, "target": str(link.target_id), "role": link.role,
                     "digest": link.digest}  # fmt: skip
