"""What waivers, exceptions, overrides and exemptions have to keep to, and how each ends."""

from typing import Any
from unicodedata import normalize

import pytest

from tests.risk.concessions.asking import (
    ASKS,
    DOWN,
    PATHS,
    PROOF,
    TABLES,
    WHY,
    ask,
    asked,
    end,
    later,
    ready,
    run_clock,
)
from tests.risk.parties import CHURN, LUNCH, MEDIUM, MENU, Parties, in_days
from tests.support.catalog import all_changes, last_change, rows, version

LATER = "2026-11-21T12:00:00Z"
HOSTILE = (
    '=HYPERLINK("https://x.example","click")',
    "'; DROP TABLE waiver; --",
    "<script>alert(1)</script>",
    "{count} {0} %s %(x)s",
    "\U0001f9ea \u0301 e\u0301 \u05e9\u05dc\u05d5\u05dd",
)


def rules(answer: Any) -> set[str]:
    """The rules that a refusal names."""
    assert answer.status_code == 422, answer.text
    return {one["message"].partition(":")[0] for one in answer.json()["errors"]}


@pytest.mark.parametrize("sort", ["waiver", "exception", "override"])
def test_needs_an_end(parties: Parties, sort: str) -> None:
    """Without an end, with one in the past or too late: 422, and nothing is kept."""
    ready(parties, sort)
    path, body = ASKS[sort]
    without = {name: value for name, value in body.items() if name != "expires_at"}
    assert parties.ask("owner", "POST", path, json=without).status_code == 422
    assert ask(parties, sort, expires_at=None).status_code == 422
    late = 91 if sort == "exception" else 367
    assert "too_long" in rules(ask(parties, sort, expires_at=in_days(late)))
    assert rules(ask(parties, sort, expires_at=in_days(-1)))
    assert parties.count(TABLES[sort]) == 0


@pytest.mark.parametrize("sort", PATHS)
def test_texts_needed(parties: Parties, sort: str) -> None:
    """What each sort needs, it needs: an empty one is none."""
    ready(parties, sort)
    _, body = ASKS[sort]
    needed = set(body) & {"reason", "compensating", "limits", "monitoring", "informed"}
    for name in needed:
        empties: tuple[Any, ...] = ("", None, [])
        for empty in empties:
            assert ask(parties, sort, **{name: empty}).status_code == 422, (name, empty)
    assert parties.count(TABLES[sort]) == 0


def test_waiver_control(parties: Parties) -> None:
    """A control that the pack in force has."""
    assert rules(ask(parties, "waiver", control="BLD-99")) == {"control_in_force"}
    assert ask(parties, "waiver", model="retail/none").status_code == 404


def test_waiver_holds(parties: Parties) -> None:
    """In force it covers what the control finds; over, it counts nowhere, and is a fault itself."""
    parties.say(version(8, at=LATER, source_commit="9" * 40, source_dirty=True))
    assert parties.results()["INV-03"] == "FAIL"
    path = asked(parties, "waiver", control="INV-03")
    assert parties.results()["INV-03"] == "FAIL"
    parties.done("approver", path, "approve")
    assert parties.results()["INV-03"] == "WAIVED"
    assert parties.results()["WVR-01"] == "PASS"

    later(parties, "waiver")
    assert parties.ask("reader", "GET", path).json()["state"] == "LAPSED"
    assert parties.ask("reader", "GET", "waivers").json()["items"] == []
    parties.say(version(9, at=LATER))
    assert parties.results()["INV-03"] == "FAIL"
    assert parties.results()["WVR-01"] == "FAIL"
    assert [run_clock(parties) for _ in range(2)] == [1, 0]


def test_waiver_item(parties: Parties) -> None:
    """One for an item stands beside one for the whole control; the same twice does not."""
    asked(parties, "waiver")
    asked(parties, "waiver", item="v7")
    answer = ask(parties, "waiver", item="v7")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_asked")


