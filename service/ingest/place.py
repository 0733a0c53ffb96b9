"""Gives every observation of a batch its entry; nothing is written."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from sqlmodel import Session

from schemas.identifiers import Identifier, Kind, source_of, split_natural_name
from service.ingest import known, refuse
from service.ingest.addresses import claim_address, note_address, note_called, read_addresses
from service.ingest.batch import Item, is_natural, keeps_alive, model_above
from service.ingest.contest import FILED
from service.ingest.resolve import Placement
from service.ingest.sources import SourceFacts, list_sources
from service.ingest.twins import read_twins


def place(session: Session, placement: Placement, *, items: Sequence[Item]) -> list[Item]:
    """Place all that can be; models first: the others stand below them and take their names."""
    mentioned = {item.position: item.observation.mentioned() for item in items}
    known.read_known(
        session,
        placement,
        identifiers=(i for item in items for i in _named(item, mentioned[item.position])),
    )
    note_called(placement, items)
    items = _may_mention(placement, items, mentioned=mentioned)
    models = [item for item in items if item.subject.kind is Kind.MODEL]
    placed = _place(session, placement, items=(i for i in models if keeps_alive(i.subject)))
    adding = _described(placement, (i for i in models if not keeps_alive(i.subject)))
    placed += _place(session, placement, items=adding)
    others = _described(placement, (i for i in items if i.subject.kind is not Kind.MODEL))
    others = _without_parted(session, placement, items=others)
    others = _may_stand_below(session, placement, items=others)
    apart = [item for item in others if item.subject.kind is not Kind.VERSION]
    placed += _place(session, placement, items=apart)
    versions = [item for item in others if item.subject.kind is Kind.VERSION]
    placement.refer(i for item in versions for i in mentioned[item.position])
    placement.meet_twins(read_twins(session, placement))
    named = [found for item in versions if (found := placement.number(item)) is not None]
    known.read_known(session, placement, identifiers=(i for item in named for i in item.claims))
    placed += _place(session, placement, items=named)
    placement.refer(i for item in placed for i in mentioned[item.position])
    return sorted(placed, key=lambda item: item.position)


def _named(item: Item, mentioned: Iterable[Identifier]) -> Iterable[Identifier]:
    """All that an observation names, the models in identifiers of versions and uses among it."""
    above = (model_above(one) for one in item.claims)
    return (*item.claims, *mentioned, *(one for one in above if one is not None))


def _place(session: Session, placement: Placement, *, items: Iterable[Item]) -> list[Item]:
    """Of a subject that comes twice the newest first: only that decides."""
    newest = sorted(items, key=lambda item: (item.observed_at, item.digest), reverse=True)
    first: dict[Identifier, int] = {}
    for item in newest:
        first[item.subject] = min(item.position, first.get(item.subject, item.position))
    newest.sort(key=lambda item: (not placement.is_another_thing(item), first[item.subject]))
    known.read_doubtful(session, placement, items=(i for i in newest if not i.observation.gone))
    read_addresses(session, placement, items=newest)
    return [item for item in newest if item.observation.gone or _placed(placement, item)]


def _placed(placement: Placement, item: Item) -> bool:
    done = placement.place(claim_address(placement, item))
    note_address(placement, item)
    return done


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
            and identifier != _parent(item)
            and placement.known[identifier].entry is None
            and not placement.source.may_claim(identifier)
        ]
        if foreign:
            refused = refuse.foreign_name(item, foreign[0], source=placement.source.name)
            placement.refused.append(refused)
        else:
            allowed.append(item)
    return allowed


def _described(placement: Placement, items: Iterable[Item]) -> list[Item]:
    """A model of a file begins with its file: what else names it neither invents nor renames one.

    So a manifest that is refused, or contested, brings nothing along. Whether there is one in
    another namespace is not told.
    """
    allowed = []
    for item in items:
        named = (*item.observation.same_as, *item.observation.mentioned())
        of_files = [i for i in named if i.kind is Kind.MODEL and i.scheme in FILED]
        if not of_files and item.subject.kind is Kind.MODEL and item.subject.scheme == "foreign":
            of_files = [item.subject]
        unknown = next((i for i in of_files if not _may_add_to(placement, i)), None)
        if len(set(item.observation.same_as) & set(of_files)) > 1:
            placement.refused.append(refuse.two_manifests(item))
        elif unknown is None:
            allowed.append(item)
        else:
            placement.refused.append(refuse.undescribed(item, unknown))
    return allowed


def _may_add_to(placement: Placement, model: Identifier) -> bool:
    """Is it there, and where the source may name things? Which of the two is not told."""
    if placement.entry(model) is None:
        return False
    namespace = _namespace(placement, model)
    return namespace is None or namespace in placement.source.may_name


def _may_stand_below(
    session: Session, placement: Placement, *, items: Iterable[Item]
) -> list[Item]:
    """What takes its name from a model stands where the source may name things, or nowhere.

    A source's own model is the exception: whoever moved it elsewhere took its versions along.
    """
    sources: dict[str, SourceFacts] | None = None
    allowed = []
    for item in items:
        model, source = _parent(item), placement.source
        if model is None or source_of(model) == source.name:
            allowed.append(item)
            continue
        namespace = _namespace(placement, model)
        if namespace is None and (named := source_of(model)) is not None:
            if sources is None:
                sources = {one.name: one for one in list_sources(session).values()}
            namespace = sources[named].namespace_of(model) if named in sources else None
        if namespace in source.may_name:
            allowed.append(item)
        else:
            placement.refused.append(refuse.foreign_model(item, source=source.name))
    return allowed


def _without_parted(session: Session, placement: Placement, *, items: Iterable[Item]) -> list[Item]:
    """What people keep apart stays so for what is below: no claim joins it across the two."""
    across: dict[tuple[int, Identifier], tuple[UUID, UUID]] = {}
    found = list(items)
    for item in found:
        own = _model(placement, model_above(item.subject) or _parent(item))
        for claim in item.claims[1:]:
            other = _model(placement, model_above(claim))
            if own is not None and other is not None and own != other:
                across[item.position, claim] = own, other
    models = {one for pair in across.values() for one in pair} - placement.begun.keys()
    if models:
        known.read_decisions(session, placement, entries=models)
    parted = {claim for claim, pair in across.items() if placement.are_parted(*pair)}
    return [
        item._replace(claims=tuple(c for c in item.claims if (item.position, c) not in parted))
        for item in found
    ]


def _model(placement: Placement, model: Identifier | None) -> UUID | None:
    return None if model is None else placement.entry(model)


def _parent(item: Item) -> Identifier | None:
    """The model that lends the subject its name and namespace."""
    below = item.subject.kind in {Kind.VERSION, Kind.USE}
    return getattr(item.observation.facts, "model", None) if below else None


def _namespace(placement: Placement, model: Identifier) -> str | None:
    """Where a model stands, or will by its name; None when nobody has described it yet."""
    entry = placement.entry(model)
    if entry is not None and not placement.is_unclaimed(entry):
        return placement.placed(entry).namespace
    return split_natural_name(model.value)[0] if is_natural(model) else None
