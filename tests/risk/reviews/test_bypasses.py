"""Ways around two people and whole decisions that are none."""

from typing import Any

from service.operation.jobs import forget_old_events
from tests.risk.reviews.bank import LOW, OTHER, Bank
from tests.risk.reviews.test_clock import decide
from tests.support.accounts import make_person, map_owner
from tests.support.catalog import rows

CLEARANCE = "/api/v1/models/retail/churn/versions/1/clearance"
LATER = "2026-11-21T12:00:00Z"


def test_identify_resolved(bank: Bank) -> None:
    """Whose an identity is, nobody may say otherwise than the mappings do."""
    bank.say_version(1, at=LATER, created_by="ruth@acme.example")
    map_owner(bank.database, "email:ruth@acme.example", "reviewer")
    review = bank.review("ASSIGNED")
    said: dict[str, Any] = {
        "identity": "ruth@acme.example",
        "person": "Ann Lee",
        "reason": "I say so",
    }
    assert bank.ask(review, "identify", "reviewer", **said).status_code == 422
    assert bank.ask(review, "start", "reviewer").status_code == 409


def test_identify_before_mapping(bank: Bank) -> None:
    """What was said before an admin mapped it counts no more then."""
    bank.say_version(1, at=LATER, created_by="ruth@acme.example")
    review = bank.review("ASSIGNED")
    said: dict[str, Any] = {
        "identity": "ruth@acme.example",
        "person": "Ann Lee",
        "reason": "I say so",
    }
    bank.act(review, "identify", "reviewer", **said)
    map_owner(bank.database, "email:ruth@acme.example", "reviewer")
    answer = bank.ask(review, "start", "reviewer")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent")


def test_identify_own_name(bank: Bank) -> None:
    """A name counts against who bears it, also where its bearer says that it is another's."""
    bank.say_version(1, at=LATER, created_by="reviewer")
    review = bank.review("ASSIGNED")
    said: dict[str, Any] = {"identity": "reviewer", "person": "Ann Lee", "reason": "I say so"}
    bank.ask(review, "identify", "reviewer", **said)
    assert bank.ask(review, "start", "reviewer").status_code == 409


def test_one_use_approved(bank: Bank) -> None:
    """An approval of one use is none of the version: what it still needs stays open."""
    bank.rate("HIGH")
    bank.say_use("letters", decision_role="informational")
    bank.deploy(1)
    bank.settle()
    asked: dict[str, Any] = {"model": "retail/churn", "version": "1", "kind": "TRIGGERED",
                             "use": "letters", "reason": "a small one"}  # fmt: skip
    made = bank.service.ask("POST", "reviews", bank.tokens["other"], json=asked)
    assert made.status_code == 201, made.text
    decide(bank, "TRIGGERED")
    assert ("PRE", "1", "REQUIRED") in [tuple(one)[:3] for one in bank.reviews()]
    assert bank.state() == "RESTRICTED"


def test_digest_moved(bank: Bank) -> None:
    """An approval is of what had the digest: of something else with the same number it is none."""
    bank.rate("HIGH")
    bank.deploy(1)
    bank.settle()
    decide(bank, "PRE")
    assert bank.service.get(CLEARANCE, bank.tokens["reader"])["clearance"] == "CLEAR"
    bank.say_version(1, at="2026-11-22T12:00:00Z", digests=[OTHER])
    assert bank.service.get(CLEARANCE, bank.tokens["reader"])["clearance"] != "CLEAR"
    assert bank.state() != "APPROVED"


def test_hold_reason(bank: Bank) -> None:
    """Why something is held is for those who may read the list of holds, in its history too."""
    asked = {"model": "retail/churn", "reason": "the prosecutor asks"}
    made = bank.service.ask("POST", "legal-holds", bank.tokens["approver"], json=asked)
    assert made.status_code == 201, made.text
    for who, told in (("auditor", True), ("reader", False)):
        shown = bank.service.ask("GET", "models/retail/churn/history", bank.tokens[who])
        assert ("prosecutor" in shown.text) is told, who


