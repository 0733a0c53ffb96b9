"""The steps of waivers, exceptions, overrides and exemptions: from which state, by whom. Pure."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple, get_args

Sort = Literal["waiver", "exception", "override", "exemption"]
State = Literal["REQUESTED", "IN_FORCE", "REJECTED", "LAPSED", "REVOKED"]
Action = Literal["approve", "reject", "renew", "revoke"]
Role = Literal["owner", "reviewer", "approver"]

SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
STATES: Final[tuple[State, ...]] = get_args(State)
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
STANDING: Final[frozenset[State]] = frozenset({"REQUESTED", "IN_FORCE"})
MOST_RENEWALS: Final = 1  # then a new request, which shows what came before it

ASKS: Final[Mapping[Sort, frozenset[Role]]] = {  # who may ask for one
    "waiver": frozenset({"owner"}),
    "exception": frozenset({"owner"}),
    "override": frozenset({"owner", "reviewer"}),  # to a lower tier; a higher one needs nobody else
    "exemption": frozenset({"owner", "reviewer"}),
}
RAISES: Final[frozenset[Role]] = frozenset({"owner", "reviewer", "approver"})
GRANTS: Final[frozenset[Role]] = frozenset({"approver"})


class Step(NamedTuple):
    """Where a step leads; a renewal is a request of its own, and leaves the old one as it is."""

    to: State
    another: bool = False  # somebody else than who asked for it


STEPS: Final[Mapping[tuple[State, Action], Step]] = {
    ("REQUESTED", "approve"): Step("IN_FORCE", another=True),
    ("REQUESTED", "reject"): Step("REJECTED"),
    ("IN_FORCE", "renew"): Step("IN_FORCE"),
    ("IN_FORCE", "revoke"): Step("REVOKED"),
}


def who_may(sort: Sort, action: Action) -> frozenset[Role]:
    """Who may take a step: whoever may ask for one also asks for its renewal."""
    return ASKS[sort] if action == "renew" else GRANTS


def possible(state: State) -> tuple[Action, ...]:
    """The steps that a state has, in the order of the actions."""
    return tuple(action for action in ACTIONS if (state, action) in STEPS)
