"""May an observation claim what it claims? Names have one holder, namespaces their sources."""

from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

from schemas.identifiers import Identifier, Kind, fold_name, source_of
from schemas.observation import Refusal
from service.ingest import refuse
from service.ingest.batch import Item, is_natural, registry_model
from service.ingest.placed import REGISTRIES, Alive, Contest, Standing
from service.ingest.sources import SourceFacts

MANIFEST: Final = "manifest"
FILED: Final = frozenset({MANIFEST, "file"})  # schemes of models that a file describes


class Findings(NamedTuple):
    """Why an observation is refused, and which claim that leaves open."""

    refusal: Refusal | None
    contest: Contest | None = None


def judge(standing: Standing, item: Item, *, natural: Identifier | None) -> Findings:
    """Whether an observation has to be refused for what it claims to be."""
    foreign = _foreign(standing, item, source=standing.source)
    if foreign is not None:
        return Findings(foreign)
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
    return Findings(None)


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
    repository = repository_of(item.subject)
    living = (alive.subject for alive in standing.live.get(holder, ()))
    others = (repository_of(one) for one in living if one.scheme == MANIFEST)
    if any(_are_two(standing, repository, other=other) for other in others):
        return True
    gone = (repository_of(former) for former in standing.former.get(holder, ()))
    return any(_took_address(standing, repository, former=former) for former in gone)


def _are_two(standing: Standing, one: str, *, other: str) -> bool:
    """One repository may be read by its number and by its address."""
    entries = (standing.repositories.get(which) for which in (one, other))
    return one != other and (None in (both := set(entries)) or len(both) > 1)


def _took_address(standing: Standing, repository: str, *, former: str) -> bool:
    """Another repository under an address of one whose manifest is gone: it inherits nothing.

    Nor does one of which no address is known.
    """
    own, theirs = (_addresses(standing, which) for which in (repository, former))
    return former != repository and (not own or not own.isdisjoint(theirs))


def _addresses(standing: Standing, repository: str) -> set[str]:
    found = standing.addresses.get(repository, set())
    return found | {repository} if "://" in repository else found


def _foreign(standing: Standing, item: Item, *, source: SourceFacts) -> Refusal | None:
    """Is it, or does it say to be, what stands where the source may name nothing?"""
    own = standing.entry(item.subject)
    if own is not None and item.subject.kind is Kind.MODEL and item.subject.scheme in FILED:
        namespace = None if own in standing.begun else standing.placed(own).namespace
        described = namespace is not None and not standing.is_unclaimed(own)
        if described and namespace not in source.may_name:
            return refuse.foreign_subject(item, source=source.name)
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


def are_registered_apart(item: Item, sides: Iterable[Iterable[Alive]]) -> bool:
    """Would a file make one model of two that one registry knows as two? A person decides that."""
    if item.subject.kind is not Kind.MODEL or item.subject.scheme in REGISTRIES:
        return False
    mine, theirs = ({a.source for a in side if a.subject.scheme in REGISTRIES}
                    for side in sides)  # fmt: skip
    return not mine.isdisjoint(theirs)


def new_contests(found: Iterable[Contest], *, known: set[tuple[UUID, Identifier]]) -> list[Contest]:
    """Claims that nobody has listed yet, each once."""
    new: dict[tuple[UUID, Identifier], Contest] = {}
    for one in found:
        if (one.holder, one.because.subject) not in known:
            new.setdefault((one.holder, one.because.subject), one)
    return list(new.values())
