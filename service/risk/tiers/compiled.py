"""A tiering policy made ready for rating: names are places, values are bits."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.policies import PolicyDocument, policy_digest
from schemas.policy_checks import COMPUTED, REGULATED, by_points, factors_of
from schemas.policy_scale import AXES, BANDS, TIERS, Axis, Band, Value, When
from service.risk.tiers.floors import CompiledFloor, Leaf, Profile, compile_condition, named

PURPOSE_VALUES: Final = (False, True)
LATEST: Final = 1_000  # behind everything that is asked for


class Fact(NamedTuple):
    """A factor, a fact that floors read, or one regulated purpose; `axis` marks factors."""

    name: str
    values: tuple[Value, ...]
    kind: str
    ask: str  # person, source; catalog: never asked
    question: str = ""
    axis: Axis | None = None
    points: tuple[int, ...] = ()  # of the values
    limits: tuple[int, ...] = ()  # of the values, where a number may be stated
    purpose: bool = False

    @property
    def any_value(self) -> int:
        """Not stated: all bits."""
        return (1 << len(self.values)) - 1

    def possible(self, mask: int) -> tuple[Value, ...]:
        """The values of a mask, in order."""
        return tuple(value for bit, value in enumerate(self.values) if mask >> bit & 1)


class Ends(dict[int, tuple[int, int]]):
    """The least and the greatest points of a factor, by the mask of its possible values."""

    def __init__(self, points: tuple[int, ...]) -> None:
        super().__init__()
        self.points = points

    def __missing__(self, mask: int) -> tuple[int, int]:
        """Worked out once a mask."""
        scored = [points for bit, points in enumerate(self.points) if mask >> bit & 1]
        self[mask] = min(scored), max(scored)
        return self[mask]


class Policy:
    """One version of a tiering policy, compiled; the same object for the same digest."""

    def __init__(self, document: PolicyDocument, digest: str) -> None:
        """Put every fact in its place: the order is the questions', never the document's."""
        self.document, self.digest = document, digest
        self.facts = (*_factors(document), *_facts(document), *_purposes(document))
        named_facts = [(place, fact) for place, fact in enumerate(self.facts) if not fact.purpose]
        self.places: Mapping[str, int] = {fact.name: place for place, fact in named_facts}
        self.purposes: Mapping[str, int] = {
            fact.name: place for place, fact in enumerate(self.facts) if fact.purpose
        }
        self.nothing: Profile = tuple(fact.any_value for fact in self.facts)
        self.bits: tuple[Mapping[Value, int], ...] = tuple(
            {value: 1 << bit for bit, value in enumerate(fact.values)} for fact in self.facts
        )
        self.ends = tuple(Ends(fact.points) for fact in self.facts)
        self.axes: tuple[tuple[int, ...], ...] = tuple(
            tuple(place for place, fact in enumerate(self.facts) if fact.axis == axis)
            for axis in AXES
        )
        self.limits = (document.bands.MEDIUM, document.bands.HIGH)
        self.matrix = tuple(
            tuple(TIERS.index(document.matrix.tier(one, other)) for other in BANDS) for one in BANDS
        )
        self.floors = tuple(_floors(self))
        self.own_floors = tuple(floor for floor in self.floors if floor.own)

    def band(self, points: int) -> int:
        """The place of the band that points fall into."""
        medium, high = self.limits
        return 2 if points >= high else int(points >= medium)

    def band_name(self, points: int) -> Band:
        """The name of the band that points fall into."""
        return BANDS[self.band(points)]


class _Source:
    """A document that is the same as another of its digest."""

    def __init__(self, document: PolicyDocument) -> None:
        self.document, self.digest = document, policy_digest(document)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and other.digest == self.digest


def compile_policy(document: PolicyDocument) -> Policy:
    """Compile a policy, once a digest; floors of regimes that are not enabled stay outside."""
    return _compiled(_Source(document))


@lru_cache(maxsize=32)
def _compiled(source: _Source) -> Policy:
    return Policy(source.document, source.digest)


def _factors(document: PolicyDocument) -> Iterator[Fact]:
    for name, (axis, points) in factors_of(document).items():
        asked, limits = document.questions[name], document.numeric.get(name)
        values = by_points(points)
        if limits is not None:
            values = tuple(sorted(limits, key=limits.__getitem__))
        yield Fact(
            name, values, asked.kind, asked.ask,
            question=asked.question, axis=axis, points=tuple(points[value] for value in values),
            limits=tuple(limits[value] for value in values) if limits else (),
        )  # fmt: skip


def _facts(document: PolicyDocument) -> Iterator[Fact]:
    order = {name: place for place, name in enumerate(document.ask_next.order)}
    for name in sorted(document.facts, key=lambda name: (order.get(name, LATEST), name)):
        rule = document.facts[name]
        yield Fact(name, rule.possible, rule.kind, rule.ask, question=rule.question or "")


def _purposes(document: PolicyDocument) -> Iterator[Fact]:
    asked = document.questions[REGULATED]
    for name in sorted(document.purposes):
        asks = document.purposes[name].asks
        yield Fact(name, PURPOSE_VALUES, asked.kind, asked.ask, question=asks, purpose=True)


def _floors(policy: Policy) -> Iterator[CompiledFloor]:
    def leaf(when: When) -> Leaf:
        if when.purpose is not None:
            return Leaf(policy.purposes[when.purpose], policy.bits[-1][True])
        place = policy.places[str(when.fact)]
        return Leaf(place, sum(policy.bits[place][value] for value in set(when.answers)))

    for floor in policy.document.floors:
        if policy.document.regimes[floor.regime].enabled:
            condition = compile_condition(floor.when, leaf)
            computed = any(policy.facts[place].name in COMPUTED for place in condition.places)
            yield CompiledFloor(
                floor, condition, named(TIERS, floor), floor.raise_by or 0, own=not computed
            )
