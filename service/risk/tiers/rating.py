"""The rating of a profile: points, bands, matrix, floors; the range that unknown facts leave."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from schemas.policy_scale import TIERS, Tier
from service.risk.tiers.compiled import Policy
from service.risk.tiers.floors import FALSE, TRUE, UNKNOWN, CompiledFloor, Profile, lifted

HIGHEST: Final = len(TIERS) - 1
REMEMBERED: Final = 16_384  # profiles: millions of models share some thousands
LOWEST: Final = 1  # that is computed; below it only an exemption goes

Status = Literal["FIRM", "PROVISIONAL", "OVERRIDDEN"]


class Rating(NamedTuple):
    """How risky a use is, as far as its facts say. `tier` is `tier_high`."""

    tier: Tier
    status: Status
    tier_low: Tier
    tier_high: Tier
    own_low: Tier  # by what is stated about itself: the next model's F8 reads these two
    own_high: Tier
    materiality_low: int
    materiality_high: int
    inherent_low: int
    inherent_high: int
    floors: tuple[str, ...]  # that are TRUE
    floors_undecided: tuple[str, ...]
    blocked: bool
    hard_floor: Tier  # no override goes below it

    @property
    def firm(self) -> bool:
        """Do both ends agree?"""
        return self.tier_low == self.tier_high


@lru_cache(maxsize=REMEMBERED)
def rate_profile(policy: Policy, profile: Profile) -> Rating:
    """Rate what the facts may be: low ends give the lower tier, high ends the higher one."""
    m_low, m_high = points_of(policy, profile, places=policy.axes[0])
    i_low, i_high = points_of(policy, profile, places=policy.axes[1])
    low = policy.matrix[policy.band(m_low)][policy.band(i_low)]
    high = policy.matrix[policy.band(m_high)][policy.band(i_high)]
    states = [floor.condition.state(profile) for floor in policy.floors]
    judged = [*zip(policy.floors, states, strict=True)]
    own = [(floor, state) for floor, state in judged if floor.own]
    tier_low, tier_high = _range(low, high, judged=judged)
    own_low, own_high = _range(low, high, judged=own)
    hard = max((f.hard_to for f, state in judged if state != FALSE), default=0)
    return Rating(
        TIERS[tier_high], "FIRM" if tier_low == tier_high else "PROVISIONAL",
        TIERS[tier_low], TIERS[tier_high], TIERS[own_low], TIERS[own_high],
        m_low, m_high, i_low, i_high,
        tuple(floor.rule.id for floor, state in judged if state == TRUE),
        tuple(floor.rule.id for floor, state in judged if state == UNKNOWN),
        blocked=any(floor.rule.blocks for floor, state in judged if state == TRUE),
        hard_floor=TIERS[max(hard, LOWEST)],
    )  # fmt: skip


def points_of(policy: Policy, profile: Profile, *, places: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest points of an axis."""
    low = high = 0
    for place in places:
        least, most = policy.ends[place][profile[place]]
        low += least
        high += most
    return low, high


def _range(low: int, high: int, *, judged: Sequence[tuple[CompiledFloor, int]]) -> tuple[int, int]:
    """A TRUE floor lifts both ends, an undecided one the upper alone."""
    return (
        lifted(low, _at_least(judged, TRUE), highest=HIGHEST),
        lifted(high, _at_least(judged, UNKNOWN), highest=HIGHEST),
    )


def _at_least(judged: Sequence[tuple[CompiledFloor, int]], state: int) -> Iterator[CompiledFloor]:
    return (floor for floor, stands in judged if stands >= state)
