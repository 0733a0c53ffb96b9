"""Which step a review may take next, and who may take it. Pure: one table.

The table is RISK's own; what a step needs beside it (digests, independence, reasons) is checked by
`steps.py` once the table lets it through.
"""

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Final, NamedTuple


class State(StrEnum):
    """How far a review is."""

    REQUIRED = "REQUIRED"
    ASSIGNED = "ASSIGNED"
    IN_REVIEW = "IN_REVIEW"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    RECOMMENDED = "RECOMMENDED"
    DECIDED = "DECIDED"
    CANCELLED = "CANCELLED"
    SUPERSEDED = "SUPERSEDED"


class Action(StrEnum):
    """What people do with a review."""

    ASSIGN = "assign"
    START = "start"
    IDENTIFY = "identify"
    REQUEST_CHANGES = "request_changes"
    ANSWER = "answer"
    RECOMMEND = "recommend"
    RETURN = "return"
    DECIDE = "decide"
    HOLD = "hold"
    RELEASE = "release"
    CANCEL = "cancel"


class Part(StrEnum):
    """What somebody is to a review."""

    OWNER = "owner"
    REVIEWER = "reviewer"  # of the model's namespace
    ASSIGNED = "assigned reviewer"
    APPROVER = "approver"


class Refusal(StrEnum):
    """Why a step is not taken."""

    NOT_YOURS = "not_yours"
    WRONG_STATE = "wrong_state"
    ON_HOLD = "on_hold"
    NOT_ON_HOLD = "not_on_hold"


class Step(NamedTuple):
    """A step: from which states, by whom, to where. None stays where it is.

    `two_people` tells steps apart that differ where an approver decides: True only there, False
    only elsewhere.
    """

    action: Action
    states: frozenset[State]
    by: frozenset[Part]
    to: State | None
    two_people: bool | None = None
    needs: str = ""


CLOSED: Final = frozenset({State.DECIDED, State.CANCELLED, State.SUPERSEDED})
OPEN: Final = frozenset(State) - CLOSED
STILL: Final = frozenset({Action.ASSIGN, Action.IDENTIFY, Action.RELEASE, Action.CANCEL})  # on hold


def _step(  # the columns of the table
    action: Action,
    states: AbstractSet[State],
    *,
    by: AbstractSet[Part],
    to: State | None,
    two_people: bool | None = None,
    needs: str = "",
) -> Step:
    return Step(action, frozenset(states), frozenset(by), to, two_people, needs)


STEPS: Final = (
    _step(Action.ASSIGN, {State.REQUIRED, State.ASSIGNED}, by={Part.REVIEWER, Part.APPROVER},
          to=State.ASSIGNED, needs="a reviewer who did not build it"),
    _step(Action.START, {State.ASSIGNED}, by={Part.ASSIGNED}, to=State.IN_REVIEW,
          needs="what is shown is frozen"),
    _step(Action.IDENTIFY, OPEN, by={Part.REVIEWER}, to=None, needs="who an identity is"),
    _step(Action.REQUEST_CHANGES, {State.IN_REVIEW}, by={Part.ASSIGNED}, to=State.CHANGES_REQUESTED,
          needs="a comment"),
    _step(Action.ANSWER, {State.CHANGES_REQUESTED}, by={Part.OWNER}, to=State.IN_REVIEW,
          needs="what is shown is frozen again"),
    _step(Action.RECOMMEND, {State.IN_REVIEW}, by={Part.ASSIGNED}, to=State.RECOMMENDED,
          two_people=True, needs="an outcome and a comment"),
    _step(Action.RETURN, {State.RECOMMENDED}, by={Part.APPROVER}, to=State.IN_REVIEW,
          needs="a reason"),
    _step(Action.DECIDE, {State.IN_REVIEW}, by={Part.ASSIGNED}, to=State.DECIDED, two_people=False,
          needs="digests that did not move, independence"),
    _step(Action.DECIDE, {State.RECOMMENDED}, by={Part.APPROVER}, to=State.DECIDED,
          needs="digests that did not move, independence of both"),
    _step(Action.HOLD, OPEN, by={Part.REVIEWER, Part.APPROVER}, to=None, needs="a reason"),
    _step(Action.RELEASE, OPEN, by={Part.REVIEWER, Part.APPROVER}, to=None, needs="a reason"),
    _step(Action.CANCEL, OPEN, by={Part.APPROVER}, to=State.CANCELLED, needs="a reason"),
)  # fmt: skip


def take(
    action: Action,
    state: State,
    *,
    parts: AbstractSet[Part],
    two_people: bool,
    on_hold: bool = False,
) -> Step | Refusal:
    """The step that this is, or why it is none.

    Who could never take it is told so, whatever the state. Where an approver decides, a reviewer's
    decision is a step out of turn, not a foreign one.
    """
    steps = [one for one in STEPS if one.action is action]
    if not any(_may(one, parts) for one in steps):
        return Refusal.NOT_YOURS
    fitting = [one for one in steps if state in one.states and one.two_people in {None, two_people}]
    if not fitting:
        return Refusal.WRONG_STATE
    allowed = next((one for one in fitting if one.by & parts), None)
    if allowed is None:
        return Refusal.NOT_YOURS
    return _held(allowed, on_hold=on_hold)


def _may(step: Step, parts: AbstractSet[Part]) -> bool:
    """Might somebody like this take the step? Any reviewer might be the assigned one."""
    like = parts | ({Part.ASSIGNED} if Part.REVIEWER in parts else set())
    return bool(step.by & like)


def _held(step: Step, *, on_hold: bool) -> Step | Refusal:
    if step.action is Action.HOLD and on_hold:
        return Refusal.ON_HOLD
    if step.action is Action.RELEASE and not on_hold:
        return Refusal.NOT_ON_HOLD
    return Refusal.ON_HOLD if on_hold and step.action not in STILL else step
