"""Ways around another one's word: over a shorter raise, and by moving what was asked for."""

from typing import Any

import pytest

from tests.risk.concessions.asking import ASKS, asked, ready
from tests.risk.parties import LUNCH, Parties, in_days
from tests.support.catalog import rows, version

LATER, LATEST = "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"
BEFORE, AFTER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def test_raise_not_shortened(parties: Parties) -> None:
    """A raise gives way to one that ends before it once an approver says so, not at once."""
    parties.declare()
    up: dict[str, Any] = {"tier": "HIGH", "reason": "it may hurt", "expires_at": in_days(300)}
    path = f"{LUNCH}/overrides"
    first = parties.ask("reviewer", "POST", path, json=up).json()
    assert first["state"] == "IN_FORCE"
    shorter = parties.ask("owner", "POST", path, json=up | {"expires_at": in_days(1)})
    assert (shorter.status_code, shorter.json()["state"]) == (201, "REQUESTED")
    shown = parties.ask("auditor", "GET", f"overrides/{first['id']}").json()
    assert shown["state"] == "IN_FORCE"
    longer = parties.ask("approver", "POST", path, json=up | {"expires_at": in_days(360)})
    assert longer.json()["state"] == "IN_FORCE"


@pytest.mark.parametrize("granted", [False, True])
def test_exception_moved(parties: Parties, *, granted: bool) -> None:
    """An exception is for the digest that it was asked for: of another one it is none."""
    ready(parties, "exception")
    parties.say(version(7, at=LATER, digests=[BEFORE]))
    assert ASKS["exception"][1]["version"] == "7"
    path = asked(parties, "exception")
    if granted:
        clearance = "models/retail/churn/versions/7/clearance"
        parties.done("approver", path, "approve")
        assert parties.ask("reader", "GET", clearance).json()["review_state"] == "EXCEPTION"
        parties.say(version(7, at=LATEST, digests=[AFTER]))
        said = parties.ask("reader", "GET", clearance).json()
        assert said["review_state"] != "EXCEPTION"
        assert not any("an exception is in force" in one for one in said["reasons"])
        return
    parties.say(version(7, at=LATEST, digests=[AFTER]))
    answer = parties.step("approver", path, "approve")
    assert answer.status_code == 422, answer.text
    assert "version_moved" in answer.json()["errors"][0]["message"]
    assert rows(parties.database, "SELECT state FROM risk_exception") == [("REQUESTED",)]
