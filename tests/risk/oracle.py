"""Rates profiles once more, from the document alone and in the plainest way."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, Final

from tests.risk.strategies import (
    REGULATED,
    Facts,
    default_document,
    fact_names,
    possible,
    purposes,
)

TIERS: Final = ["NEGLIGIBLE", "LOW", "MEDIUM", "HIGH"]
DOCUMENT: Final = default_document()


def points(facts: Facts, axis: str) -> tuple[int, int]:
    """The least and the greatest sum of an axis."""
    factors = DOCUMENT["axes"][axis]
    spread = [[of[value] for value in possible(facts, name)] for name, of in factors.items()]
    return sum(map(min, spread)), sum(map(max, spread))


def band(of_points: int) -> str:
    """The band of an axis."""
    for name, limit in sorted(DOCUMENT["bands"].items(), key=lambda item: -item[1]):
        if of_points >= limit:
            return str(name)
    return "LOW"


def holds(when: Mapping[str, Any], facts: Facts) -> bool | None:
    """Is a condition true, false, or (None) undecided?"""
    if "not" in when:
        inner = holds(when["not"], facts)
        return None if inner is None else not inner
    if "all" in when or "any" in when:
        deciding = "any" in when
        said = [holds(one, facts) for one in when.get("any", when.get("all"))]
        if deciding in said:
            return deciding
        return None if None in said else not deciding
    if "purpose" in when:
        answers = {answer is True for answer in purposes(facts)[when["purpose"]]}
    else:
        wanted = when.get("in", [when.get("is")])
        answers = {value in wanted for value in possible(facts, when["fact"])}
    return None if len(answers) == 2 else answers.pop()


def states(facts: Facts) -> dict[str, bool | None]:
    """Each floor's state."""
    return {floor["id"]: holds(floor["when"], facts) for floor in DOCUMENT["floors"]}


def ends(facts: Facts) -> tuple[str, str]:
    """The range of the tier."""
    materiality, inherent = points(facts, "materiality"), points(facts, "inherent")
    stands = states(facts)
    found = []
    for end, lifting in ((0, {True}), (1, {True, None})):
        cell = DOCUMENT["matrix"][band(materiality[end])][band(inherent[end])]
        floors = [one for one in DOCUMENT["floors"] if stands[one["id"]] in lifting]
        reached = max([cell, *(one["to"] for one in floors if "to" in one)], key=TIERS.index)
        steps = sum(one.get("raise_by", 0) for one in floors)
        found.append(TIERS[min(TIERS.index(reached) + steps, 3)])
    return found[0], found[1]


def completions(facts: Facts) -> Iterator[Facts]:
    """Every profile that the facts may still turn out to be."""
    names, answers = fact_names(), purposes(facts)
    every = product(*(possible(facts, name) for name in names), *answers.values())
    for one in every:
        stated = dict(zip(names, one, strict=False))
        said = one[len(names) :]
        yield stated | {REGULATED: [n for n, yes in zip(answers, said, strict=True) if yes]}
