"""Conditions of floors, three-valued: TRUE for all that is possible, FALSE for none of it."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from schemas.policy_scale import Floor, Tier, When

FALSE, UNKNOWN, TRUE = range(3)  # so that all is the least, any the greatest, not 2 - state
STATES: Final = ("FALSE", "UNKNOWN", "TRUE")

Profile = tuple[int, ...]  # of each fact the values it may have, one bit a value
State = Callable[[Profile], int]


class Leaf(NamedTuple):
    """Where a fact stands in a profile, and for which of its values the leaf is true."""

    place: int
    true_for: int


class Condition(NamedTuple):
    """A condition that is ready to be asked; `word` is `leaf`, `all`, `any` or `not`."""

    word: str
    state: State
    members: tuple["Condition", ...] = ()
    place: int = -1

    @property
    def places(self) -> frozenset[int]:
        """The facts that it reads."""
        inner = frozenset[int]().union(*(member.places for member in self.members))
        return inner if self.members else frozenset({self.place})


class CompiledFloor(NamedTuple):
    """A floor in force. `own` floors read nothing that the catalog computes from other models."""

    rule: Floor
    condition: Condition
    to: int  # place among the tiers; 0 lifts nothing
    raise_by: int
    own: bool

    @property
    def hard_to(self) -> int:
        """Below which tier no override goes while it is not FALSE."""
        return self.to if self.rule.hard else 0


def compile_condition(when: When, leaf: Callable[[When], Leaf]) -> Condition:
    """Make a condition of a document's; `leaf` knows where its facts stand."""
    members = tuple(compile_condition(inner, leaf) for _, inner in when.members)
    states = tuple(member.state for member in members)
    if not members:
        place, true_for = leaf(when)
        return Condition("leaf", _leaf(place, true_for), place=place)
    if when.not_ is not None:
        return Condition("not", _not(states[0]), members)
    if when.all_ is not None:
        return Condition("all", lambda profile: min(state(profile) for state in states), members)
    return Condition("any", lambda profile: max(state(profile) for state in states), members)


def _leaf(place: int, true_for: int) -> State:
    def state(profile: Profile) -> int:
        possible = profile[place]
        if not possible & true_for:
            return FALSE
        return UNKNOWN if possible & ~true_for else TRUE

    return state


def _not(inner: State) -> State:
    return lambda profile: TRUE - inner(profile)


def deciding(condition: Condition, profile: Profile) -> Iterator[int]:
    """Places of the facts that make a condition what it is, or leave it undecided.

    A false member alone makes `all` false, a true one `any` true; the others then say nothing.
    """
    if not condition.members:
        yield condition.place
    state = condition.state(profile)
    for member in condition.members:
        if condition.word == "not" or member.state(profile) == state:
            yield from deciding(member, profile)


def lifted(tier: int, floors: Iterator[CompiledFloor], *, highest: int) -> int:
    """A tier after these floors: first every `to`, then `raise_by`, at most the highest."""
    steps = 0
    for floor in floors:
        tier = max(tier, floor.to)
        steps += floor.raise_by
    return min(tier + steps, highest)


def named(tiers: tuple[Tier, ...], floor: Floor) -> int:
    """The place of the tier that a floor lifts to."""
    return tiers.index(floor.to) if floor.to else 0
