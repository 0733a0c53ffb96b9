"""What is said of a version's review, and of a model's. Pure.

What nobody reviewed is nowhere called approved; what nobody can see in use is not called unused.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple


class ReviewState(StrEnum):
    """The first of these that holds, in this order."""

    RESTRICTED = "RESTRICTED"
    APPROVED_WITH_CONDITIONS = "APPROVED_WITH_CONDITIONS"
    APPROVED = "APPROVED"
    REVIEWED_WITH_CONDITIONS = "REVIEWED_WITH_CONDITIONS"
    REVIEWED = "REVIEWED"
    EXCEPTION = "EXCEPTION"
    EXEMPT = "EXEMPT"
    IN_USE_PENDING_REVIEW = "IN_USE_PENDING_REVIEW"
    IN_USE_UNREVIEWED = "IN_USE_UNREVIEWED"
    NOT_IN_USE = "NOT_IN_USE"


WORST_FIRST: Final = (  # what a model shows of its live versions
    ReviewState.RESTRICTED, ReviewState.IN_USE_UNREVIEWED, ReviewState.IN_USE_PENDING_REVIEW,
    ReviewState.EXCEPTION, ReviewState.EXEMPT, ReviewState.REVIEWED_WITH_CONDITIONS,
    ReviewState.REVIEWED, ReviewState.APPROVED_WITH_CONDITIONS, ReviewState.APPROVED,
    ReviewState.NOT_IN_USE,
)  # fmt: skip
APPROVALS: Final = frozenset({"APPROVED", "APPROVED_WITH_CONDITIONS"})
CLEARED: Final = APPROVALS | {"REVIEWED", "REVIEWED_WITH_CONDITIONS"}
REFUSED: Final = frozenset({"OBJECTED", "REJECTED"})
RESTRICTING: Final = frozenset({"MEDIUM", "HIGH"})
HIGH: Final = "HIGH"
EXEMPT: Final = "NEGLIGIBLE"


class Held(NamedTuple):
    """A decision about a version: of one use or of all."""

    outcome: str
    use: str | None
    decided_at: datetime


class Case(NamedTuple):
    """Everything that a version's review state follows from."""

    workflow_tier: str
    in_use: bool | None  # None: nobody who could see it has looked
    blocked: bool = False
    uses: frozenset[str] = frozenset()  # ids of the declared ones
    decisions: Sequence[Held] = ()  # the newest of each use
    triggered_at: datetime | None = None  # an open review for a trigger began then
    grace_end: datetime | None = None  # of the model's decisions
    review_open: bool = False
    overdue: bool = False
    exception: bool = False  # in force
    exception_ended: bool = False  # without an approval since
    condition_unmet: bool = False  # of a decision in force: its day is over
    restricts: frozenset[str] = RESTRICTING  # tiers at which an overdue review restricts


def holding(case: Case, *, now: datetime) -> str | None:
    """The outcome that holds for the whole version; None where it has lapsed or covers not all.

    A decision lasts until a trigger or the end of the grace. An objection or rejection stands until
    another decision takes its place. Of several uses the weakest counts.
    """
    standing = [
        one for one in case.decisions
        if one.outcome in REFUSED or not _ended(one, case, now=now)
    ]  # fmt: skip
    by_use = {one.use: one for one in standing}
    if (refused := next((o.outcome for o in standing if o.outcome in REFUSED), None)) is not None:
        return refused
    whole = by_use.get(None)
    if whole is None and not (case.uses and case.uses <= by_use.keys()):
        return None
    counted = [one.outcome for one in standing]
    return next(str(state) for state in WORST_FIRST if state in counted)


def _ended(one: Held, case: Case, *, now: datetime) -> bool:
    triggered = case.triggered_at is not None and case.triggered_at >= one.decided_at
    return triggered or (case.grace_end is not None and now >= case.grace_end)


def covered(outcome: str | None, workflow_tier: str) -> bool:
    """Is that outcome enough at a tier? Where an approver decides, a review alone is not."""
    return outcome in (APPROVALS if workflow_tier == HIGH else CLEARED)


def restrictions(case: Case, *, now: datetime) -> tuple[str, ...]:
    """Why a version is RESTRICTED, in words; none: it is not."""
    outcome = holding(case, now=now)
    found = (
        (case.blocked, "one of its uses is a prohibited practice"),
        (case.overdue and case.workflow_tier in case.restricts, "its review is overdue"),
        (case.exception_ended and bool(case.in_use), "the exception for it has ended"),
        (case.condition_unmet, "a condition of its decision is not met in time"),
        (outcome in REFUSED and bool(case.in_use), f"it is in use although it was {outcome}"),
    )
    return tuple(why for holds, why in found if holds)


def version_state(case: Case, *, now: datetime) -> ReviewState | None:
    """What is said of a version; None: nobody has looked whether it is in use."""
    outcome = holding(case, now=now)
    if restrictions(case, now=now):
        return ReviewState.RESTRICTED
    if outcome in CLEARED:
        return ReviewState(str(outcome))
    if case.exception:
        return ReviewState.EXCEPTION
    if case.workflow_tier == EXEMPT:
        return ReviewState.EXEMPT
    return _unreviewed(case)


def _unreviewed(case: Case) -> ReviewState | None:
    if not case.in_use:
        return None if case.in_use is None else ReviewState.NOT_IN_USE
    pending = ReviewState.IN_USE_PENDING_REVIEW
    return pending if case.review_open else ReviewState.IN_USE_UNREVIEWED


def model_state(states: Iterable[ReviewState | None]) -> ReviewState | None:
    """The worst of a model's live versions; what is not known of one is not known of it."""
    found = list(states)
    known = [one for one in WORST_FIRST if one in found]
    if known and WORST_FIRST.index(known[0]) <= WORST_FIRST.index(ReviewState.EXCEPTION):
        return known[0]
    return None if None in found or not known else known[0]


def cover(case: Case, *, now: datetime) -> str:
    """By what a live version is covered, as controls read it."""
    if covered(holding(case, now=now), case.workflow_tier):
        return "approval"
    if case.exception:
        return "exception"
    if case.workflow_tier == EXEMPT:
        return "exemption"
    return "open_review" if case.review_open else "nothing"
