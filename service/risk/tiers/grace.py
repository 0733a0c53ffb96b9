"""The clock of a use that is PROVISIONAL in production, and the tier whose rules apply meanwhile.

No answer restarts it: back to PROVISIONAL within the memory, the old clock goes on, and the days
between count. Outside production none runs.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from schemas.policy_review import Clocks
from schemas.policy_scale import Tier
from service.risk.tiers.rollup import Ranged, highest, lowest


class Grace(NamedTuple):
    """A clock as it is stored: running, stopped but remembered, or none.

    `provisional_since` is when it began, also of a stopped one; `provisional_ended` when it
    stopped; `grace_end` stands only while it runs.
    """

    provisional_since: datetime | None = None
    provisional_ended: datetime | None = None
    grace_end: datetime | None = None

    @property
    def running(self) -> bool:
        """Does it run?"""
        return self.provisional_since is not None and self.provisional_ended is None


NO_CLOCK = Grace()


def moved(
    clock: Grace, *, provisional: bool, in_production: bool, now: datetime, clocks: Clocks
) -> Grace:
    """The clock after a rating at `now`; rating again changes nothing."""
    since = clock.provisional_since
    if not (provisional and in_production):
        return clock._replace(provisional_ended=now, grace_end=None) if clock.running else clock
    if clock.running:
        return clock
    memory = timedelta(days=clocks.provisional_memory_days)
    ended = clock.provisional_ended
    begun = since if since and ended and now <= ended + memory else now
    return Grace(begun, None, begun + timedelta(days=clocks.provisional_grace_days))


def workflow_tier(
    rated: Ranged, *, grace_end: datetime | None, now: datetime, clocks: Clocks
) -> Tier:
    """The tier whose review rules apply now: of a range, the grace's tier until its end.

    Without a clock, outside production, the grace has not begun. Never beyond the range.
    """
    if rated.tier_low == rated.tier_high or (grace_end is not None and now >= grace_end):
        return rated.tier_high
    return highest(rated.tier_low, lowest(clocks.grace_workflow_tier, rated.tier_high))
