"""Decisions: about exactly what was read, by people who built none of it, stored once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from service.errors import CatalogError
from tests.risk.reviews.bank import DIGEST, OTHER, STATED, Bank
from tests.support.accounts import map_owner
from tests.support.catalog import Sweep, all_changes, last_change, model, post, rows, version

LATER = "2026-11-21T12:00:00Z"
SOON = (datetime.now(UTC) + timedelta(days=20)).isoformat()


@pytest.fixture
def ready(bank: Bank) -> UUID:
    """A review of a MEDIUM model in the hands of its reviewer, all of its builders known."""
    map_owner(bank.database, "handle:retention", "other")  # a team of two
    review = bank.review("ASSIGNED", independence="PASS")
    bank.act(review, "start", "reviewer")
    return review


def stored(bank: Bank) -> int:
    """How many decisions there are."""
    [(found,)] = rows(bank.database, "SELECT count(*) FROM decision")
    return int(found)


def test_decide(bank: Bank, ready: UUID) -> None:
    """It is stored with what it rests on, the ledger and other systems are told, a date is set."""
    before = last_change(bank.database)
    sent = bank.decision(ready, "REVIEWED_WITH_CONDITIONS",
                         conditions=[{"text": "Describe it", "due_at": SOON}],
                         evidence=[{"url": "https://x.example/r", "digest": DIGEST}])  # fmt: skip
    done = bank.act(ready, "decide", "reviewer", **sent)
    assert (done["state"], done["outcome"], done["conditions"], done["now"]) == (
        "DECIDED", "REVIEWED_WITH_CONDITIONS", 1, None,
    )  # fmt: skip
    assert (done["independence"], done["content_digest"]) == ("PASS", sent["content_digest"])
    assert done["condition_list"][0]["text"] == "Describe it"
    told = [one for one in all_changes(bank.database, before) if one["kind"] == "decision"]
    assert [(one["op"], one["reason"]) for one in told] == [("decide", sent["comment"])]
    [(event,)] = rows(
        bank.database, "SELECT data FROM outgoing_event WHERE type = 'review.decided'"
    )
    assert (event["review"], event["outcome"]) == (str(ready), sent["outcome"])
    [(decided, due, grace, state)] = rows(
        bank.database,
        "SELECT last_review_at, next_review_due, review_grace_end, review_state FROM model_risk",
    )
    assert due == decided.replace(year=decided.year + 2)  # MEDIUM: 24 months
    assert grace == due + timedelta(days=90)
    assert state == "REVIEWED_WITH_CONDITIONS"


def test_moved(bank: Bank, ready: UUID) -> None:
    """What is other now than what was read is not decided about: 409 says what, nothing stored."""
    read = bank.decision(ready)
    bank.say_model(at=LATER, update_mode="self_learning")
    answer = bank.ask(ready, "decide", "reviewer", **read)
    assert (answer.status_code, answer.json()["code"]) == (409, "content_moved")
    assert {one["pointer"]: one["message"] for one in answer.json()["errors"]} == {
        "model.update_mode": "unknown: was not stated, is self_learning"
    }
    assert stored(bank) == 0
    assert bank.get(ready)["state"] == "IN_REVIEW"

    diff = bank.service.get(f"/api/v1/reviews/{ready}/diff", bank.tokens["reviewer"])
    assert [one["path"] for one in diff["since_start"]] == ["model.update_mode"]
    assert diff["since_start"][0]["source"] == "mlflow-prod"
    again = read | diff["now"]
    assert bank.act(ready, "decide", "reviewer", **again)["state"] == "DECIDED"


def test_moved_artifact(bank: Bank, ready: UUID) -> None:
    """Another artifact under the same number is another version."""
    read = bank.decision(ready)
    bank.say_version(1, at=LATER, digests=[OTHER])
    answer = bank.ask(ready, "decide", "reviewer", **read)
    assert answer.status_code == 409
    assert "version.digests" in {one["pointer"] for one in answer.json()["errors"]}
    assert stored(bank) == 0


def test_unchanged_harvest(bank: Bank, ready: UUID) -> None:
    """A harvest that finds everything as it was moves no digest."""
    read = bank.decision(ready)
    sweep = Sweep(bank.database, bank.registry)
    sweep.sweep(model(at=LATER, **STATED),
                version(1, at=LATER, digests=[DIGEST], created_by="retention"))  # fmt: skip
    sweep.close()
    bank.say_version(1, at="2026-11-22T12:00:00Z", status="READY", warnings=["x"])
    assert bank.act(ready, "decide", "reviewer", **read)["state"] == "DECIDED"


def test_repeated(bank: Bank, ready: UUID) -> None:
    """Asked again under its key, a decision is not made again."""
    sent, path = bank.decision(ready), f"reviews/{ready}:decide"
    headers = {"Idempotency-Key": "once", "If-Match": bank.tag(ready)}
    answers = [
        bank.service.ask("POST", path, bank.tokens["reviewer"], json=sent, headers=headers)
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert stored(bank) == 1


@pytest.mark.parametrize("change", [
    {"outcome": "APPROVED"}, {"comment": ""}, {"outcome": "REVIEWED_WITH_CONDITIONS"},
    {"conditions": [{"text": "x", "due_at": SOON}]}, {"content_digest": None},
])  # fmt: skip
def test_refused_form(bank: Bank, ready: UUID, change: dict[str, Any]) -> None:
    """An approver's outcome, no word, conditions with the wrong outcome: 422, nothing stored."""
    answer = bank.ask(ready, "decide", "reviewer", **(bank.decision(ready) | change))
    assert answer.status_code == 422, answer.text
    assert stored(bank) == 0


