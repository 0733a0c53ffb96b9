"""Facts as a tiering policy reads them: a value, some values it may be, or not stated."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Final, NamedTuple

from schemas.policy_checks import REGULATED
from schemas.policy_scale import Value
from schemas.strict import Json
from service.risk.tiers.compiled import Policy
from service.risk.tiers.floors import Profile

NARROWED: Final = "one_of"
NO, YES = 1, 2  # bits of a purpose

Facts = Mapping[str, Json]


class FactRefused(ValueError):  # reads as a sentence
    """A fact has a value that the policy does not know; keep it raw, and leave the fact out."""

    def __init__(self, fact: str, value: object, *, known: tuple[Value, ...]) -> None:
        """Say what it may be; the value is kept apart, and never in the message."""
        listed = ", ".join(str(one).lower() for one in known)
        super().__init__(f"{fact} must be of {listed}; leave it out when it is not known")
        self.fact, self.value, self.known = fact, value, known


class Readable(NamedTuple):
    """Facts that the policy reads, and what it does not know, raw."""

    facts: dict[str, Json]
    outside: dict[str, Json]


def profile_of(policy: Policy, facts: Facts) -> Profile:
    """Which values each fact may have; equal profiles are rated alike.

    What the policy does not read is passed over: another version of it may. Raises `FactRefused`.
    """
    masks = list(policy.nothing)
    for name, said in facts.items():
        if name == REGULATED:
            for place, mask in _purposes(policy, said):
                masks[place] = mask
        elif (place := policy.places.get(name, -1)) >= 0:
            masks[place] = _mask(policy, place, said=said)
    return tuple(masks)


def normalised(policy: Policy, facts: Facts) -> dict[str, tuple[Value, ...]]:
    """The possible values of every fact; purposes read `regulated_purposes.<purpose>`.

    Raises `FactRefused`.
    """
    profile = profile_of(policy, facts)
    return {
        spelled(policy, place): fact.possible(profile[place])
        for place, fact in enumerate(policy.facts)
    }


def readable(policy: Policy, facts: Facts) -> Readable:
    """Sort out what the policy does not know: it counts as not stated, and is never guessed.

    A list of purposes that names a strange one no longer states that all others are false.
    """
    known: dict[str, Json] = {}
    outside: dict[str, Json] = {}
    for name, said in facts.items():
        if name == REGULATED:
            _sort_purposes(policy, said, known=known, outside=outside)
        elif (place := policy.places.get(name, -1)) >= 0:
            try:
                _mask(policy, place, said=said)
                known[name] = said
            except FactRefused:
                outside[name] = said
    return Readable(known, outside)


def spelled(policy: Policy, place: int) -> str:
    """How a fact is named among others: a purpose behind its question."""
    fact = policy.facts[place]
    return f"{REGULATED}.{fact.name}" if fact.purpose else fact.name


def _mask(policy: Policy, place: int, *, said: Json) -> int:
    if isinstance(said, dict) and said.keys() == {NARROWED} and isinstance(said[NARROWED], list):
        mask = 0
        for one in said[NARROWED]:
            mask |= _bit(policy, place, said=one)
    else:
        mask = _bit(policy, place, said=said)
    return mask or _refuse(policy, place, said=said)


def _bit(policy: Policy, place: int, *, said: Json) -> int:
    if isinstance(said, str | bool):
        bit = policy.bits[place].get(said, 0)
    elif isinstance(said, int | float):
        bit = _band(policy.facts[place].limits, said)
    else:
        bit = 0
    return bit or _refuse(policy, place, said=said)


def _band(limits: tuple[int, ...], number: float) -> int:
    """The value whose lower limit is the greatest one that is not above the number."""
    if not limits or not isfinite(number) or number < limits[0]:
        return 0
    return 1 << bisect_right(limits, number) - 1


def _refuse(policy: Policy, place: int, *, said: Json) -> int:
    fact = policy.facts[place]
    raise FactRefused(fact.name, said, known=fact.values)


def _purposes(policy: Policy, said: Json) -> list[tuple[int, int]]:
    """A list states every purpose; a mapping those that it names."""
    known = policy.purposes
    if isinstance(said, list) and all(isinstance(name, str) and name in known for name in said):
        return [(place, YES if name in said else NO) for name, place in known.items()]
    if isinstance(said, dict) and all(
        name in known and isinstance(stated, bool) for name, stated in said.items()
    ):
        return [(known[name], YES if stated else NO) for name, stated in said.items()]
    raise FactRefused(REGULATED, said, known=tuple(known))


def _sort_purposes(
    policy: Policy, said: Json, *, known: dict[str, Json], outside: dict[str, Json]
) -> None:
    try:
        _purposes(policy, said)
    except FactRefused:
        outside[REGULATED] = said
        if stated := dict(_known_purposes(policy, said)):
            known[REGULATED] = stated
    else:
        known[REGULATED] = said


def _known_purposes(policy: Policy, said: Json) -> Iterator[tuple[str, Json]]:
    """What can be read of an answer that holds something strange."""
    if isinstance(said, list):
        yield from ((n, True) for n in said if isinstance(n, str) and n in policy.purposes)
    elif isinstance(said, dict):
        for name, stated in said.items():
            if name in policy.purposes and isinstance(stated, bool):
                yield name, stated
