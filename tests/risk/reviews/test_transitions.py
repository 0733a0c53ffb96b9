"""Every (state, action, role): what the table lets through, and nothing else, through the API."""

import json
from typing import Any, Final

import pytest

from service.risk.reviews.machine import STEPS, Action, Part, State, Step, take
from tests.risk.reviews.bank import DIGEST, Bank

OPEN: Final = ("REQUIRED", "ASSIGNED", "IN_REVIEW", "CHANGES_REQUESTED", "RECOMMENDED")
STATES: Final = (*OPEN, "DECIDED", "CANCELLED", "SUPERSEDED")
# Written out by hand, not read from the machine: action → {role: states where it succeeds}.
BOTH_TIERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "assign": {
        "reviewer": ("REQUIRED", "ASSIGNED"), "other": ("REQUIRED", "ASSIGNED"),
        "approver": ("REQUIRED", "ASSIGNED"),
    },
    "start": {"reviewer": ("ASSIGNED",)},
    "identify": {"reviewer": OPEN, "other": OPEN},
    "request_changes": {"reviewer": ("IN_REVIEW",)},
    "answer": {"owner": ("CHANGES_REQUESTED",)},
    "recommend": {},
    "return": {"approver": ("RECOMMENDED",)},
    "decide": {"approver": ("RECOMMENDED",)},
    "hold": {"reviewer": OPEN, "other": OPEN, "approver": OPEN},
    "release": {},
    "cancel": {"approver": OPEN},
}  # fmt: skip
EXPECTED: Final = {
    "MEDIUM": BOTH_TIERS | {
        "decide": {"reviewer": ("IN_REVIEW",), "approver": ("RECOMMENDED",)},
    },
    "HIGH": BOTH_TIERS | {"recommend": {"reviewer": ("IN_REVIEW",)}},
}  # fmt: skip
ROLES: Final = (
    "reader", "owner", "reviewer", "other", "approver", "admin", "auditor", "robot",
)  # fmt: skip
REVIEWERS: Final = frozenset({"reviewer", "other"})  # any of them might be the assigned one
EVER: Final = {  # whom each step may ever be of: they are told 409 out of turn, all others 403
    **dict.fromkeys(("start", "identify", "request_changes", "recommend"), REVIEWERS),
    **dict.fromkeys(("assign", "decide", "hold", "release"), REVIEWERS | {"approver"}),
    "answer": frozenset({"owner"}),
    **dict.fromkeys(("return", "cancel"), frozenset({"approver"})),
}


TRAINED: Final = "ruth@acme.example"  # who made the version: no mapping says whose that is
LATER: Final = "2026-11-21T12:00:00Z"


def body_of(action: str, digests: dict[str, Any]) -> dict[str, Any]:
    """What to send with a step."""
    outcome = {"recommend": "REVIEWED", "decide": "REVIEWED"}.get(action)
    if outcome is not None:
        return {"outcome": outcome, "tier_confirmed": True, "comment": "looks right", **digests}
    return {
        "assign": {"reviewer": "other"},
        "identify": {"identity": TRAINED, "person": "Ruth Lee", "reason": "as I know"},
        "request_changes": {"comment": "why?"}, "answer": {"comment": "because"},
    }.get(action, {"reason": "as agreed"})  # fmt: skip


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("tier", ["MEDIUM", "HIGH"])
def test_every_step(bank: Bank, tier: str, state: str) -> None:
    """Each of 88 requests is let through, or refused, as the table above says."""
    bank.rate(tier)
    bank.say_version(1, at=LATER, created_by=TRAINED)
    review = bank.review()
    digests = bank.get(review)["now"]
    wrong = []
    set_up(bank, review, state=state, digests=digests)
    for action, allowed in EXPECTED[tier].items():
        body = body_of(action, digests)
        if (state, action) == ("RECOMMENDED", "decide"):
            body["outcome"] = "APPROVED"
        for role in ROLES:
            expected = state in allowed.get(role, ())
            answer = bank.ask(review, action, role, dry_run=True, **body)
            if answer.status_code not in statuses(action, role, expected=expected):
                wrong.append((action, role, answer.status_code, answer.text[:90]))
    assert wrong == []


