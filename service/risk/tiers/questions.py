"""What to ask next: the facts whose answers move the tier most."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.policy_checks import REGULATED
from schemas.policy_scale import BANDS, TIERS, Value
from service.risk.tiers.compiled import Policy
from service.risk.tiers.floors import TRUE, UNKNOWN, CompiledFloor, Profile
from service.risk.tiers.profiles import NO, YES
from service.risk.tiers.rating import HIGHEST, Rating, points_of, rate_profile

CATALOG: Final = "catalog"
ASKED: Final = 4_096  # profiles whose questions are remembered


class Question(NamedTuple):
    """One thing to state. `answers` are values; of `regulated_purposes` the open purposes."""

    fact: str
    question: str
    kind: str  # of the entry that the fact stands on
    who: str  # person or source
    swing: int  # tiers that single answers move the ends by
    span: int  # points between its least and its greatest answer, where these still matter
    answers: tuple[Value, ...]


class _Candidate(NamedTuple):
    name: str
    places: tuple[int, ...]  # one; of the regulated purposes those that are open
    outcomes: tuple[Profile, ...]  # after each single answer
    span: int


@lru_cache(maxsize=ASKED)
def questions_of(policy: Policy, profile: Profile) -> tuple[Question, ...]:
    """At most so many as the policy says, most swing first; none when the tier is FIRM."""
    rating = rate_profile(policy, profile)
    if rating.firm:
        return ()
    ahead = _lifting(policy, profile, rating=rating)
    order = {name: place for place, name in enumerate(policy.document.ask_next.order)}
    found = []
    for one in _candidates(policy, profile):
        swing = _swing(policy, rating, outcomes=one.outcomes)
        if swing or one.span or _decides(ahead, one.outcomes):
            found.append(_question(policy, one, profile=profile, swing=swing))
    found.sort(key=lambda asked: (-asked.swing, -asked.span, order[asked.fact]))
    return tuple(found[: policy.document.ask_next.at_most])


def single_answers(policy: Policy, profile: Profile, *, place: int) -> tuple[Profile, ...]:
    """The profile after each single value that a fact may still have."""
    bits = policy.bits[place].values()
    return tuple(replaced(profile, {place: bit}) for bit in bits if bit & profile[place])


def replaced(profile: Profile, masks: dict[int, int]) -> Profile:
    """A profile with other masks in some places."""
    changed = list(profile)
    for place, mask in masks.items():
        changed[place] = mask
    return tuple(changed)


def open_purposes(policy: Policy, profile: Profile) -> tuple[int, ...]:
    """The regulated purposes that nothing is stated about."""
    return tuple(place for place in policy.purposes.values() if profile[place] == NO | YES)


def _candidates(policy: Policy, profile: Profile) -> Iterator[_Candidate]:
    spans = _spans(policy, profile)
    for name, place in policy.places.items():
        several = profile[place] & (profile[place] - 1)
        if several and policy.facts[place].ask != CATALOG:
            outcomes = single_answers(policy, profile, place=place)
            yield _Candidate(name, (place,), outcomes, spans.get(place, 0))
    if places := open_purposes(policy, profile):
        none = dict.fromkeys(places, NO)
        alone = (replaced(profile, none | {place: YES}) for place in places)
        yield _Candidate(REGULATED, places, (replaced(profile, none), *alone), 0)


def _swing(policy: Policy, rating: Rating, *, outcomes: tuple[Profile, ...]) -> int:
    """The greatest fall of the upper end, and the greatest rise of the lower one."""
    after = [rate_profile(policy, outcome) for outcome in outcomes]
    fall = TIERS.index(rating.tier_high) - min(TIERS.index(one.tier_high) for one in after)
    rise = max(TIERS.index(one.tier_low) for one in after) - TIERS.index(rating.tier_low)
    return fall + rise


def _spans(policy: Policy, profile: Profile) -> dict[int, int]:
    """By factor, how many points apart its answers are; only on an axis that still matters."""
    ends = [points_of(policy, profile, places=places) for places in policy.axes]
    bands = [(policy.band(low), policy.band(high)) for low, high in ends]
    floor = max(
        (one.to for one in policy.floors if one.condition.state(profile) == TRUE), default=0
    )
    spans = {}
    for axis, places in enumerate(policy.axes):
        if _is_open(policy, axis, bands=bands, floor=floor):
            for place in places:
                least, most = policy.ends[place][profile[place]]
                spans[place] = most - least
    return spans


def _is_open(policy: Policy, axis: int, *, bands: list[tuple[int, int]], floor: int) -> bool:
    """Does the tier differ between the ends of an axis, for some band of the other one?"""
    low, high = bands[axis]
    lowest, highest = bands[1 - axis]

    def tier(own: int, other: int) -> int:
        cell = policy.matrix[own][other] if axis == 0 else policy.matrix[other][own]
        return max(cell, floor)

    others = range(lowest, min(highest + 1, len(BANDS)))
    return any(tier(low, other) != tier(high, other) for other in others)


def _lifting(policy: Policy, profile: Profile, *, rating: Rating) -> tuple[CompiledFloor, ...]:
    """The undecided floors that would lift above the lower end."""
    low = TIERS.index(rating.tier_low)
    return tuple(
        floor
        for floor in policy.floors
        if (floor.to > low or (floor.raise_by and low < HIGHEST))
        and floor.condition.state(profile) == UNKNOWN
    )


def _decides(floors: tuple[CompiledFloor, ...], outcomes: tuple[Profile, ...]) -> bool:
    return any(floor.condition.state(one) != UNKNOWN for floor in floors for one in outcomes)


def _question(policy: Policy, one: _Candidate, *, profile: Profile, swing: int) -> Question:
    fact = policy.facts[one.places[0]]
    if fact.purpose:
        text = policy.document.questions[REGULATED].question
        answers: tuple[Value, ...] = tuple(policy.facts[place].name for place in one.places)
    else:
        text, answers = fact.question, fact.possible(profile[one.places[0]])
    return Question(one.name, text, fact.kind, fact.ask, swing, one.span, answers)
