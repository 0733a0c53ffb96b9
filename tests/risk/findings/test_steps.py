"""Each step of a finding, from every state, by every role, as the rules say it."""

from typing import Any, Final

import pytest

from tests.risk.parties import CHURN, ROLES, Parties, in_days

FOUND: Final = {
    "model": CHURN, "category": "data", "severity": "medium", "title": "No training data",
    "description": "Nobody says what it was trained on.",
}  # fmt: skip
PROOF: Final = [{"url": "https://wiki.acme.example/churn"}]
BODIES: Final[dict[str, dict[str, Any]]] = {
    "acknowledge": {}, "plan": {"reason": "next sprint"}, "start": {},
    "submit": {"reason": "done", "evidence": PROOF}, "close": {"reason": "seen"},
    "rebut": {"reason": "not ours"}, "withdraw": {"reason": "indeed"},
    "reopen": {"reason": "not yet"}, "accept_risk": {"reason": "small", "until": in_days(100)},
    "extend": {"reason": "vendor is late", "due_at": in_days(200)},
    "assign": {"assignee": "bert"},
}  # fmt: skip
WAYS: Final = {  # how each state is reached
    "OPEN": (),
    "ACKNOWLEDGED": ("acknowledge",),
    "PLANNED": ("acknowledge", "plan"),
    "IN_PROGRESS": ("acknowledge", "plan", "start"),
    "PENDING_CLOSURE": ("acknowledge", "plan", "start", "submit"),
    "REBUTTED": ("rebut",),
    "RISK_ACCEPTED": ("accept_risk",),
    "CLOSED": ("acknowledge", "plan", "start", "submit", "close"),
    "WITHDRAWN": ("rebut", "withdraw"),
}
BY: Final = {
    "acknowledge": "owner", "plan": "owner", "start": "owner", "submit": "owner", "rebut": "owner",
    "close": "reviewer", "withdraw": "reviewer", "accept_risk": "approver",
}  # fmt: skip
WORKED_ON: Final = (
    "OPEN", "ACKNOWLEDGED", "PLANNED", "IN_PROGRESS", "PENDING_CLOSURE", "REBUTTED",
)  # fmt: skip
ALLOWED: Final[dict[tuple[str, str], tuple[str, set[str]]]] = {  # state, step: to, by whom
    ("OPEN", "acknowledge"): ("ACKNOWLEDGED", {"owner"}),
    ("OPEN", "rebut"): ("REBUTTED", {"owner"}),
    ("ACKNOWLEDGED", "plan"): ("PLANNED", {"owner"}),
    ("PLANNED", "start"): ("IN_PROGRESS", {"owner"}),
    ("IN_PROGRESS", "submit"): ("PENDING_CLOSURE", {"owner"}),
    ("PENDING_CLOSURE", "close"): ("CLOSED", {"reviewer"}),
    ("PENDING_CLOSURE", "reopen"): ("IN_PROGRESS", {"reviewer"}),
    ("REBUTTED", "withdraw"): ("WITHDRAWN", {"reviewer"}),
    ("REBUTTED", "reopen"): ("OPEN", {"reviewer"}),
    ("RISK_ACCEPTED", "reopen"): ("OPEN", {"approver"}),
    **{(one, "accept_risk"): ("RISK_ACCEPTED", {"approver"}) for one in WORKED_ON},
    **{(one, "extend"): (one, {"reviewer", "approver"}) for one in WORKED_ON},
    **{(one, "assign"): (one, {"owner", "reviewer"}) for one in WORKED_ON},
}
EVER: Final = {  # who may take a step in some state: others are not told of states
    step: set[str]().union(*(by for (_, one), (_, by) in ALLOWED.items() if one == step))
    for step in BODIES
}


def record(parties: Parties, **asked: Any) -> str:
    """Where a new finding stands."""
    answer = parties.ask("reviewer", "POST", "findings", json=FOUND | asked)
    assert answer.status_code == 201, answer.text
    return f"findings/{answer.json()['id']}"


def bring(parties: Parties, state: str, **asked: Any) -> str:
    """A new finding in a state."""
    path = record(parties, **asked)
    for step in WAYS[state]:
        parties.done(BY[step], path, step, **BODIES[step])
    return path


def expected(state: str, step: str, *, role: str) -> tuple[int, str]:
    """The status of a step, and the state after it."""
    if role == "elsewhere":
        return 404, state
    if role not in EVER[step]:
        return 403, state
    to, by = ALLOWED.get((state, step), ("", set()))
    if not to:
        return 409, state
    return (200, to) if role in by else (403, state)


@pytest.mark.parametrize("state", WAYS)
def test_every_step(parties: Parties, state: str) -> None:
    """Allowed ones lead where they should; all others are refused and change nothing."""
    parties.person("bert", "reader")
    path = bring(parties, state)
    for step, body in BODIES.items():
        for role in ROLES:
            status, to = expected(state, step, role=role)
            answer = parties.any_state(role, path, step, **body)
            assert answer.status_code == status, (state, step, role, answer.text)
            if status == 200:
                assert answer.json()["state"] == to
                path = bring(parties, state)
        assert parties.ask("auditor", "GET", path).json()["state"] == state, step
