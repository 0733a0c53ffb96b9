"""The steps of a finding: from which state, by whom, to which, and until when it is due. Pure."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal, NamedTuple, get_args

State = Literal[
    "OPEN", "ACKNOWLEDGED", "PLANNED", "IN_PROGRESS", "PENDING_CLOSURE", "REBUTTED",
    "RISK_ACCEPTED", "CLOSED", "WITHDRAWN",
]  # fmt: skip
Action = Literal[
    "acknowledge", "plan", "start", "submit", "close", "rebut", "withdraw", "reopen",
    "accept_risk", "extend", "assign",
]  # fmt: skip
Role = Literal["owner", "reviewer", "approver", "assignee"]

STATES: Final[tuple[State, ...]] = get_args(State)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
ENDED: Final[frozenset[State]] = frozenset({"CLOSED", "WITHDRAWN"})
WORKED_ON: Final[tuple[State, ...]] = (  # open, and nobody has accepted the risk
    "OPEN", "ACKNOWLEDGED", "PLANNED", "IN_PROGRESS", "PENDING_CLOSURE", "REBUTTED",
)  # fmt: skip
DUE_DAYS: Final[Mapping[str, int]] = {"high": 30, "medium": 90, "low": 180}  # by severity
LONGEST_ACCEPTANCE: Final = timedelta(days=366)

ANSWERS: Final[frozenset[Role]] = frozenset({"owner", "assignee"})
REVIEWS: Final[frozenset[Role]] = frozenset({"reviewer"})
APPROVES: Final[frozenset[Role]] = frozenset({"approver"})


class Step(NamedTuple):
    """Where a step leads, and who may take it."""

    to: State
    by: frozenset[Role]


STEPS: Final[Mapping[tuple[State, Action], Step]] = {
    ("OPEN", "acknowledge"): Step("ACKNOWLEDGED", ANSWERS),
    ("OPEN", "rebut"): Step("REBUTTED", ANSWERS),
    ("ACKNOWLEDGED", "plan"): Step("PLANNED", ANSWERS),
    ("PLANNED", "start"): Step("IN_PROGRESS", ANSWERS),
    ("IN_PROGRESS", "submit"): Step("PENDING_CLOSURE", ANSWERS),
    ("PENDING_CLOSURE", "close"): Step("CLOSED", REVIEWS),
    ("PENDING_CLOSURE", "reopen"): Step("IN_PROGRESS", REVIEWS),  # what was sent does not mend it
    ("REBUTTED", "reopen"): Step("OPEN", REVIEWS),
    ("REBUTTED", "withdraw"): Step("WITHDRAWN", REVIEWS),
    ("RISK_ACCEPTED", "reopen"): Step("OPEN", APPROVES),
    **{(state, "accept_risk"): Step("RISK_ACCEPTED", APPROVES) for state in WORKED_ON},
    **{(state, "extend"): Step(state, REVIEWS | APPROVES) for state in WORKED_ON},
    **{(state, "assign"): Step(state, frozenset({"owner", "reviewer"})) for state in WORKED_ON},
}


def who_may(action: Action) -> frozenset[Role]:
    """Everybody who may take a step in some state."""
    return frozenset[Role]().union(
        *(step.by for (_, name), step in STEPS.items() if name == action)
    )


def possible(state: State) -> tuple[Action, ...]:
    """The steps that a state has, in the order of the actions."""
    return tuple(action for action in ACTIONS if (state, action) in STEPS)


def due_in(severity: str) -> timedelta:
    """How long a finding may take."""
    return timedelta(days=DUE_DAYS[severity])