def test_renewed_once(parties: Parties) -> None:
    """One renewal, which another one grants; then a new request, which shows the chain."""
    renewal = {"reason": "two months more", "expires_at": in_days(120)}
    first = asked(parties, "waiver")
    parties.done("approver", first, "approve")
    assert ask(parties, "waiver").json()["code"] == "already_asked"  # renew it instead
    second = parties.done("owner", first, "renew", **renewal)
    assert (second["state"], second["renewals"], second["renews"]) == (
        "REQUESTED", 1, first.partition("/")[2],
    )  # fmt: skip
    assert parties.ask("reader", "GET", first).json()["state"] == "IN_FORCE"
    assert parties.any_state("owner", first, "renew", **renewal).json()["code"] == "already_asked"

    path = f"waivers/{second['id']}"
    parties.done("approver", path, "approve")
    old = parties.ask("auditor", "GET", first).json()
    assert (old["state"], old["end_reason"]) == ("REVOKED", f"replaced by {second['id']}")
    assert rules(parties.any_state("owner", path, "renew", **renewal)) == {"one_renewal"}

    third = parties.ask("auditor", "GET", asked(parties, "waiver")).json()
    assert (third["renewals"], third["chain"]) == (0, [second["id"], old["id"]])


def test_repeated(parties: Parties) -> None:
    """Approved twice under one key it is approved once; a stale tag is refused, none too."""
    path = asked(parties, "waiver")
    tag = parties.tag(path)
    sent = {"json": {}, "headers": {"If-Match": tag, "Idempotency-Key": "once"}}
    before = last_change(parties.database)
    first, second = (parties.ask("approver", "POST", f"{path}:approve", **sent) for _ in range(2))
    assert (first.status_code, first.json()) == (200, second.json())
    assert first.headers["etag"] == second.headers["etag"] != tag
    assert len([c for c in all_changes(parties.database, before) if c["kind"] == "waiver"]) == 1

    stale = parties.ask("approver", "POST", f"{path}:revoke", json={"reason": "x"},
                        headers={"If-Match": tag})  # fmt: skip
    assert (stale.status_code, stale.headers["etag"]) == (412, first.headers["etag"])
    bare = parties.ask("approver", "POST", f"{path}:revoke", json={"reason": "x"})
    assert bare.status_code == 428
    again = parties.step("approver", path, "approve")
    assert (again.status_code, again.json()["code"]) == (409, "step_impossible")


def test_dry_run(parties: Parties) -> None:
    """Only tried, nothing is kept."""
    path, body = ASKS["waiver"]
    answer = parties.ask("owner", "POST", f"{path}?dry_run=true", json=body)
    assert (answer.status_code, answer.json()["state"]) == (201, "REQUESTED")
    assert parties.count("waiver") == 0


@pytest.mark.parametrize("sort", PATHS)
def test_over_before_granted(parties: Parties, sort: str) -> None:
    """A request whose end has come is granted no more."""
    ready(parties, sort)
    path = asked(parties, sort)
    parties.write(
        f"UPDATE {TABLES[sort]} SET requested_at = requested_at - interval '400 days',"  # noqa: S608
        " expires_at = expires_at - interval '800 days'"
    )
    assert rules(parties.any_state("approver", path, "approve")) & {
        "ends_in_the_future", "too_long",
    }  # fmt: skip


@pytest.mark.parametrize("sort", PATHS)
def test_clock_backwards(parties: Parties, sort: str) -> None:
    """What lapsed stays so when the clock goes back, and lapses once."""
    ready(parties, sort)
    path = asked(parties, sort)
    parties.done("approver", path, "approve")
    before = last_change(parties.database)
    assert run_clock(parties, days=-1) == 0
    assert [run_clock(parties, days=days) for days in (800, -1, 0, 800)] == [1, 0, 0, 0]
    told = [c for c in all_changes(parties.database, before) if c["op"] == "lapse"]
    assert [(one["kind"], one["new"]) for one in told] == [(sort, {"state": "LAPSED"})]
    assert parties.ask("reader", "GET", path).json()["state"] == "LAPSED"
    assert parties.any_state("approver", path, "revoke", reason="x").status_code == 409