def test_three_identities(bank: Bank) -> None:
    """Ruth has an account, an e-mail in commits, and a login at the registry: she is one person."""
    bank.say_version(1, at=LATER, created_by="Ruth R. <Ruth@acme.example>")
    review = bank.review("ASSIGNED")
    unknown = {one["identity"]: one for one in bank.get(review)["builders"]}
    assert unknown["Ruth R. <Ruth@acme.example>"]["resolved"] is False

    map_owner(bank.database, "email:ruth@acme.example", "reviewer")
    answer = bank.ask(review, "start", "reviewer")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent")
    assert "registered the version as Ruth R." in answer.json()["detail"]
    assert bank.ask(review, "assign", "other", reviewer="reviewer").status_code == 409
    assert bank.act(review, "assign", "other")["independence"] == "PASS"

    bank.say_version(1, at="2026-11-22T12:00:00Z", created_by="other")  # a name alone
    assert bank.ask(review, "start", "other").status_code == 409  # counts against its bearer
    bank.act(review, "assign", "both")
    assert bank.get(review)["independence"] == "UNKNOWN"  # and proves nobody else's innocence


def test_team_and_bot(bank: Bank) -> None:
    """Everybody in a team that owns it built it; a bot stands for whoever set it to work."""
    people = [{"kind": "owner", "scheme": "handle", "value": one} for one in ("ann", "ben")]
    said: Any = {"subject": {"kind": "owner", "scheme": "handle", "value": "team:x"},
                 "observed_at": LATER, "facts": {"kind": "team", "members": people}}  # fmt: skip
    assert post(bank.database, bank.registry, said).refused == ()
    owner = {"owner": {"kind": "owner", "scheme": "handle", "value": "team:x"}}
    bank.say_model(at=LATER, owners=[owner])
    bank.say_version(1, at=LATER, created_by="release[bot]")
    map_owner(bank.database, "handle:ann", "owner")
    review = bank.review("ASSIGNED")
    found = {one["identity"]: one["resolved"] for one in bank.get(review)["builders"]}
    assert found == {"handle:team:x": False, "release[bot]": False}

    map_owner(bank.database, "handle:ben", "reviewer")
    answer = bank.ask(review, "start", "reviewer")
    assert "accountable owner" in answer.json()["detail"]
    run = {"kind": "training_run", "scheme": "mlflow", "value": "mlflow-prod/r1"}
    trained: Any = {"subject": run, "observed_at": LATER, "facts": {"created_by": "ann"}}
    assert post(bank.database, bank.registry, trained).refused == ()
    bank.say_version(1, at="2026-11-22T12:00:00Z", created_by="release[bot]", training_run=run)
    found = {one["identity"]: one["resolved"] for one in bank.get(review)["builders"]}
    assert found == {"handle:team:x": True, "release[bot]": True, "ann": True}


