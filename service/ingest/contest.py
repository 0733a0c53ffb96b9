"""May an observation claim what it claims? Names have one holder, namespaces their sources."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from schemas.identifiers import Identifier, Kind, fold_name, source_of
from schemas.observation import Refusal
from service.ingest import refuse
from service.ingest.batch import Item, is_natural, registry_model
from service.ingest.placed import Alive, Contest, Standing
from service.ingest.sources import SourceFacts

MANIFEST: Final = "manifest"


class Findings(NamedTuple):
    """Why an observation is refused, and which claim that leaves open."""

    refusal: Refusal | None
    contest: Contest | None = None


def judge(standing: Standing, item: Item, *, natural: Identifier | None) -> Findings:
    """Whether an observation has to be refused for what it claims to be."""
    for claim in item.claims[1:]:
        if _is_contested(standing, item, claim=claim):
            return Findings(
                refuse.contested(item.subject, position=item.position),
                _contest(standing, item, claim=claim, what="manifest"),
            )
    version = item.subject.kind is Kind.VERSION
    named = item.claims if version else (natural,)
    for one in named:
        if one and is_natural(one) and _collides(standing, item, natural=one):
            return Findings(
                refuse.collision(item), _contest(standing, item, claim=one, what="collision")
            )
    return Findings(_foreign(standing, item, source=standing.source))


def repository_of(manifest: Identifier) -> str:
    """The repository in which a manifest stands."""
    return manifest.value.partition("#")[0]


def _contest(standing: Standing, item: Item, *, claim: Identifier, what: str) -> Contest | None:
    holder = standing.entry(claim)
    if holder is None or holder in standing.begun:  # told again with the next harvest
        return None
    return Contest(what, holder, item)


def _is_contested(standing: Standing, item: Item, *, claim: Identifier) -> bool:
    """Does a manifest claim what a living manifest of another repository holds?"""
    if item.subject.kind is not Kind.MODEL or item.subject.scheme != MANIFEST:
        return False
    holder = standing.entry(claim)
    if holder is None or holder == standing.entry(item.subject):
        return False
    if item.subject in standing.accepted.get(holder, ()):
        return False
    living = standing.live.get(holder, ())
    return any(_holds(alive, repository_of(item.subject)) for alive in living)


def _holds(alive: Alive, repository: str) -> bool:
    return alive.subject.scheme == MANIFEST and repository_of(alive.subject) != repository


def _foreign(standing: Standing, item: Item, *, source: SourceFacts) -> Refusal | None:
    """Does it say to be what stands where the source may name nothing?"""
    own = standing.entry(item.subject)
    for position, claim in enumerate(item.observation.same_as):
        entry = standing.entry(claim)
        if entry is None or entry == own or entry in standing.begun:
            continue
        if standing.is_unclaimed(entry):
            continue
        namespace = standing.placed(entry).namespace
        bound = source_of(claim) == source.name
        if namespace is not None and not bound and namespace not in source.may_name:
            return refuse.foreign_same_as(item, position, source=source.name)
    return None


def _collides(standing: Standing, item: Item, *, natural: Identifier) -> bool:
    """Do two live subjects of this source fold to one name?"""
    holder = standing.entry(natural)
    if holder is None or standing.entry(item.subject) == holder:
        return False
    others = {
        alive.subject
        for alive in standing.live.get(holder, ())
        if alive.source == standing.source.id
        and alive.subject.scheme == item.subject.scheme
        and (alive.name == natural.value or _has_number(alive.subject, item))
    }
    return bool(others - set(item.claims))


def _has_number(other: Identifier, item: Item) -> bool:
    """A version that is not the same one below a model which has become one with its model.

    Equal numbers of one registry meet when their models do, and by nothing else.
    """
    if item.subject.kind is not Kind.VERSION:
        return False
    labels = {fold_name(one.value.rsplit("/", 1)[-1]) for one in (other, item.subject)}
    return registry_model(other) == registry_model(item.subject) or len(labels) > 1


def new_contests(found: Iterable[Contest], *, known: set[tuple[UUID, Identifier]]) -> list[Contest]:
    """Claims that nobody has listed yet, each once."""
    new: dict[tuple[UUID, Identifier], Contest] = {}
    for one in found:
        if (one.holder, one.because.subject) not in known:
            new.setdefault((one.holder, one.because.subject), one)
    return list(new.values())