def test_hold_keeps_events(bank: Bank) -> None:
    """What was told of a model stays while it is held."""
    bank.rate("HIGH")
    bank.run("UPDATE outgoing_event SET at = now() - interval '100 days'")
    [(many,)] = rows(bank.database, "SELECT count(*) FROM outgoing_event")
    assert many > 0
    asked = {"model": "retail/churn", "reason": "suit"}
    made = bank.service.ask("POST", "legal-holds", bank.tokens["approver"], json=asked)
    assert bank.database.transact(forget_old_events) == 0
    lift = f"legal-holds/{made.json()['id']}:lift"
    bank.service.ask("POST", lift, bank.tokens["approver"], json={"reason": "over"})
    assert bank.database.transact(forget_old_events) == many


def test_hold_elsewhere(bank: Bank) -> None:
    """Who reads notes in one namespace and reads another is not told why that one's are held."""
    asked = {"model": "retail/churn", "reason": "the prosecutor asks"}
    bank.service.ask("POST", "legal-holds", bank.tokens["approver"], json=asked)
    make_person(bank.database, "abroad", ("reviewer", "wholesale"), ("reader", "retail"))
    shown = bank.service.get("/api/v1/legal-holds", bank.service.token_of("abroad"))
    assert shown["items"] == []


def test_identify_for_oneself(bank: Bank) -> None:
    """What somebody says of an identity proves nothing for them, and undoes nothing."""
    bank.say_version(1, at=LATER, created_by="ruth@acme.example")
    review = bank.review("ASSIGNED")
    said: dict[str, Any] = {"identity": "ruth@acme.example", "reason": "I know"}
    bank.act(review, "identify", "reviewer", person="Ann Lee", **said)
    bank.act(review, "start", "reviewer")
    assert bank.get(review)["independence"] == "UNKNOWN"
    bank.act(review, "identify", "other", account="reviewer", **said)
    assert bank.get(review)["independence"] == "FAIL"
    assert bank.ask(review, "identify", "reviewer", person="Ann Lee", **said).status_code == 422


def test_clearance_after_grace(bank: Bank) -> None:
    """A grace that is over counts nowhere, also before the clock has said so."""
    bank.say_use(**LOW | {"decision_role": {"one_of": ["informational", "automated"]}})
    bank.run(
        "UPDATE model_risk SET grace_end = now() - interval '1 minute', workflow_tier = 'MEDIUM',"
        " tier_high = 'HIGH'"
    )
    shown = bank.service.get(CLEARANCE, bank.tokens["reader"])
    assert (shown["clearance"], shown["workflow_tier"]) == ("NEEDS_APPROVAL", "HIGH")


def test_clearance_after_exemption(bank: Bank) -> None:
    """An override or exemption that is over lets nothing go, also before the clock has run."""
    bank.rate("HIGH")
    bank.run("UPDATE model_risk SET workflow_tier = 'LOW', tier = 'LOW'")
    bank.run("UPDATE assessment SET override_id = gen_random_uuid(), workflow_tier = 'LOW'")
    assert bank.service.get(CLEARANCE, bank.tokens["reader"])["clearance"] == "NEEDS_APPROVAL"


def test_reason_is_a_note(bank: Bank) -> None:
    """Why somebody asked for a review is read by those who read its notes, in lists too."""
    asked = {"model": "retail/churn", "version": "1", "kind": "TRIGGERED", "reason": "a complaint"}
    made = bank.service.ask("POST", "reviews", bank.tokens["owner"], json=asked)
    assert made.json()["cause"] == "a complaint"
    for path in ("reviews", f"reviews/{made.json()['id']}"):
        for who, told in (("reviewer", True), ("owner", True), ("reader", False)):
            shown = bank.service.ask("GET", path, bank.tokens[who])
            assert shown.status_code == 200, (path, who)
            assert ("complaint" in shown.text) is told, (path, who)
