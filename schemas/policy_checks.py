"""Checks that the parts of a tiering policy fit together; each problem names its place."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from schemas.facts import FACTS
from schemas.identifiers import Kind
from schemas.policy_scale import AXES, BANDS, MOST_POINTS, TIERS, Axis, Value, When

if TYPE_CHECKING:
    from schemas.policies import PolicyDocument

REGULATED: Final = "regulated_purposes"  # the one question with many facts
COMPUTED: Final = frozenset({"feeds_high_model", "red_signal_open"})  # by the catalog itself
DERIVED: Final = frozenset({"version.training_datasets"})  # of fields: the links for training
DEEPEST: Final = 10
Place = tuple[str | int, ...]


class Problem(NamedTuple):
    """What is wrong in one place, and what to do."""

    at: Place
    message: str


def problems_of(policy: "PolicyDocument") -> Iterator[Problem]:
    """Everything that does not fit together, in the order of the file."""
    for check in (
        _scale, _matrix, _numeric, _facts, _questions, _regimes, _floors, _order, _lists,
    ):  # fmt: skip
        yield from check(policy)


def factors_of(policy: "PolicyDocument") -> dict[str, tuple[Axis, Mapping[str, int]]]:
    """Each factor's axis and points; the order is that of the questions, never of the file."""
    both = (policy.axes.materiality, policy.axes.inherent)
    place = {fact: number for number, fact in enumerate(policy.ask_next.order)}
    return {
        factor: (axis, points)
        for axis, factors in zip(AXES, both, strict=True)
        for factor, points in sorted(factors.items(), key=lambda item: place.get(item[0], 0))
    }


def by_points(points: Mapping[str, int]) -> tuple[str, ...]:
    """The values of a factor, fewest points first."""
    return tuple(sorted(points, key=lambda value: (points[value], value)))


def _scale(policy: "PolicyDocument") -> Iterator[Problem]:
    if policy.tiers != TIERS:
        yield Problem(("tiers",), f"must read {', '.join(TIERS)}, in this order")
    if policy.bands.HIGH <= policy.bands.MEDIUM:
        yield Problem(("bands", "HIGH"), "must be more than MEDIUM: raise it, or lower MEDIUM")
    for axis, factors in zip(AXES, (policy.axes.materiality, policy.axes.inherent), strict=True):
        most = sum(max(points.values()) for points in factors.values())
        if most > MOST_POINTS:
            yield Problem(
                ("axes", axis), f"reaches {most} points: lower some until it is at most 100"
            )
    for factor in sorted(policy.axes.materiality.keys() & policy.axes.inherent.keys()):
        yield Problem(("axes", "inherent", factor), "stands on both axes: take it off one")


def _matrix(policy: "PolicyDocument") -> Iterator[Problem]:
    rank = {band: number for number, band in enumerate(BANDS)}
    tier = policy.matrix.tier
    for one in BANDS:
        for lower, upper in pairwise(BANDS):
            if rank[tier(one, upper)] < rank[tier(one, lower)]:
                at = ("matrix", one, upper)
                yield Problem(at, f"is lower than at {lower}: more inherent risk never lowers")
            if rank[tier(upper, one)] < rank[tier(lower, one)]:
                at = ("matrix", upper, one)
                yield Problem(at, f"is lower than at {lower}: more materiality never lowers")


def _numeric(policy: "PolicyDocument") -> Iterator[Problem]:
    factors = factors_of(policy)
    for factor, limits in sorted(policy.numeric.items()):
        at: Place = ("numeric", factor)
        if factor not in factors:
            yield Problem(at, "is no factor: use a name from axes, or leave it out")
            continue
        points = factors[factor][1]
        if limits.keys() != points.keys():
            yield Problem(at, f"must give a limit to each of {', '.join(by_points(points))}")
            continue
        ascending = sorted(limits, key=lambda value: (points[value], limits[value]))
        for lower, upper in pairwise(ascending):
            if limits[upper] <= limits[lower]:
                yield Problem((*at, upper), f"must be above the limit of {lower}, as its points")


