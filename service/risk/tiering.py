"""The tier of a use: facts and a policy give a range, its reasons and what to ask next. Pure."""

from collections.abc import Iterable
from typing import Final

from schemas.policy_scale import Tier
from service.risk.tiers.compiled import Policy, compile_policy
from service.risk.tiers.floors import Profile
from service.risk.tiers.profiles import (
    FactRefused,
    Facts,
    Readable,
    normalised,
    profile_of,
    readable,
)
from service.risk.tiers.questions import Question, questions_of
from service.risk.tiers.rating import Rating, Status, rate_profile
from service.risk.tiers.reasons import (
    Change,
    Difference,
    Explanation,
    FloorState,
    Ground,
    Reason,
    WhatIf,
    compare,
    explanation_of,
    grounds_of,
)

__all__ = [
    "Change", "Difference", "Explanation", "FactRefused", "Facts", "FloorState", "Ground",
    "Policy", "Profile", "Question", "Rating", "Readable", "Reason", "Status", "WhatIf", "ask_next",
    "compare", "compile_policy", "explain", "feeds_high_model", "grounds", "normalised",
    "profile_of", "rate", "rate_profile", "readable",
]  # fmt: skip

HIGH: Final[Tier] = "HIGH"


def rate(policy: Policy, facts: Facts) -> Rating:
    """Rate a use. Raises `FactRefused` for a value that the policy does not know."""
    return rate_profile(policy, profile_of(policy, facts))


def explain(policy: Policy, facts: Facts) -> Explanation:
    """Rate a use, say why, and which single answers would move it. Raises `FactRefused`."""
    return explanation_of(policy, profile_of(policy, facts))


def grounds(policy: Policy, facts: Facts) -> Explanation:
    """Rate a use and say why: what a comparison in bulk needs. Raises `FactRefused`."""
    return grounds_of(policy, profile_of(policy, facts))


def ask_next(policy: Policy, facts: Facts) -> tuple[Question, ...]:
    """What to ask next; nothing when the tier is FIRM. Raises `FactRefused`."""
    return questions_of(policy, profile_of(policy, facts))


def feeds_high_model(consumers: Iterable[tuple[Tier, Tier]]) -> bool | None:
    """Does a model feed a HIGH one? By the consumers' `own_low` and `own_high`; None: undecided.

    Their own tiers, before they feed anything themselves: so one pass is enough, and models in a
    cycle do not lift each other.
    """
    ends = list(consumers)
    if any(low == HIGH for low, _ in ends):
        return True
    return None if any(high == HIGH for _, high in ends) else False
