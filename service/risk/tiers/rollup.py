"""The tier of a use with its override or exemption, and of a model over its uses."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from schemas.policy_scale import TIERS, Tier
from service.risk.tiers.rating import Rating, Status

NEGLIGIBLE: Final[Tier] = "NEGLIGIBLE"
EXEMPTIBLE: Final[Tier] = "LOW"


class Ranged(Protocol):
    """A use or a model whose tier may still be a range."""

    @property
    def tier(self) -> Tier:
        """The upper end."""

    @property
    def tier_low(self) -> Tier:
        """The lower end."""

    @property
    def tier_high(self) -> Tier:
        """The upper end."""


class Settled(NamedTuple):
    """A use as it counts: by its rating, or as the point that people decided."""

    tier: Tier
    status: Status
    tier_low: Tier
    tier_high: Tier
    computed_tier: Tier
    rating: Rating
    plain: tuple[Tier, Tier]  # its ends if nobody had overridden it
    exempt: bool = False


class RolledUp(NamedTuple):
    """A model as its uses make it: the greatest of each."""

    tier: Tier
    status: Status
    tier_low: Tier
    tier_high: Tier
    computed_tier: Tier
    deciding_use: str


def highest(*tiers: Tier) -> Tier:
    """The highest of some tiers."""
    return max(tiers, key=TIERS.index)


def lowest(*tiers: Tier) -> Tier:
    """The lowest of some tiers."""
    return min(tiers, key=TIERS.index)


def exemptible(rating: Rating) -> bool:
    """May a use be NEGLIGIBLE? Only from FIRM LOW, and with no floor that holds."""
    return rating.firm and rating.tier == EXEMPTIBLE and not rating.floors


def settled(
    rating: Rating, override: Tier | None = None, *, raises: bool = False, exempt: bool = False
) -> Settled:
    """A use with the override and the exemption in force, if any.

    An override is a point; one that raises never counts for less than the facts say by now. None
    counts below a hard floor that holds or may hold, an exemption only while the rating still
    allows it: they stop counting at once, before anybody ends them.
    """
    exempt = exempt and exemptible(rating)
    plain = (NEGLIGIBLE, NEGLIGIBLE) if exempt else (rating.tier_low, rating.tier_high)
    point = None if override is None else highest(override, rating.hard_floor)
    low, high = plain if point is None else (point, point)
    if raises:
        low, high = highest(low, plain[0]), highest(high, plain[1])
    return Settled(
        high, _status((low, high), plain=plain), low, high,
        rating.tier, rating, plain, exempt=exempt and point is None,
    )  # fmt: skip


def roll_up(uses: Mapping[str, Settled]) -> RolledUp:
    """A model over its uses that have not ended, by name; a model without any has one unnamed."""
    if not uses:
        raise ValueError("a model has at least its undeclared use")
    low = highest(*(use.tier_low for use in uses.values()))
    high = highest(*(use.tier_high for use in uses.values()))
    plain = (
        highest(*(use.plain[0] for use in uses.values())),
        highest(*(use.plain[1] for use in uses.values())),
    )
    return RolledUp(
        high, _status((low, high), plain=plain), low, high,
        computed_tier=highest(*(use.computed_tier for use in uses.values())),
        deciding_use=min(name for name, use in uses.items() if use.tier == high),
    )  # fmt: skip


def _status(ends: tuple[Tier, Tier], *, plain: tuple[Tier, Tier]) -> Status:
    if ends != plain:
        return "OVERRIDDEN"
    return "FIRM" if ends[0] == ends[1] else "PROVISIONAL"
