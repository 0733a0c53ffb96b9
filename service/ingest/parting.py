"""PURE: which children go with which model when two merged models are two again."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from uuid import UUID

from service.ingest.groups import Group

Side = bool | None  # with the model that leaves, with the one that stays, or not to tell


class Held(NamedTuple):
    """A subject of a child: where it is at home, and on which side the model is that it names."""

    subject: int
    home: UUID
    side: Side


class Parted(NamedTuple):
    """What becomes of one group of children."""

    undone: frozenset[int]  # merges
    stands: Mapping[UUID, UUID]  # each member with the one that stands for it
    rejoined: tuple[tuple[UUID, UUID], ...]  # who stays, who joins: they belong together after all
    moved: Mapping[int, UUID | None]  # subjects that go to another home; None: to a new entry
    apart: tuple[tuple[UUID, UUID], ...]  # who stayed, who left


def part(group: Group, held: Iterable[Held]) -> Parted:
    """Undo merges across the sides, keep all others, and move what came to the wrong side since."""
    subjects = sorted(held)
    own = _sides(group, subjects)
    crossing = {one for one, joined in group.joined.items() if own[one] is not own[joined.stays]}
    parts = group.parts(crossing)
    first: dict[Side, UUID] = {}
    rejoined = list[tuple[UUID, UUID]]()
    for root in sorted(
        set(parts.values()), key=lambda one: (group.members[one].first_seen_at, one)
    ):
        stays = first.setdefault(own[root], root)
        if stays != root:
            rejoined.append((stays, root))
    goes = {joins: stays for stays, joins in rejoined}
    stands = {one: goes.get(root, root) for one, root in parts.items()}
    moved = {
        one.subject: first.get(one.side)
        for one in subjects
        if one.side is not None and one.side is not own[one.home]
    }
    apart = [(first[False], first[True])] if {False, True} <= first.keys() else []
    undone = frozenset(group.joined[one].decision for one in crossing)
    return Parted(undone, stands, tuple(rejoined), moved, tuple(apart))


def _sides(group: Group, subjects: Iterable[Held]) -> dict[UUID, Side]:
    """The side of each member: of its oldest subject that tells, else of whom it joined."""
    found: dict[UUID, bool] = {}
    for one in subjects:
        if one.side is not None:
            found.setdefault(one.home, one.side)
    telling = next((side for _, side in sorted(found.items())), False)

    def side(one: UUID) -> bool:
        while one not in found and one in group.joined:
            one = group.joined[one].stays
        return found.get(one, found.get(group.root, telling))

    return {one: side(one) for one in group.members}