def test_two_people(bank: Bank) -> None:
    """HIGH: one recommends, another decides, neither asked for it, and nobody is unknown."""
    bank.rate("HIGH")
    bank.say_version(1, at=LATER, created_by="svc-training")
    review = bank.review("ASSIGNED", kind="TRIGGERED", reviewer="both", opened_by="approver")
    bank.act(review, "start", "both")
    bank.act(review, "recommend", "both", **bank.decision(review))

    answer = bank.ask(review, "decide", "both", **bank.decision(review, "APPROVED"))
    assert answer.json()["code"] == "not_independent"  # who recommended it
    answer = bank.ask(review, "decide", "approver", **bank.decision(review, "APPROVED"))
    assert "asked for the review" in answer.json()["detail"]
    bank.run("UPDATE review SET opened_by = 'somebody' WHERE id = :id", id=review)
    answer = bank.ask(review, "decide", "approver", **bank.decision(review, "APPROVED"))
    assert (answer.status_code, answer.json()["code"]) == (409, "identity_unknown")
    assert "svc-training" in answer.json()["detail"]

    bank.act(review, "identify", "reviewer", identity="svc-training", person="Ann Lee",
             reason="the job is hers")  # fmt: skip
    done = bank.act(review, "decide", "approver", **bank.decision(review, "APPROVED"))
    assert (done["outcome"], done["reviewer"], done["approver"], done["independence"]) == (
        "APPROVED", "both", "approver", "PASS",
    )  # fmt: skip
    [stated] = [one for one in done["builders"] if one["identity"] == "svc-training"]
    assert stated["stated"] is True


def test_recommended_about(bank: Bank) -> None:
    """An approver decides about what was recommended, not about what it is by now."""
    bank.rate("HIGH")
    review = bank.review("ASSIGNED", kind="TRIGGERED")
    bank.act(review, "start", "reviewer")
    bank.act(review, "recommend", "reviewer", **bank.decision(review))
    bank.say_model(at=LATER, description="Another thing")
    answer = bank.ask(review, "decide", "approver", **bank.decision(review, "APPROVED"))
    assert answer.json()["code"] == "content_moved"
    assert bank.act(review, "return", "approver", reason="it moved")["state"] == "IN_REVIEW"


DECISION: dict[str, Any] = {
    "outcome": "APPROVED", "reviewer": "ann", "approver": "ben", "decider_kind": "person",
    "independence": "PASS", "builders": [], "version_digest": None, "content_digest": DIGEST,
    "content": {}, "workflow_tier": "HIGH", "tier": "HIGH", "tier_confirmed": True,
    "comment": "x", "conditions": 0, "evidence": [],
}  # fmt: skip


@pytest.mark.parametrize(("change", "allowed"), [
    ({}, True), ({"approver": "ann"}, False), ({"approver": None}, False),
    ({"outcome": "REVIEWED"}, False), ({"decider_kind": "machine"}, False),
    ({"independence": "FAIL"}, False), ({"conditions": 1}, False),
    ({"outcome": "APPROVED_WITH_CONDITIONS"}, False), ({"outcome": "FINE"}, False),
])  # fmt: skip
def test_database_refuses(bank: Bank, change: dict[str, Any], *, allowed: bool) -> None:
    """What the service would not do, the database does not take from anybody."""
    row = DECISION | change | {
        "id": uuid4(), "review_id": bank.review(), "version_id": bank.id_of(),
        "model_id": bank.id_of("retail/churn"), "decided_at": datetime.now(UTC),
        "change_id": last_change(bank.database),
    }  # fmt: skip
    if allowed:
        bank.insert("decision", row)
        with pytest.raises(CatalogError):
            bank.run("UPDATE decision SET comment = 'y'")
        return
    with pytest.raises(CatalogError, match="23514"):
        bank.insert("decision", row)


