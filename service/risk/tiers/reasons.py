"""Why a rating is what it is, what would move it, and what differs between two of them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.policy_checks import REGULATED
from schemas.policy_scale import AXES, TIERS, Axis, Band, Tier, Value
from schemas.strict import Json
from service.risk.tiers.compiled import Policy
from service.risk.tiers.floors import FALSE, STATES, Profile, deciding
from service.risk.tiers.profiles import NO, YES, spelled
from service.risk.tiers.questions import open_purposes, replaced
from service.risk.tiers.rating import Rating, rate_profile

EXPLAINED: Final = 4_096  # profiles whose reasons are remembered
LIFTS_NOTHING: Final = (STATES[FALSE],)


class Reason(NamedTuple):
    """What one factor adds to its axis."""

    axis: Axis
    factor: str
    possible: tuple[Value, ...]
    points_low: int
    points_high: int


class Ground(NamedTuple):
    """A fact that a floor stands on, and what it may be."""

    fact: str  # a purpose: regulated_purposes.<purpose>
    possible: tuple[Value, ...]


class FloorState(NamedTuple):
    """A floor in force: `because` are the facts that decide it, or leave it undecided."""

    id: str
    title: str
    state: str  # TRUE, UNKNOWN, FALSE
    to: Tier | None
    raise_by: int
    hard: bool
    because: tuple[Ground, ...]


class Bands(NamedTuple):
    """The bands that one axis reaches."""

    axis: Axis
    low: Band
    high: Band


class WhatIf(NamedTuple):
    """One single answer that would lower the upper end or raise the lower one.

    `possible` ones are still open; the others contradict what is stated. Of `regulated_purposes`
    the answer reads as it is pinned: a list states all, a mapping one.
    """

    fact: str
    answer: Json
    possible: bool
    tier_low: Tier
    tier_high: Tier
    lowers: bool
    raises: bool


class Explanation(NamedTuple):
    """A rating with its reasons."""

    rating: Rating
    bands: tuple[Bands, ...]
    reasons: tuple[Reason, ...]
    floors: tuple[FloorState, ...]
    what_if: tuple[WhatIf, ...] = ()


class Change(NamedTuple):
    """One part of a rating before and after; None where that policy has no such part."""

    name: str
    before: tuple[str | int, ...] | None
    after: tuple[str | int, ...] | None


class Difference(NamedTuple):
    """What differs between two ratings of one use: points, bands, states of floors."""

    factors: tuple[Change, ...]
    bands: tuple[Change, ...]
    floors: tuple[Change, ...]


@lru_cache(maxsize=EXPLAINED)
def grounds_of(policy: Policy, profile: Profile) -> Explanation:
    """The reasons of a rating, without what would move it."""
    rating = rate_profile(policy, profile)
    ends = (
        (rating.materiality_low, rating.materiality_high),
        (rating.inherent_low, rating.inherent_high),
    )
    bands = tuple(
        Bands(axis, policy.band_name(low), policy.band_name(high))
        for axis, (low, high) in zip(AXES, ends, strict=True)
    )
    reasons, floors = _reasons(policy, profile), _floors(policy, profile)
    return Explanation(rating, bands, tuple(reasons), tuple(floors))


def explanation_of(policy: Policy, profile: Profile) -> Explanation:
    """The reasons of a rating, and each single answer that would move it."""
    what_if = tuple(_what_if(policy, profile))
    return grounds_of(policy, profile)._replace(what_if=what_if)


def compare(before: Explanation, after: Explanation) -> Difference:
    """Factors, bands and floors that differ, be it by other facts or another policy."""
    return Difference(
        _changes(_points(before), _points(after)),
        _changes(
            {bands.axis: (bands.low, bands.high) for bands in before.bands},
            {bands.axis: (bands.low, bands.high) for bands in after.bands},
        ),
        _changes(_effects(before), _effects(after)),
    )


def _reasons(policy: Policy, profile: Profile) -> Iterator[Reason]:
    for place, fact in enumerate(policy.facts):
        if fact.axis is not None:
            low, high = policy.ends[place][profile[place]]
            yield Reason(fact.axis, fact.name, fact.possible(profile[place]), low, high)


def _floors(policy: Policy, profile: Profile) -> Iterator[FloorState]:
    for floor in policy.floors:
        rule = floor.rule
        because = dict.fromkeys(deciding(floor.condition, profile))
        yield FloorState(
            rule.id, rule.title, STATES[floor.condition.state(profile)], rule.to,
            floor.raise_by, rule.hard,
            tuple(
                Ground(spelled(policy, place), policy.facts[place].possible(profile[place]))
                for place in because
            ),
        )  # fmt: skip


def _what_if(policy: Policy, profile: Profile) -> Iterator[WhatIf]:
    now = rate_profile(policy, profile)
    for fact, answer, masks in _answers(policy, profile):
        then = rate_profile(policy, replaced(profile, masks))
        lowers = TIERS.index(then.tier_high) < TIERS.index(now.tier_high)
        raises = TIERS.index(then.tier_low) > TIERS.index(now.tier_low)
        if lowers or raises:
            possible = all(mask & profile[place] for place, mask in masks.items())
            yield WhatIf(fact, answer, possible, then.tier_low, then.tier_high, lowers, raises)


def _answers(policy: Policy, profile: Profile) -> Iterator[tuple[str, Json, dict[int, int]]]:
    """Every single answer that differs from what is stated."""
    for name, place in policy.places.items():
        for value, bit in policy.bits[place].items():
            if bit != profile[place]:
                yield name, value, {place: bit}
    if unstated := open_purposes(policy, profile):
        stated: list[Json] = [n for n, at in policy.purposes.items() if profile[at] == YES]
        yield REGULATED, stated, dict.fromkeys(unstated, NO)
    for name, place in policy.purposes.items():
        for answer, bit in ((False, NO), (True, YES)):
            if bit != profile[place]:
                yield REGULATED, {name: answer}, {place: bit}


Parts = dict[str, tuple[str | int, ...]]


def _points(explained: Explanation) -> Parts:
    return {one.factor: (one.points_low, one.points_high) for one in explained.reasons}


def _effects(explained: Explanation) -> Parts:
    """A floor's state; with what it lifts to, unless it lifts nothing."""
    return {
        one.id: LIFTS_NOTHING if one.state == STATES[FALSE] else (one.state, one.to or one.raise_by)
        for one in explained.floors
    }


def _changes(before: Parts, after: Parts) -> tuple[Change, ...]:
    """A floor that holds nowhere is as good as none."""
    pairs = {name: (before.get(name), after.get(name)) for name in {**before, **after}}
    return tuple(
        Change(name, *pair)
        for name, pair in pairs.items()
        if pair[0] != pair[1] and not set(pair) <= {None, LIFTS_NOTHING}
    )
