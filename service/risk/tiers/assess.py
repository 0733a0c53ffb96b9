"""Rates a use as it is stored: facts, what people decided about it, and its clock. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas.policies import PolicyDocument
from schemas.policy_scale import Tier
from service.risk.tiering import Policy, rate
from service.risk.tiers.grace import Grace, moved, workflow_tier
from service.risk.tiers.rollup import Settled, highest, roll_up, settled

Row = Mapping[str, Any]
OF_RATING: Final = (
    "own_low", "own_high", "blocked", "materiality_low", "materiality_high", "inherent_low",
    "inherent_high",
)  # fmt: skip
CLOCK: Final = ("provisional_since", "provisional_ended", "grace_end")
TOLD: Final = ("tier", "status", "tier_low", "tier_high", "workflow_tier")  # what a change is of


class Terms(NamedTuple):
    """By what a use is rated beside its facts."""

    policy: Policy
    document: PolicyDocument
    now: datetime


class Decided(NamedTuple):
    """What people decided about a use, and is in force."""

    override: Tier | None = None
    raises: bool = False  # it is one upwards
    exempt: bool = False


NOTHING: Final = Decided()


def assess(
    facts: Mapping[str, Any],
    *,
    terms: Terms,
    decided: Decided,
    clock: Row | None,
    in_production: bool,
) -> tuple[dict[str, Any], Settled]:
    """The columns of `assessment` that follow from the facts, and the use as it counts."""
    rating = rate(terms.policy, facts)
    found = settled(rating, decided.override, raises=decided.raises, exempt=decided.exempt)
    clocks = terms.document.clocks
    grace = moved(
        Grace(*(clock[name] for name in CLOCK)) if clock else Grace(),
        provisional=found.status == "PROVISIONAL",
        in_production=in_production,
        now=terms.now,
        clocks=clocks,
    )
    flow = workflow_tier(found, grace_end=grace.grace_end, now=terms.now, clocks=clocks)
    row = {
        "tier": found.tier,
        "computed_tier": found.computed_tier,
        "status": found.status,
        "tier_low": found.tier_low,
        "tier_high": found.tier_high,
        "workflow_tier": flow,
        **{name: getattr(rating, name) for name in OF_RATING},
        "floors": list(rating.floors),
        "floors_undecided": list(rating.floors_undecided),
        **dict(zip(CLOCK, grace, strict=True)),
    }
    return row, found


def assess_model(uses: Mapping[str, tuple[Row, Settled]]) -> dict[str, Any]:
    """The columns of `model_risk` that follow from the uses, by name."""
    whole = roll_up({name: found for name, (_, found) in uses.items()})
    rows = [row for row, _ in uses.values()]
    ends = [row["grace_end"] for row in rows if row["grace_end"] is not None]
    return {
        "tier": whole.tier,
        "computed_tier": whole.computed_tier,
        "status": whole.status,
        "tier_low": whole.tier_low,
        "tier_high": whole.tier_high,
        "workflow_tier": highest(*(row["workflow_tier"] for row in rows)),
        "deciding_use": uses[whole.deciding_use][0]["use_id"],
        "blocked": any(row["blocked"] for row in rows),
        "grace_end": min(ends, default=None),
    }