def test_override_up(parties: Parties) -> None:
    """At once, by an owner, reviewer or approver; lower than one that stands needs an approver."""
    parties.declare()
    assert parties.tier() == ("LOW", "FIRM")
    up = {"tier": "HIGH", "reason": "regulators asked", "expires_at": in_days(30)}
    made = parties.ask("owner", "POST", f"{LUNCH}/overrides", json=up).json()
    assert (made["state"], made["direction"], made["approved_by"]) == ("IN_FORCE", "up", None)
    assert parties.tier() == ("HIGH", "OVERRIDDEN")

    less = {**up, "tier": "MEDIUM", "evidence": PROOF}
    answer = parties.ask("approver", "POST", f"{LUNCH}/overrides", json=less)
    assert answer.status_code == 403  # being lower, it is asked for by an owner or reviewer
    asked_for = parties.ask("reviewer", "POST", f"{LUNCH}/overrides", json=less).json()
    assert asked_for["state"] == "REQUESTED"
    assert parties.tier() == ("HIGH", "OVERRIDDEN")
    parties.done("approver", f"overrides/{asked_for['id']}", "approve")
    assert parties.tier() == ("MEDIUM", "OVERRIDDEN")
    assert parties.ask("reader", "GET", f"overrides/{made['id']}").json()["state"] == "REVOKED"

    parties.done("approver", f"overrides/{asked_for['id']}", "revoke", reason="over")
    assert parties.tier() == ("LOW", "FIRM")


def test_override_down(parties: Parties) -> None:
    """Reason, evidence, another one's approval; expired it counts at once no more."""
    parties.declare(**MEDIUM)
    assert parties.tier() == ("MEDIUM", "FIRM")
    assert rules(ask(parties, "override", reason="too high")) == {"needs_reason"}
    assert rules(ask(parties, "override", evidence=[])) == {"needs_evidence"}
    assert rules(ask(parties, "override", tier="NEGLIGIBLE")) == {"negligible_by_exemption_only"}
    path = asked(parties, "override")
    assert parties.tier() == ("MEDIUM", "FIRM")
    parties.done("approver", path, "approve")
    assert parties.tier() == ("LOW", "OVERRIDDEN")

    later(parties, "override")
    parties.declare(LATER, **MEDIUM, line_of_business="canteen")
    assert parties.tier() == ("MEDIUM", "FIRM")
    assert run_clock(parties) == 1


@pytest.mark.parametrize("purposes", [["creditworthiness"], {"safety_component": False}])
def test_override_floor(parties: Parties, purposes: Any) -> None:
    """Never below a hard floor that holds, or of which too little is known: 422 names it."""
    parties.declare(regulated_purposes=purposes)
    answer = ask(parties, "override", tier="MEDIUM")
    assert rules(answer) == {"below_hard_floor"}
    assert "F5" in answer.json()["errors"][0]["message"]


def test_override_floor_since(parties: Parties) -> None:
    """A floor that came up after the request stops its approval."""
    parties.declare(**MEDIUM)
    path = asked(parties, "override")
    parties.declare(LATER, **MEDIUM, regulated_purposes=["creditworthiness"])
    assert rules(parties.any_state("approver", path, "approve")) == {"below_hard_floor"}
    parties.done("approver", path, "reject", reason="it decides on credit")


def test_override_undeclared(parties: Parties) -> None:
    """A model without a use has the one that nobody declared; the first declared takes it over."""
    path = f"models/{CHURN}/uses/(undeclared)/overrides"
    up = {"tier": "HIGH", "reason": "regulators asked", "expires_at": in_days(30)}
    made = parties.ask("reviewer", "POST", path, json=up).json()
    assert (made["use"], made["use_id"]) == ("(undeclared)", made["model_id"])
    assert [one["id"] for one in parties.ask("reader", "GET", path).json()["items"]] == [made["id"]]
    missing = parties.ask("reviewer", "POST", f"models/{CHURN}/uses/none/overrides", json=up)
    assert (missing.status_code, missing.json()["code"]) == (404, "use_not_found")