def _facts(policy: "PolicyDocument") -> Iterator[Problem]:
    factors = factors_of(policy)
    for fact, rule in sorted(policy.facts.items()):
        if fact in factors:
            yield Problem(("facts", fact), "is a factor already: leave it out here")
        if fact == REGULATED:
            yield Problem(("facts", fact), "is the question for all purposes: leave it out here")
        if rule.ask == "catalog" and fact not in COMPUTED:
            known = ", ".join(sorted(COMPUTED))
            yield Problem(("facts", fact, "ask"), f"the catalog computes only {known}: ask others")
        if fact in COMPUTED and (rule.ask, rule.type) != ("catalog", "boolean"):
            yield Problem(("facts", fact), "is computed: it must be {type: boolean, ask: catalog}")
    if REGULATED in factors:
        yield Problem(("axes",), f"{REGULATED} is no factor: take it off the axis")


def _questions(policy: "PolicyDocument") -> Iterator[Problem]:
    asked = {*factors_of(policy), REGULATED}
    for name in sorted(policy.questions.keys() - asked):
        yield Problem(("questions", name), "is no factor: use a name from axes, or leave it out")
    for name in sorted(asked - policy.questions.keys()):
        yield Problem(("questions",), f"says nothing of {name}: add a question for it")


def _regimes(policy: "PolicyDocument") -> Iterator[Problem]:
    places: list[tuple[Place, str]] = [
        (("purposes", name, "regime"), purpose.regime)
        for name, purpose in sorted(policy.purposes.items())
    ]
    places += [(("floors", n, "regime"), floor.regime) for n, floor in enumerate(policy.floors)]
    for at, regime in places:
        if regime not in policy.regimes:
            yield Problem(at, f"no regime is called {regime}: add it to regimes, or mend the name")


def _floors(policy: "PolicyDocument") -> Iterator[Problem]:
    known: dict[str, tuple[Value, ...]] = {
        **{factor: tuple(points) for factor, (_, points) in factors_of(policy).items()},
        **{fact: rule.possible for fact, rule in policy.facts.items()},
    }
    seen: set[str] = set()
    for number, floor in enumerate(policy.floors):
        if floor.id in seen:
            yield Problem(("floors", number, "id"), f"{floor.id} is taken: choose another")
        seen.add(floor.id)
        for at, leaf in floor.when.leaves(("floors", number, "when")):
            if len(at) > 2 * DEEPEST:
                yield Problem(("floors", number, "when"), "is nested too deep: at most ten levels")
                break
            yield from _leaf(policy, at, leaf=leaf, known=known)


def _leaf(
    policy: "PolicyDocument", at: Place, *, leaf: When, known: Mapping[str, tuple[Value, ...]]
) -> Iterator[Problem]:
    if leaf.purpose is not None:
        if leaf.purpose not in policy.purposes:
            yield Problem((*at, "purpose"), "is no purpose: add it to purposes, or mend the name")
    elif leaf.fact is None or leaf.fact not in known:
        yield Problem((*at, "fact"), "is no factor and no fact: mend the name, or add it to facts")
    else:
        possible = known[leaf.fact]
        word = "is" if leaf.in_ is None else "in"
        if not set(leaf.answers) <= set(possible):
            listed = ", ".join(str(one).lower() for one in possible)
            yield Problem((*at, word), f"{leaf.fact} is one of {listed}: mend the value")


def _order(policy: "PolicyDocument") -> Iterator[Problem]:
    asked = {*factors_of(policy), REGULATED}
    asked |= {fact for fact, rule in policy.facts.items() if rule.ask != "catalog"}
    order = policy.ask_next.order
    for number, fact in enumerate(order):
        at = ("ask_next", "order", number)
        if fact not in asked:
            yield Problem(at, f"{fact} is nothing that is asked for: leave it out")
        elif fact in order[:number]:
            yield Problem(at, f"{fact} stands here twice: leave one out")
    for fact in sorted(asked - set(order)):
        yield Problem(("ask_next", "order"), f"leaves out {fact}: say when it is asked for")


def _lists(policy: "PolicyDocument") -> Iterator[Problem]:
    floor = policy.exception.not_with_floor
    if floor not in {one.id for one in policy.floors}:
        yield Problem(("exception", "not_with_floor"), f"no floor is called {floor}: mend the id")
    for number, path in enumerate(policy.material_changes):
        if path not in DERIVED and not _is_field(path):
            at = ("material_changes", number)
            yield Problem(at, f"{path} is no field: write it like version.base_model")


def _is_field(path: str) -> bool:
    kind, _, field = path.partition(".")
    return kind in {str(one) for one in Kind} and field in FACTS[Kind(kind)].model_fields