def statuses(action: str, role: str, *, expected: bool) -> set[int]:
    """200 where it is expected; a reviewer may be refused as another one, or for the state."""
    if expected:
        return {200}
    if role not in EVER[action]:
        return {403}
    return {403, 409} if role == "other" or action == "decide" else {409}


def set_up(bank: Bank, review: Any, *, state: str, digests: dict[str, Any]) -> None:
    """Bring the review to a state behind the service's back."""
    recommended = None if state != "RECOMMENDED" else digests | {"comment": "x"}
    bank.run(
        "UPDATE review SET state = :state, reviewer = :reviewer, "
        "recommended = CAST(:recommended AS jsonb), identified = CAST(:identified AS jsonb), "
        "closed_at = CASE WHEN :closed THEN now() END WHERE id = :id",
        id=review, state=state, closed=state not in OPEN,
        reviewer=None if state == "REQUIRED" else "reviewer",
        recommended=None if recommended is None else as_json(recommended),
        identified=as_json({TRAINED: {"account": None, "person": "Ruth Lee", "by": "admin"}}),
    )  # fmt: skip


def as_json(value: Any) -> str:
    """JSON."""
    return json.dumps(value)


def test_right_before_state(bank: Bank) -> None:
    """Who may never take a step is refused for that; who may at another time, for the state."""
    review = bank.review("IN_REVIEW")
    assert bank.ask(review, "start", "owner").status_code == 403
    answer = bank.ask(review, "start", "reviewer")
    assert (answer.status_code, answer.json()["code"]) == (409, "step_impossible")
    assert "its steps are: identify, request_changes, " in answer.json()["detail"]
    answer = bank.ask(review, "decide", "other", **bank.decision(review))
    assert answer.status_code == 403  # another reviewer's
    assert bank.ask(review, "hold", "elsewhere", reason="x").status_code == 404


def test_table_is_whole() -> None:
    """Every open state can be left, closed ones never; every action is somewhere in the table."""
    assert {one.action for one in STEPS} == set(Action)
    for state in State:
        leaving = [
            found
            for action in Action
            for part in Part
            for two in (True, False)
            if isinstance(found := take(action, state, parts={part}, two_people=two), Step)
        ]
        assert bool(leaving) == (state.value in OPEN)


@pytest.mark.parametrize("action", ["start", "request_changes", "decide", "hold"])
def test_on_hold(bank: Bank, action: str) -> None:
    """What is on hold does not move; its date stays; it can be given to somebody else."""
    state = "ASSIGNED" if action == "start" else "IN_REVIEW"
    review = bank.review(state)
    before = bank.get(review)["due_at"]
    bank.act(review, "hold", "other", reason="the owner is away")
    answer = bank.ask(review, action, "reviewer", **body_of(action, bank.get(review)["now"]))
    assert answer.status_code == 409
    assert bank.get(review)["due_at"] == before
    assert bank.act(review, "release", "approver", reason="back")["on_hold"] is False


def test_tag(bank: Bank) -> None:
    """A step says which state it changes: none is 428, an old one 412."""
    review = bank.review("REQUIRED")
    path, token = f"reviews/{review}:assign", bank.tokens["reviewer"]
    assert bank.service.ask("POST", path, token, json={}).status_code == 428
    tag = bank.tag(review)
    assert bank.ask(review, "assign", "reviewer", match=tag).status_code == 200
    assert bank.ask(review, "assign", "other", match=tag).status_code == 412
    assert bank.get(review)["version_digest"] is None  # only once it is started
    bank.act(review, "start", "reviewer")
    assert bank.get(review)["version_digest"] == DIGEST