def test_review_of_oneself(bank: Bank) -> None:
    """Nor an approver who is the reviewer of the review itself."""
    review = bank.review("DECIDED")
    with pytest.raises(CatalogError, match="23514"):
        bank.run("UPDATE review SET approver = reviewer WHERE id = :id", id=review)


def test_conditions(bank: Bank, ready: UUID) -> None:
    """The owner meets it with evidence, another one verifies; too late, the model is restricted."""
    sent = bank.decision(ready, "REVIEWED_WITH_CONDITIONS",
                         conditions=[{"text": "Describe it", "due_at": SOON}])  # fmt: skip
    [condition] = bank.act(ready, "decide", "reviewer", **sent)["condition_list"]
    path = f"conditions/{condition['id']}"

    def step(action: str, who: str, **body: Any) -> Any:
        headers = {"If-Match": "*"}
        return bank.service.ask("POST", f"{path}:{action}", bank.tokens[who], headers=headers,
                                json={"comment": "done", **body})  # fmt: skip

    bank.run("UPDATE condition SET due_at = now() - interval '1 hour'")
    bank.settle()
    assert bank.state() == "RESTRICTED"
    shown = {"evidence": [{"url": "https://x.example"}]}
    assert step("meet", "reviewer", **shown).status_code == 403
    assert step("verify", "reviewer").status_code == 409
    assert step("meet", "owner").status_code == 422
    assert step("meet", "owner", **shown).json()["state"] == "MET"
    assert step("verify", "owner").status_code == 403
    assert step("reopen", "reviewer").json()["state"] == "OPEN"
    assert step("meet", "owner", **shown).status_code == 200
    assert step("verify", "approver").json()["verified_by"] == "approver"
    assert bank.state() == "REVIEWED_WITH_CONDITIONS"
    assert bank.service.ask("GET", path, bank.tokens["reader"]).status_code == 404


def test_notes(bank: Bank, ready: UUID) -> None:
    """Notes are for reviewers, approvers, auditors and the owner; others see what was decided."""
    bank.act(ready, "decide", "reviewer", **bank.decision(ready))
    for who in ("reviewer", "approver", "auditor", "owner"):
        assert bank.get(ready, who)["comment"] == "none, because it is small", who
    for who in ("reader", "admin"):
        shown = bank.get(ready, who)
        assert shown["outcome"] == "REVIEWED"
        assert "comment" not in shown
        assert "builders" not in shown
    steps = [one["op"] for one in bank.get(ready)["steps"]]
    assert steps == ["start", "decide"]
    answer = bank.service.ask("GET", f"reviews/{ready}", bank.tokens["elsewhere"])
    assert answer.status_code == 404


def test_open(bank: Bank) -> None:
    """Owners and reviewers ask for reviews; one of a kind is open for a version."""
    asked = {"model": "retail/churn", "version": "1", "kind": "TRIGGERED", "reason": "complaints"}

    def ask(who: str, **more: Any) -> Any:
        return bank.service.ask("POST", "reviews", bank.tokens[who], json=asked | more)

    assert ask("reader").status_code == 403
    made = ask("owner")
    assert made.status_code == 201, made.text
    assert (made.json()["state"], made.json()["opened_by"]) == ("REQUIRED", "owner")
    assert ask("reviewer").json()["code"] == "review_open"
    assert ask("reviewer", kind="PERIODIC", use="nothing").status_code == 422
    assert ask("elsewhere", kind="PERIODIC").status_code == 404
    assert ask("reviewer", kind="PERIODIC").status_code == 201
    assert bank.ask(UUID(made.json()["id"]), "cancel", "approver", reason="gone").status_code == 200
    assert ask("reviewer").status_code == 201
