"""What an override or an exemption must keep to, and which triggers end one."""

from typing import Literal, NamedTuple

from schemas.policy_review import Role, Trigger
from schemas.policy_scale import TIERS, Tier
from service.risk.tiers.compiled import Policy
from service.risk.tiers.floors import FALSE, Profile
from service.risk.tiers.rating import Rating, rate_profile
from service.risk.tiers.rollup import EXEMPTIBLE, NEGLIGIBLE

Direction = Literal["up", "down"]


class Refusal(NamedTuple):
    """Why something is not allowed: the rule, for programs, and a sentence that says what to do.

    `floors` are the ids of those that it would go below.
    """

    rule: str
    says: str
    floors: tuple[str, ...] = ()


class Asked(NamedTuple):
    """An override that somebody asks for."""

    tier: Tier
    days: int
    roles: frozenset[Role]  # of who asks, for this model
    reason: bool = True  # is one given?
    evidence: bool = False


def direction_of(rating: Rating, tier: Tier) -> Direction:
    """Up needs nobody else; below the computed tier, which is the upper end, it is down."""
    return "down" if TIERS.index(tier) < TIERS.index(rating.tier) else "up"


def override_refusals(policy: Policy, profile: Profile, *, asked: Asked) -> tuple[Refusal, ...]:
    """Everything that speaks against an override; empty: it may be set, or requested if down."""
    rating = rate_profile(policy, profile)
    down = direction_of(rating, asked.tier) == "down"
    rules = policy.document.override
    rule = rules.down if down else rules.up
    found = []
    if asked.tier == NEGLIGIBLE:
        says = "no override goes to NEGLIGIBLE: ask for an exemption"
        found.append(Refusal("negligible_by_exemption_only", says))
    if floors := hard_floors_above(policy, profile, tier=asked.tier):
        says = f"goes below {', '.join(floors)}: state the facts that decide it, or choose higher"
        found.append(Refusal("below_hard_floor", says, floors))
    if not 1 <= asked.days <= rule.max_days:
        says = f"must last 1 to {rule.max_days} days: choose an earlier end, then renew it"
        found.append(Refusal("too_long", says))
    if not asked.roles & set(rule.by):
        says = f"only {', '.join(rule.by)} may: ask one of them"
        found.append(Refusal("not_by_this_role", says))
    if down:
        given = {"reason": asked.reason, "evidence": asked.evidence}
        found += [
            Refusal(f"needs_{need}", f"a lower tier needs a {need}: add one")
            for need in rules.down.needs
            if not given[need]
        ]
    return tuple(found)


def hard_floors_above(policy: Policy, profile: Profile, *, tier: Tier) -> tuple[str, ...]:
    """The hard floors, TRUE or undecided, that lift above a tier."""
    return tuple(
        floor.rule.id
        for floor in policy.floors
        if floor.hard_to > TIERS.index(tier) and floor.condition.state(profile) != FALSE
    )


def exemption_refusals(rating: Rating) -> tuple[Refusal, ...]:
    """Everything that speaks against an exemption; empty: it may be requested."""
    found = []
    if not rating.firm:
        says = "the tier is not FIRM: state what is asked for first"
        found.append(Refusal("not_firm", says))
    elif rating.tier != EXEMPTIBLE:
        found.append(Refusal("not_low", f"the tier is {rating.tier}: only LOW can be exempt"))
    if rating.floors:
        says = f"{', '.join(rating.floors)} holds: what a floor lifts is never exempt"
        found.append(Refusal("floor_holds", says, rating.floors))
    return tuple(found)


def triggers_at(policy: Policy, tier: Tier) -> frozenset[Trigger]:
    """What makes a confirmed tier stale at a workflow tier; at NEGLIGIBLE it ends the exemption."""
    triggers = policy.document.triggers
    at: tuple[Trigger, ...] = getattr(triggers, tier)
    return frozenset(triggers.any_tier) | frozenset(at)


def ends_down_override(policy: Policy) -> frozenset[Trigger]:
    """Any trigger ends an override to a lower tier, whatever the tier that it names."""
    return frozenset[Trigger]().union(*(triggers_at(policy, tier) for tier in TIERS))
