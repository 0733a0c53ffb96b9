"""Which models a sample draws, and what it proves about those that it does not. Pure.

Everybody can repeat it: a frame is its models' ids, sorted, a line each; the rank of a model is
SHA-256 over the seed as it is written, followed by its id as it is written.
"""

import math
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from fractions import Fraction
from hashlib import sha256
from typing import Final, Literal, NamedTuple

Cycle = Literal["month", "quarter", "year"]
PRECISE: Final = 60  # halvings: more than a float can tell apart


class Draw(NamedTuple):
    """A model that is drawn, and its place among all of the frame; `left`: it is replaced."""

    model: str
    rank: int
    left: bool


def cycle_of(moment: datetime, cycle: Cycle) -> str:
    """The name of the cycle that a moment is in: 2026Q4, 2026-11 or 2026. In UTC."""
    if cycle == "quarter":
        return f"{moment.year}Q{(moment.month + 2) // 3}"
    return f"{moment:%Y-%m}" if cycle == "month" else f"{moment.year}"


def frame_digest(models: Iterable[str]) -> str:
    """The digest of a frame, whatever the order in which it is told."""
    return "sha256:" + sha256("".join(f"{one}\n" for one in sorted(models)).encode()).hexdigest()


def sample_size(population: int, *, confidence: float, tolerable_rate: float) -> int:
    """So many that, if all are well, a higher rate is excluded with this confidence; or all."""
    enough = math.log(1 - confidence) / math.log1p(-tolerable_rate)  # inf for the least of rates
    return population if enough >= population else math.ceil(enough)


def share_size(population: int, share: float) -> int:
    """A share of all, rounded up: seven of 100 at 0.07, although floats say a little more."""
    return math.ceil(Fraction(str(share)) * population)


def hash_of(seed: str, model: str) -> str:
    """By what a model is ranked."""
    return sha256(f"{seed}{model}".encode()).hexdigest()


def ranked(seed: str, models: Iterable[str]) -> list[str]:
    """The models of a frame in the order in which they are drawn."""
    return sorted(models, key=lambda one: (hash_of(seed, one), one))


def draw(
    ranking: Sequence[str], *, drawn: int, standing: int, target: int, present: Collection[str]
) -> list[Draw]:
    """What is drawn next, so that the target stands; `drawn` were, of whom so many stand.

    Whoever has left production is drawn too: that is reported, and the next rank takes the place.
    """
    found = []
    for rank, model in enumerate(ranking[drawn:], start=drawn + 1):
        if standing >= target:
            break
        left = model not in present
        standing += not left
        found.append(Draw(model, rank, left))
    return found


def upper_bound(found: int, size: int, *, confidence: float) -> float:
    """The highest rate at which so few or fewer would still be found with that much doubt left.

    Exact (Clopper and Pearson, one-sided): where P(at most `found` of `size`) = 1 - confidence.
    """
    if found >= size:
        return 1.0
    low, high = found / size, 1.0
    for _ in range(PRECISE):
        middle = (low + high) / 2
        if at_most(found, size, rate=middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def at_most(found: int, size: int, *, rate: float) -> float:
    """The chance of at most so many among as many as that, each by itself at this rate."""
    if rate <= 0 or rate >= 1:
        return float(rate <= 0 or found >= size)
    each, none = math.log(rate), math.log1p(-rate)
    return math.fsum(
        math.exp(_log_ways(size, one) + one * each + (size - one) * none)
        for one in range(found + 1)
    )


def _log_ways(size: int, chosen: int) -> float:
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)


def proved(found: int, decided: int, *, population: int, confidence: float) -> float:
    """The rate that is not excluded; of a frame that was looked at whole, the rate itself."""
    if decided >= population:
        return found / population
    return upper_bound(found, decided, confidence=confidence)
