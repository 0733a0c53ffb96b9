"""Waivers that a manifest asks for: requests, until people grant them; edited, removed, refused."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from tests.risk.parties import Parties
from tests.support.accounts import owned_by
from tests.support.catalog import all_changes, last_change, model, rows

DAYS: Final = tuple(f"2026-11-{day}T12:00:00Z" for day in range(21, 28))
URL: Final = "https://github.com/acme/churn/blob/9f2c/model.yaml"


def in_days(days: int) -> str:
    """A day from now on."""
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


SAID: Final[dict[str, Any]] = {
    "control": "BLD-01", "reason": "moves to CI in March", "expires_on": in_days(90),
    "compensating": "two people look at each upload",
}  # fmt: skip


def push(parties: Parties, at: str, *waivers: Any) -> None:
    """What the repository says of the model now."""
    said = model(at=at, owners=[owned_by("anna")], waivers=list(waivers))
    parties.say(said | {"evidence": {"url": URL}})


def listed(parties: Parties, **asked: str) -> list[Any]:
    """What waits or holds, the first first."""
    answer = parties.service.get("waivers", parties.tokens["auditor"], **asked)
    return list(reversed(answer["items"]))


def test_request(parties: Parties) -> None:
    """It is asked for by the source, with where it can be read; it holds once it is granted."""
    push(parties, DAYS[0], SAID)
    (found,) = listed(parties)
    assert (found["state"], found["control"], found["stated"]) == ("REQUESTED", "BLD-01", True)
    assert found["requested_by"] == "manifest of mlflow-prod"
    assert [one["url"] for one in found["evidence"]] == [URL]
    assert found["expires_at"].startswith(in_days(91))  # the last day counts
    assert parties.results()["BLD-01"] != "WAIVED"

    path = f"waivers/{found['id']}"
    parties.done("approver", path, "approve")
    assert parties.results()["BLD-01"] == "WAIVED"


def test_said_again(parties: Parties) -> None:
    """The same wording is one request, however often it is pushed; the ledger has it once."""
    before = last_change(parties.database)
    push(parties, DAYS[0], SAID)
    push(parties, DAYS[1], SAID)
    push(parties, DAYS[2], {"control": "INV-03", "reason": "soon", "expires_on": in_days(9)}, SAID)
    assert [one["control"] for one in listed(parties)] == ["BLD-01", "INV-03"]
    told = [c for c in all_changes(parties.database, before) if c["kind"] == "waiver"]
    assert [(one["op"], one["new"]["control"]) for one in told] == [
        ("ask", "BLD-01"), ("ask", "INV-03"),
    ]  # fmt: skip


def test_edited(parties: Parties) -> None:
    """An edit is another request: the granted wording holds, the new one waits."""
    push(parties, DAYS[0], SAID)
    (first,) = listed(parties)
    parties.done("approver", f"waivers/{first['id']}", "approve")
    push(parties, DAYS[1], SAID | {"expires_on": in_days(200)})

    found = {one["state"]: one for one in listed(parties)}
    assert {state: one["stated"] for state, one in found.items()} == {
        "IN_FORCE": False, "REQUESTED": True,
    }  # fmt: skip
    assert found["IN_FORCE"]["expires_at"] == first["expires_at"]
    assert found["REQUESTED"]["chain"] == [first["id"]]
    assert parties.results()["BLD-01"] == "WAIVED"


def test_removed(parties: Parties) -> None:
    """A removal ends nothing: it is only shown."""
    push(parties, DAYS[0], SAID)
    (found,) = listed(parties)
    parties.done("approver", f"waivers/{found['id']}", "approve")
    push(parties, DAYS[1])
    (found,) = listed(parties)
    assert (found["state"], found["stated"]) == ("IN_FORCE", False)
    push(parties, DAYS[2], SAID)
    assert len(listed(parties)) == 1


def test_owner_grants_not(parties: Parties) -> None:
    """The manifest speaks for the owners: none of them grants it, being approver or not."""
    push(parties, DAYS[0], SAID)
    (found,) = listed(parties)
    parties.grant("anna", "approver")
    answer = parties.any_state("owner", f"waivers/{found['id']}", "approve")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent")


def test_compensating(parties: Parties) -> None:
    """One that names nothing that keeps the risk low is granted with words for that alone."""
    push(parties, DAYS[0], {name: SAID[name] for name in ("control", "reason", "expires_on")})
    (found,) = listed(parties)
    path = f"waivers/{found['id']}"
    assert parties.any_state("approver", path, "approve").status_code == 422
    done = parties.done("approver", path, "approve", compensating="two people look")
    assert done["compensating"] == "two people look"


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"control": "BLD-99"}, "control_in_force"),
        ({"expires_on": "2020-01-31"}, "ends_in_the_future"),
        ({"expires_on": in_days(500)}, "too_long"),
        ({"expires_on": "9999-12-31"}, "too_long"),
        ({"expires_on": "soon"}, "ends_in_the_future"),
    ],
)
def test_refused(parties: Parties, changed: Any, rule: str) -> None:
    """What nobody could grant is refused at once, and says why; the push is recorded."""
    push(parties, DAYS[0], SAID | changed)
    assert listed(parties) == []
    (found,) = listed(parties, state="REJECTED")
    assert found["end_reason"].partition(":")[0] == rule
    push(parties, DAYS[1], SAID | changed)
    assert parties.count("waiver") == 1


@pytest.mark.parametrize("text", ["'; DROP TABLE waiver; --", '=1+1"', "{items} %s", "x" * 20_000])
def test_hostile(parties: Parties, text: str) -> None:
    """Whatever a manifest says is kept as it was said."""
    push(parties, DAYS[0], SAID | {"reason": text, "compensating": text})
    (found,) = listed(parties)
    assert (found["reason"], found["compensating"]) == (text, text)
    assert rows(parties.database, "SELECT count(*) FROM waiver") == [(1,)]
