"""Plans which entry each identifier of a batch is: `known.py` reads, `identity.py` writes."""

from collections.abc import Iterable, Sequence
from math import inf
from uuid import UUID

from uuid_utils.compat import uuid7

from schemas.canonical import LONGEST_VALUE
from schemas.facts import ModelFacts
from schemas.identifiers import (
    SCHEMES,
    Identifier,
    Kind,
    encode_segment,
    fold_name,
    natural_name,
    source_of,
    split_natural_name,
)
from schemas.observation import Refusal
from schemas.strict import instant_text
from service.ingest import refuse
from service.ingest.batch import Item, is_natural, keeps_alive, registry_model
from service.ingest.contest import are_registered_apart, judge
from service.ingest.placed import (
    NAMESPACED,
    PARENTS,
    REGISTRIES,
    REPLACEABLE,
    Alive,
    Contest,
    Known,
    Meeting,
    Placed,
    Replacement,
    Seen,
)
from service.ingest.sources import SourceFacts


class Placement:
    """Where the identifiers of a batch belong; filled observation by observation."""

    def __init__(self, source: SourceFacts) -> None:
        """Begin with nothing known."""
        self.source = source
        self.known: dict[Identifier, Known] = {}
        self.entries: dict[UUID, Placed] = {}  # as they were read
        self.live: dict[UUID, list[Alive]] = {}
        self.apart: set[frozenset[UUID]] = set()
        self.numbers: dict[UUID, Seen] = {}  # of repositories
        self.former: dict[UUID, set[Identifier]] = {}  # manifests that are gone
        self.addresses: dict[str, set[str]] = {}  # of repositories, also past ones
        self.repositories: dict[str, UUID] = {}  # those in which manifests stand
        self.accepted: dict[UUID, set[Identifier]] = {}  # claimants that a person let in
        self.claimed: set[tuple[UUID, Identifier]] = set()  # claims that are listed
        self.contests: list[Contest] = []
        self.suggested: set[frozenset[UUID]] = set()
        self.heirs: dict[UUID, UUID] = {}  # replaced entries → what began in their place
        self.numbered_at: dict[UUID, float] = {}  # by decisions, the oldest first
        self.entry_of: dict[Identifier, UUID] = {}
        self.parents: set[Identifier] = set()  # mentioned ones
        self.begun: dict[UUID, Placed] = {}
        self.numbered: dict[UUID, int] = {}
        self.overtaken: set[UUID] = set()  # of these: numbered by what joined them
        self.homes: dict[Identifier, UUID] = {}  # of new ones: where they stand without merges
        self.merges: list[Meeting] = []
        self.proposed: list[Meeting] = []
        self.replaced: list[Replacement] = []
        self.refused = list[Refusal]()
        self._joined: dict[UUID, UUID] = {}
        self._decided: set[Identifier] = set()
        self._described: set[UUID] = set()

    def entry(self, identifier: Identifier) -> UUID | None:
        """The entry that an identifier belongs to, merges followed."""
        found = self.entry_of.get(identifier)
        if found is None and identifier in self.known:
            found = self.known[identifier].entry
        return None if found is None else self.final(found)

    def final(self, entry: UUID) -> UUID:
        """The entry that stands for it after the batch's merges."""
        while entry in self._joined:
            entry = self._joined[entry]
        return entry

    def describes(self, entry: UUID) -> bool:
        """Does the batch say something about the entry, not only mention it?"""
        return entry in self._described

    def placed(self, entry: UUID) -> Placed:
        """What identity knows of an entry, new ones included."""
        return self.begun.get(entry) or self.entries[entry]

    def place(self, item: Item) -> bool:
        """Find or begin the entry of an observation; False when it is refused.

        What is older than what is current, or than another one in the batch, decides nothing.
        """
        if item.subject in self._decided or self.is_late(item):
            return True
        natural = _stated_name(item)
        self._release(item)
        refusal, contest = judge(self, item, natural=natural)
        if refusal is not None:
            self.refused.append(refusal)
            self.contests += [contest] if contest else []
            return False
        if self.is_another_thing(item):
            own = self._replace(item, natural)
        else:
            own = self._join(item, natural)
        self._decided.add(item.subject)
        self._described.add(own)
        if item.subject.kind is Kind.MODEL and item.subject.scheme in REGISTRIES:
            self._hold_numbers(own)
        if keeps_alive(item.subject):
            name = natural.value if natural and natural.kind is Kind.MODEL else None
            alive = Alive(self.source.id, item.subject, name)
            self.live.setdefault(own, []).append(alive)
        return True

    def refer(self, mentioned: Iterable[Identifier]) -> None:
        """Begin a stub for everything that is mentioned and that no source has described yet."""
        for identifier in mentioned:
            if SCHEMES[identifier.kind][identifier.scheme].lookup_only:
                continue
            if identifier.kind in PARENTS:
                self.parents.add(identifier)
            if self.entry(identifier) is None:
                natural = identifier if is_natural(identifier) else None
                self.entry_of[identifier] = self._begin(identifier, natural, stub=True)

    def number(self, item: Item) -> Item | None:
        """Add a registry version's natural name; None when it is refused."""
        facts = item.observation.facts
        model, number = getattr(facts, "model", None), getattr(facts, "number", None)
        if item.subject.scheme not in REGISTRIES or model is None or number is None:
            return item
        entry = self.entry(model)
        if entry is None:
            return item
        own = registry_model(item.subject)
        registered = self.entry(own) if own is not None else None
        if registered not in {None, entry}:
            self.refused.append(refuse.other_model(item))
            return None
        if registered is not None:
            self._hold_numbers(entry)
        key = self.placed(entry).natural_key
        if key is None:
            return item
        label = fold_name(encode_segment(number))
        if self.numbered_by(entry) != self.source.id:
            label = f"{label}@{self.source.name}"
        value = f"{key}/{label}"
        if len(value.encode()) > LONGEST_VALUE:
            self.refused.append(refuse.unnameable(item))
            return None
        name = Identifier.model_construct(kind=Kind.VERSION, scheme="number", value=value)
        return item._replace(claims=(*item.claims, name))

    def numbered_by(self, entry: UUID) -> int | None:
        """The source whose version numbers stand bare."""
        return self.numbered.get(entry, self.placed(entry).numbered_by)

    def is_another_thing(self, item: Item) -> bool:
        """The same identifier with another creation time, newly said: not what it was."""
        known = self.known.get(item.subject)
        if known is None or known.entry is None or item.subject.kind not in REPLACEABLE:
            return False
        if known.created_at is None or item.created_at is None or known.when is None:
            return False
        newly = item.observed_at > known.when and item.subject not in self._decided
        return newly and instant_text(item.created_at) != known.created_at

    def are_parted(self, one: UUID, other: UUID) -> bool:
        """Did a person say that the two are not one thing? Generations part by themselves."""
        replaced = self.heirs.get(one) == other or self.heirs.get(other) == one
        return not replaced and self._are_apart(one, other)

    def doubtful(self, items: Iterable[Item]) -> set[UUID]:
        """Known entries that may meet others, take in something new, or be replaced."""
        found: set[UUID] = set()
        sharing: dict[Identifier, set[UUID]] = {}
        for item in items:
            own = self.entry(item.subject)
            if own is not None and self.is_another_thing(item):
                found.add(own)
            for claim in item.claims:
                other = self.entry(claim)
                if other is None:
                    sharing.setdefault(claim, set()).update({own} if own else ())
                elif other != own:
                    found |= {other} | ({own} if own else set())
        shared = (entries for entries in sharing.values() if len(entries) > 1)
        return found.union(*shared) - self.begun.keys()

    def meet_twins(self, twins: Iterable[Sequence[UUID]]) -> None:
        """Versions of one registry with equal numbers merge when their models do."""
        for group in twins:
            because = next(
                meeting.because
                for meeting in reversed(self.merges)
                if meeting.because.subject.kind is Kind.MODEL
            )
            own, *others = sorted((self.final(entry) for entry in group), key=self._age)
            for other in others:
                own = self._meet(own, self.final(other), item=because)

    def is_unclaimed(self, entry: UUID) -> bool:
        """Only mentioned so far, and without a name: it may become anything."""
        placed = self.placed(entry)
        return placed.stub and placed.natural_key is None and entry not in self._described

    def set_free(self, claim: Identifier) -> None:
        """An identifier that names something else from now on."""
        self.known[claim] = self.known[claim]._replace(entry=None)
        self.entry_of.pop(claim, None)

    def is_late(self, item: Item) -> bool:
        """Is something newer current already?"""
        known = self.known.get(item.subject)
        late = known is not None and known.when is not None and item.observed_at < known.when
        return late and self.entry(item.subject) is not None

    def _release(self, item: Item) -> None:
        """A name that its former entry neither bears nor states any more is free."""
        own = self.entry(item.subject)
        for claim in item.claims:
            known = self.known.get(claim)
            if not is_natural(claim) or known is None or known.bears or claim in self.entry_of:
                continue
            holder = self.entry(claim)
            if holder in {None, own} or claim == item.subject:
                continue
            stated = {alive.name for alive in self.live.get(holder, ())}
            if claim.kind is not Kind.MODEL or claim.value not in stated:
                self.set_free(claim)

    def _join(self, item: Item, natural: Identifier | None) -> UUID:
        """Its entry, joined by those that it claims to be the same."""
        if (heir := self._heir(item)) is not None:
            return self._leave(item, heir, retires=False)
        found = list(dict.fromkeys(e for claim in item.claims if (e := self.entry(claim))))
        own = self._own(item)
        if own is None:
            fitting = [entry for entry in found if self._fits(entry, natural)]
            own = min(fitting, key=self._age) if fitting else self._begin(item.subject, natural)
        self.entry_of[item.subject] = own
        for other in sorted(found, key=self._age):
            own = self._meet(own, self.final(other), item=item)
        for claim in item.claims:
            if self.entry(claim) in {None, own}:
                self.entry_of[claim] = own
        self._bind(item, own)
        return own

    def _bind(self, item: Item, own: UUID) -> None:
        """What is new is at home where that is to which it is bound, if merges are undone."""
        homes = (self._home(claim, own) for claim in item.claims)
        home = next((found for found in homes if found is not None), None)
        if home is None or home == own:
            return
        for claim in item.claims:
            if self.known[claim].home is None:
                self.homes.setdefault(claim, home)

    def _home(self, identifier: Identifier, own: UUID) -> UUID | None:
        """Where it stands without merges, if it is known to stand in this entry."""
        known = self.known[identifier]
        if known.home is None:
            return self.homes.get(identifier)
        return (known.own or known.home) if self.final(known.home) == own else None

    def _own(self, item: Item) -> UUID | None:
        """Where the subject stands; others only mention what is bound to this source."""
        known = self.known.get(item.subject)
        if known is not None and known.when is None and source_of(item.subject) is not None:
            return None
        return self.entry(item.subject)

    def _fits(self, entry: UUID, natural: Identifier | None) -> bool:
        """May something new begin its life in this entry, without a proposal?"""
        namespace = self.placed(entry).namespace
        if natural is None or namespace is None or self.is_unclaimed(entry):
            return True
        return namespace == split_natural_name(natural.value)[0]

    def _heir(self, item: Item) -> UUID | None:
        """What only adds facts to a version follows it when it is replaced."""
        own = self.entry(item.subject)
        if own not in self.heirs or keeps_alive(item.subject):
            return None
        heir = self.final(self.heirs[own])
        return heir if any(self.entry(claim) == heir for claim in item.claims) else None

    def _replace(self, item: Item, natural: Identifier | None) -> UUID:
        """A new entry begins, or the one whose name it takes goes on."""
        old = self.entry(item.subject)
        assert old is not None  # noqa: S101  # is_another_thing has looked
        alive = any(alive.subject != item.subject for alive in self.live.get(old, ()))
        named = self.entry(natural) if natural is not None else None
        if named is not None and named != old and self._fits(named, natural):
            new = named
        else:
            free = natural is not None and (named is None or (named == old and not alive))
            new = self._begin(item.subject, natural if free else None)
        self.heirs[old] = new
        self.apart.add(frozenset({old, new}))
        return self._leave(item, new, retires=not alive)

    def _leave(self, item: Item, new: UUID, *, retires: bool) -> UUID:
        old = self.entry(item.subject)
        assert old is not None  # noqa: S101  # only a subject that stands somewhere leaves
        self.replaced.append(Replacement(old, new, item, retires))
        others = list(dict.fromkeys(e for claim in item.claims if (e := self.entry(claim))))
        self.entry_of[item.subject] = own = new
        for claim in item.claims:
            if self.entry(claim) is None or (retires and is_natural(claim)):
                self.entry_of[claim] = new
        for other in others:
            if self.final(other) != old:
                own = self._meet(own, self.final(other), item=item)
        return own

    def _hold_numbers(self, entry: UUID) -> None:
        """A model's first registry holds the numbers: they stand without its name."""
        if self.numbered_by(entry) is None:
            self.numbered[entry] = self.source.id
            self.overtaken.discard(entry)

    def _age(self, entry: UUID) -> tuple[bool, object, UUID]:
        return self.is_unclaimed(entry), self.placed(entry).first_seen_at, entry

    def _begin(
        self, identifier: Identifier, natural: Identifier | None, *, stub: bool = False
    ) -> UUID:
        namespace = None
        if identifier.kind in NAMESPACED:
            namespace = self.source.namespace_of(identifier)
            if natural is not None:
                namespace = split_natural_name(natural.value)[0]
        key = natural.value if natural else None
        entry = uuid7()
        self.begun[entry] = Placed(entry, identifier.kind, namespace, key, stub=stub)
        return entry

    def _meet(self, one: UUID, other: UUID, *, item: Item) -> UUID:
        """Two entries turn out to be one, if they may; answers where the first one is then."""
        pair = frozenset({one, other})
        if one == other or self._are_apart(one, other):
            return one
        stays, joins = sorted(pair, key=self._age)
        apart = self.placed(stays).namespace != self.placed(joins).namespace
        apart |= are_registered_apart(item, [self.live.get(entry, ()) for entry in pair])
        if apart and not (self.is_unclaimed(stays) or self.is_unclaimed(joins)):
            if pair not in {frozenset(map(self.final, two)) for two in self.suggested}:
                self.suggested.add(pair)
                self.proposed.append(Meeting(stays, joins, item))
            return one
        self._take_over(stays, joins)
        if self.begun.pop(joins, None) is None:
            self.merges.append(Meeting(stays, joins, item))
        return stays

    def _are_apart(self, one: UUID, other: UUID) -> bool:
        return frozenset({one, other}) in {frozenset(map(self.final, two)) for two in self.apart}

    def _take_over(self, stays: UUID, joins: UUID) -> None:
        """What was found out about the joining entry holds for the one that stays."""
        self._joined[joins] = stays
        self.live.setdefault(stays, []).extend(self.live.pop(joins, ()))
        self.numbers.setdefault(stays, {}).update(self.numbers.pop(joins, {}))
        self._described |= {stays} if joins in self._described else set()
        numbers = [
            (self.numbered_at.get(entry, inf), entry != stays, source)
            for entry in (stays, joins)
            if (source := self.numbered_by(entry)) is not None
        ]
        self.numbered.pop(joins, None)
        if numbers:
            self.numbered_at[stays], _, source = min(numbers)
            if source != self.numbered_by(stays):
                self.numbered[stays] = source
                self.overtaken.add(stays)


def _stated_name(item: Item) -> Identifier | None:
    """The natural name that the observation gives its subject."""
    named = [claim for claim in item.claims if is_natural(claim)]
    facts = item.observation.facts
    if isinstance(facts, ModelFacts) and facts.namespace and facts.name:
        value = natural_name(facts.namespace, facts.name)
        named = [claim for claim in named if claim.value == value]
    return named[-1] if named else None
