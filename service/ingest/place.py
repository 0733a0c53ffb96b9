"""Gives every observation of a batch its entry; nothing is written."""

from collections.abc import Iterable, Mapping, Sequence

from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from service.ingest import known, refuse
from service.ingest.batch import Item, is_natural
from service.ingest.resolve import Placement


def place(session: Session, placement: Placement, *, items: Sequence[Item]) -> list[Item]:
    """Place all that can be; models first, since versions are numbered below them."""
    mentioned = {item.position: item.observation.mentioned() for item in items}
    known.read_known(
        session,
        placement,
        identifiers=(i for item in items for i in (*item.claims, *mentioned[item.position])),
    )
    items = _may_mention(placement, items, mentioned=mentioned)
    first = [item for item in items if item.subject.kind is not Kind.VERSION]
    placed = _place(session, placement, items=first)
    versions = [item for item in items if item.subject.kind is Kind.VERSION]
    placement.refer(i for item in versions for i in mentioned[item.position])
    placement.meet_twins(known.read_twins(session, placement))
    named = [found for item in versions if (found := placement.number(item)) is not None]
    known.read_known(session, placement, identifiers=(i for item in named for i in item.claims))
    placed += _place(session, placement, items=named)
    placement.refer(i for item in placed for i in mentioned[item.position])
    return sorted(placed, key=lambda item: item.position)


def _place(session: Session, placement: Placement, *, items: Iterable[Item]) -> list[Item]:
    """Of a subject that comes twice the newest first: only that decides."""
    newest = sorted(items, key=lambda item: (item.observed_at, item.digest), reverse=True)
    first: dict[Identifier, int] = {}
    for item in newest:
        first[item.subject] = min(item.position, first.get(item.subject, item.position))
    newest.sort(key=lambda item: (not placement.is_another_thing(item), first[item.subject]))
    known.read_doubtful(session, placement, items=(i for i in newest if not i.observation.gone))
    return [item for item in newest if item.observation.gone or placement.place(item)]


def _may_mention(
    placement: Placement,
    items: Iterable[Item],
    *,
    mentioned: Mapping[int, Sequence[Identifier]],
) -> list[Item]:
    """A mention of what nobody described creates a stub, which takes the right to name it."""
    allowed = []
    for item in items:
        foreign = [
            identifier
            for identifier in mentioned[item.position]
            if is_natural(identifier)
            and placement.known[identifier].entry is None
            and not placement.source.may_claim(identifier)
        ]
        if foreign:
            refused = refuse.foreign_name(item, foreign[0], source=placement.source.name)
            placement.refused.append(refused)
        else:
            allowed.append(item)
    return allowed