def test_exemption(parties: Parties) -> None:
    """Only from FIRM LOW with no floor; for 24 months, then it is LOW again."""
    parties.declare(**MEDIUM)
    assert rules(ask(parties, "exemption")) == {"not_low"}
    parties.declare(LATER)
    assert parties.tier() == ("LOW", "FIRM")
    assert rules(ask(parties, "exemption", expires_at=in_days(740))) == {"too_long"}
    path = asked(parties, "exemption")
    parties.done("approver", path, "approve")
    assert parties.tier()[0] == "NEGLIGIBLE"
    later(parties, "exemption")
    assert run_clock(parties) == 0  # 24 months are not over yet
    end(parties, "exemption")
    assert parties.tier() == ("LOW", "FIRM")


def test_exemption_not_firm(parties: Parties) -> None:
    """Unknown is not low: what is not FIRM is not exempt."""
    path = f"models/{CHURN}/uses/(undeclared)/exemptions"
    assert rules(parties.ask("owner", "POST", path, json={"reason": WHY})) == {"not_firm"}


def test_triggers(parties: Parties) -> None:
    """A trigger of the policy ends what lowers a tier, not what raises it."""
    from service.risk.concessions.summary import end_for_triggers  # noqa: PLC0415

    parties.declare(**MEDIUM)
    parties.done("approver", asked(parties, "override"), "approve")
    model = rows(parties.database, "SELECT model_id FROM tier_override")[0][0]

    def fire(*triggers: str) -> int:
        return parties.database.transact(
            lambda session: end_for_triggers(session, [model], set(triggers))
        )

    assert fire("no_trigger") == 0
    assert fire("material_change") == 1
    assert fire("material_change") == 0
    assert parties.tier() == ("MEDIUM", "FIRM")
    ((state, by, why),) = rows(
        parties.database, "SELECT state, ended_by, end_reason FROM tier_override"
    )
    assert (state, by, why) == ("REVOKED", "software", "ended by material_change")

    up = {**DOWN, "tier": "HIGH"}
    assert parties.ask("owner", "POST", f"{LUNCH}/overrides", json=up).status_code == 201
    assert fire("material_change", "tier_up") == 0
    assert parties.tier(MENU) == ("HIGH", "OVERRIDDEN")


def test_exception_high_only(parties: Parties) -> None:
    """A model below HIGH needs none."""
    parties.declare()
    answer = ask(parties, "exception", model=MENU, version="1")
    assert rules(answer) == {"high_only"}


def test_exception_ends(parties: Parties) -> None:
    """Its end opens a finding, once; a renewal's approval does not."""
    path = asked(parties, "exception")
    parties.done("approver", path, "approve")
    second = parties.done("owner", path, "renew", reason=WHY, expires_at=in_days(80))
    parties.done("approver", f"exceptions/{second['id']}", "approve")
    found = "SELECT cause, severity, source FROM finding WHERE source = 'exception'"
    assert rows(parties.database, found) == []

    end(parties, "exception")
    ((version_id,),) = rows(parties.database, "SELECT id FROM entry WHERE kind = 'version'")
    assert rows(parties.database, found) == [(f"exception:{version_id}", "high", "exception")]
    assert run_clock(parties) == 0
    assert len(rows(parties.database, found)) == 1


def test_exception_revoked(parties: Parties) -> None:
    """Revoked, it leaves the same finding."""
    path = asked(parties, "exception")
    parties.done("approver", path, "approve")
    parties.done("approver", path, "revoke", reason="limits were not kept")
    found = "SELECT title FROM finding WHERE source = 'exception'"
    assert rows(parties.database, found) == [
        ("The exception of version 7 was revoked, and nobody has approved it",)
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts(parties: Parties, text: str) -> None:
    """Texts come back as they were, and no spreadsheet runs them."""
    path = asked(parties, "waiver", reason=text, compensating=text)
    assert parties.ask("auditor", "GET", path).json()["reason"] == normalize("NFC", text)
    lines = parties.ask("auditor", "GET", "waivers.csv").text
    assert '"=HYPERLINK' not in lines
    assert parties.count("waiver") == 1


@pytest.mark.parametrize("text", ["a\0b", "\u202eabc", "x" * 10_001])
def test_refused_texts(parties: Parties, text: str) -> None:
    """Controls, and what is too long, are refused; what was sent is not echoed."""
    answer = ask(parties, "waiver", compensating=text)
    assert answer.status_code in {400, 422}
    assert text not in answer.text
