"""Which reviews a model needs now, until when, and when people are reminded. Pure.

What is needed follows from what stands, so that asking again changes nothing: a review that fell
away and is needed again gets the date that it had.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from schemas.policies import PolicyDocument
from schemas.policy_review import Overlay
from service.risk.reviews.state import APPROVALS, CLEARED

HIGH: Final = "HIGH"
AHEAD: Final = timedelta(days=60)  # so long before it is due, a periodic review opens
WEEK: Final = timedelta(days=7)
SHARES: Final = (0.5, 0.75, 1.0)  # of the time, after which somebody is reminded
OVERDUE: Final = len(SHARES)
RANK: Final = {"NEGLIGIBLE": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3}


class Seen(NamedTuple):
    """A version that is live or about to be, and what was last decided about it."""

    id: UUID
    number_key: str
    live: bool
    producing_since: datetime | None  # None: production does not use it
    outcome: str | None = None  # the weakest of the newest decisions, lapsed or not
    triggers: tuple[str, ...] = ()  # of the policy, since that decision
    exception_until: datetime | None = None


class Needed(NamedTuple):
    """A review that has to be there."""

    kind: str
    version: UUID
    due_at: datetime | None
    cause: str


class Plan(NamedTuple):
    """What the reviews of a model are planned by."""

    workflow_tier: str
    in_production: bool | None
    versions: Sequence[Seen]
    last_version: UUID | None  # of the model's last decision
    next_due: datetime | None
    due: Mapping[tuple[str, UUID], datetime | None]  # of open reviews, and of those lately gone
    rules: PolicyDocument
    now: datetime

    @property
    def overlay(self) -> Overlay:
        """What the tier asks for."""
        return overlay_of(self.rules, self.workflow_tier)


def overlay_of(rules: PolicyDocument, tier: str) -> Overlay:
    """What a workflow tier asks for."""
    found: Overlay = getattr(rules.reviews, tier)
    return found


def add_months(moment: datetime, months: int) -> datetime:
    """The same day so many calendar months later; of a shorter month, its last."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    day = min(moment.day, monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def next_due(decided_at: datetime | None, overlay: Overlay) -> datetime | None:
    """When a model has to be reviewed again; never for what nobody reviewed."""
    return None if decided_at is None else add_months(decided_at, overlay.periodic_months)


def needed(plan: Plan) -> list[Needed]:
    """Every review that has to be open; of samples, their cycle knows."""
    return [*_before(plan), *_after(plan), *_triggered(plan), *_periodic(plan)]


def _before(plan: Plan) -> Iterator[Needed]:
    """Where approval comes before production: each version without one."""
    if plan.overlay.before_production != "approval_or_exception":
        return
    for one in plan.versions:
        if not _settled(one):
            yield Needed("PRE", one.id, _pre_due(plan, one), "it needs approval before production")


def _settled(one: Seen) -> bool:
    return one.outcome in APPROVALS or one.outcome == "REJECTED"


def _pre_due(plan: Plan, one: Seen) -> datetime | None:
    """At its first production, or when its exception ends."""
    if one.exception_until is not None:
        return one.exception_until
    if one.producing_since is None:
        return None
    before = plan.due.get(("PRE", one.id))
    if before is not None and before <= plan.now:
        return before
    return min(one.producing_since, plan.now)


def _after(plan: Plan) -> Iterator[Needed]:
    after = plan.overlay.after
    if after is None or after.kind != "POST":
        return
    for one in plan.versions:
        if one.live and one.producing_since is not None and one.outcome is None:
            lasting = timedelta(days=after.due_days)
            due = one.producing_since + lasting
            fresh = due if due > plan.now else plan.now + lasting  # it did not have to be before
            yield Needed("POST", one.id, plan.due.get(("POST", one.id)) or fresh,
                         "it is in use and nobody reviewed it")  # fmt: skip


def _triggered(plan: Plan) -> Iterator[Needed]:
    """What was decided about rests on what has changed since."""
    due = plan.now + timedelta(days=plan.rules.clocks.triggered_due_days)
    before = plan.overlay.before_production == "approval_or_exception"
    for one in plan.versions:
        again = before and not _settled(one)  # it waits for approval anyway
        if one.live and one.triggers and one.outcome in CLEARED and not again:
            key = ("TRIGGERED", one.id)
            yield Needed(*key, plan.due.get(key) or due, ", ".join(one.triggers))


def _periodic(plan: Plan) -> Iterator[Needed]:
    soon = plan.next_due is not None and plan.next_due - AHEAD <= plan.now
    live = [one for one in plan.versions if one.live]
    if not soon or not live or plan.in_production is False:
        return
    about = next((one for one in live if one.id == plan.last_version), live[-1])
    yield Needed("PERIODIC", about.id, plan.next_due, "its last review was so long ago")


def triggers_in_force(found: Iterable[str], *, tier: str, rules: PolicyDocument) -> tuple[str, ...]:
    """Those of the triggers that count at a tier, in the policy's order."""
    listed = (*rules.triggers.any_tier, *getattr(rules.triggers, tier))
    happened = set(found)
    return tuple(dict.fromkeys(one for one in listed if one in happened))


def rose(before: str, now: str) -> bool:
    """Is the tier higher than it was?"""
    return RANK[now] > RANK[before]


def weakest(outcomes: Iterable[str]) -> str | None:
    """Of several decisions about a version, the one that says least for it."""
    order = ("REJECTED", "OBJECTED", "REVIEWED_WITH_CONDITIONS", "REVIEWED",
             "APPROVED_WITH_CONDITIONS", "APPROVED")  # fmt: skip
    found = set(outcomes)
    return next((one for one in order if one in found), None)


def reminders(row: Mapping[str, Any], *, weekly: bool, now: datetime) -> list[datetime]:
    """When people are reminded, up to the next time after now."""
    opened, due = row["opened_at"], row["due_at"]
    if due is None:
        return []
    lasting = max(due - opened, timedelta())
    found = [opened + lasting * share if due > opened else due for share in SHARES]
    if weekly and due <= now:
        weeks = (now - due) // WEEK + 1
        found += [due + WEEK * number for number in range(1, weeks + 1)]
    return found
