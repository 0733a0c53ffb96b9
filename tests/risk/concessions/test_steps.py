"""Each step of each sort, from every state, by every role; who may ask; who may grant."""

from typing import Any, Final

import pytest

from tests.risk.concessions.asking import PATHS, PROOF, WAYS, WHY, ask, asked, bring, ready
from tests.risk.parties import ROLES, Parties, in_days

BODIES: Final[dict[str, dict[str, Any]]] = {
    "approve": {}, "reject": {"reason": "not needed"}, "revoke": {"reason": "over"},
    "renew": {"reason": WHY, "evidence": PROOF, "expires_at": in_days(80)},
}  # fmt: skip
ASKING: Final = {
    "waiver": {"owner"}, "exception": {"owner"}, "override": {"owner", "reviewer"},
    "exemption": {"owner", "reviewer"},
}  # fmt: skip
ALLOWED: Final = {
    ("REQUESTED", "approve"): "IN_FORCE", ("REQUESTED", "reject"): "REJECTED",
    ("IN_FORCE", "revoke"): "REVOKED", ("IN_FORCE", "renew"): "IN_FORCE",
}  # fmt: skip


def expected(sort: str, state: str, *, step: str, role: str) -> int:
    """The status of a step."""
    if role == "elsewhere":
        return 404
    if role not in (ASKING[sort] if step == "renew" else {"approver"}):
        return 403
    if (state, step) not in ALLOWED:
        return 409
    return 201 if step == "renew" else 200


@pytest.mark.parametrize("sort", PATHS)
@pytest.mark.parametrize("state", WAYS)
def test_every_step(parties: Parties, sort: str, state: str) -> None:
    """Allowed ones lead where they should; all others are refused and change nothing."""
    ready(parties, sort)
    path = bring(parties, sort, state)
    for step, body in BODIES.items():
        for role in ROLES:
            status = expected(sort, state, step=step, role=role)
            answer = parties.any_state(role, path, step, **body)
            assert answer.status_code == status, (sort, state, step, role, answer.text)
            if status in {200, 201}:
                now = parties.ask("auditor", "GET", path).json()["state"]
                assert now == ALLOWED[state, step]
                path = bring(parties, sort, state)
        assert parties.ask("auditor", "GET", path).json()["state"] == state, step


@pytest.mark.parametrize("sort", PATHS)
def test_who_asks(parties: Parties, sort: str) -> None:
    """Owners do; reviewers too for what is about tiers; nobody else."""
    ready(parties, sort)
    for role in ROLES:
        status = 201 if role in ASKING[sort] else 404 if role == "elsewhere" else 403
        answer = ask(parties, sort, role)
        assert answer.status_code == status, (role, answer.text)
        if status == 201:
            path = f"{PATHS[sort]}/{answer.json()['id']}"
            parties.done("approver", path, "reject", reason="tests")


@pytest.mark.parametrize("sort", PATHS)
def test_self_approval(parties: Parties, sort: str) -> None:
    """Who asked does not grant it, whatever roles they have; another approver does."""
    ready(parties, sort)
    path = asked(parties, sort)
    parties.grant("anna", "approver")
    answer = parties.any_state("owner", path, "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent"), answer.text
    assert "approver_is_not_requester" in answer.json()["detail"]
    assert parties.done("approver", path, "approve")["approved_by"] == "approver"
