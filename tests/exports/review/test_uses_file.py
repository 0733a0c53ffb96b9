"""Uses as they stood: by what each is rated, what to ask next, and what people said about it."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from schemas.review_columns import FACTORS
from service.risk.reviews.state import ReviewState, model_state
from tests.api.test_as_of import moment
from tests.exports.review.told import cells, read_records
from tests.risk.reviews.bank import LOW, OTHER, Bank
from tests.support.catalog import gone, rows

LATER: Final = "2026-11-21T12:00:00Z"
LATEST: Final = "2026-11-22T12:00:00Z"
LAST: Final = "2026-11-23T12:00:00Z"
RATED: Final = ("tier", "computed_tier", "tier_status", "tier_low", "tier_high")


def read(bank: Bank, name: str, *columns: str) -> list[tuple[str, ...]]:
    """Some columns of a file, as everything stands now."""
    return cells(read_records(bank.database, name, moment(bank.service)), *columns)


def decide(bank: Bank, kind: str, outcome: str, **columns: Any) -> UUID:
    """Let people decide a review; where it is not open yet, somebody opens it."""
    found = rows(
        bank.database, "SELECT id FROM review WHERE kind = :kind AND state = 'REQUIRED'", kind=kind
    )
    review = UUID(str(found[0][0])) if found else bank.review(kind=kind, **columns)
    for one in {b["identity"] for b in bank.get(review)["builders"] if not b["resolved"]}:
        bank.act(review, "identify", "other", identity=one, person="A team", reason="known")
    bank.act(review, "assign", "reviewer")
    bank.act(review, "start", "reviewer")
    if bank.get(review)["two_people"]:
        bank.act(review, "recommend", "reviewer", **bank.decision(review))
        bank.act(review, "decide", "approver", **bank.decision(review, outcome))
    else:
        bank.act(review, "decide", "reviewer", **bank.decision(review, outcome))
    return review


def gone_use(name: str, at: str) -> Any:
    """The registry says that a use is not there."""
    subject = {"kind": "use", "scheme": "name", "value": f"retail/churn/{name}"}
    return gone({"subject": subject}, at)


def test_uses_that_count(bank: Bank) -> None:
    """Without a declared use there is one that nobody declared; those declared take its place."""
    stood = []
    steps: list[Any] = [
        lambda: None,
        lambda: bank.say_use("(undeclared)", decision_role="assists"),
        lambda: list(map(bank.say_use, ("offers", "=scoring"))),
        lambda: bank.say_use("offers", at=LATEST, purpose="unknown"),
    ]
    for step in steps:
        step()
        when = moment(bank.service)
        found = read_records(bank.database, "uses", when)
        stood.append((when, cells(found, "use", "implicit", "purpose", "decision_role")))
    undeclared = ("retail/churn/(undeclared)", "true", "unknown")
    scoring = ("retail/churn/=scoring", "false", "unknown", "unknown")
    assert [then for _, then in stood] == [
        [(*undeclared, "unknown")],
        [(*undeclared, "assists")],
        [scoring, ("retail/churn/offers", "false", "unknown", "unknown")],
        [scoring, ("retail/churn/offers", "false", "'unknown", "unknown")],
    ]
    for when, then in stood:
        found = read_records(bank.database, "uses", when)
        assert cells(found, "use", "implicit", "purpose", "decision_role") == then


def test_factors(bank: Bank) -> None:
    """A factor reads as the tier reads it: a value, a number, a choice, or `unknown`."""
    bank.say_use(
        decision_role={"one_of": ["automated", "assists"]}, people_affected_per_year=1200,
        exposure="offline_batch", regulated_purposes=[], annex_iii_point=None, profiling=False,
        jurisdictions=["NL", "+BE"], art6_3_basis={"one_of": ["none", "preparatory_task"]},
    )  # fmt: skip
    [found] = read_records(bank.database, "uses", moment(bank.service))
    said = {
        "decision_role": "one of assists; automated", "people_affected_per_year": "1200",
        "exposure": "offline_batch", "data_sensitivity": "internal",
        "model_class": "tree_or_ensemble",
    }  # fmt: skip
    assert {name: found[name] for name in FACTORS} == dict.fromkeys(FACTORS, "unknown") | said
    facts = {
        "regulated_purposes": "", "annex_iii_point": "", "profiling": "false",
        "jurisdictions": "'+BE; NL", "art6_3_basis": "one of none; preparatory_task",
    }  # fmt: skip
    assert {name: found[name] for name in facts} == facts


def test_asked_next(bank: Bank) -> None:
    """What to ask next is what the tier's page asks, in that order; a firm one asks nothing."""
    path = "/api/v1/models/retail/churn/tier"
    [found] = read_records(bank.database, "uses", when := moment(bank.service))
    [use] = bank.service.get(path)["uses"]
    asked = "; ".join(one["fact"] for one in use["ask_next"])
    assert (found["ask_next"], found["tier_status"]) == (asked, "PROVISIONAL")
    assert asked.count("; ") == 2
    assert [found[name] for name in ("floors", "floors_undecided")] == [
        "; ".join(sorted(one["id"] for one in use["floors"] if one["state"] == state))
        for state in ("TRUE", "UNKNOWN")
    ]
    bank.say_use(**LOW | {"regulated_purposes": ["creditworthiness"]})
    shown = (*RATED, "ask_next", "floors")
    assert read(bank, "uses", *shown) == [("HIGH", "HIGH", "FIRM", "HIGH", "HIGH", "", "F5")]
    assert read_records(bank.database, "uses", when) == [found]


def test_not_rated(bank: Bank) -> None:
    """What nobody has rated yet is `unknown`, not low and not approved."""
    bank.run("DELETE FROM assessment")
    bank.run("DELETE FROM model_risk")
    shown = (*RATED, "floors", "ask_next", "approved")
    assert read(bank, "uses", *shown) == [("unknown",) * len(shown)]
    assert read(bank, "versions", "live", "review_state") == [("unknown", "unknown")]


def test_override(bank: Bank) -> None:
    """An override is in the tier and says until when; what is computed stands beside it."""
    bank.rate("LOW")
    use, now = bank.id_of("retail/churn/scoring"), datetime.now(UTC)
    until = now + timedelta(days=30)
    bank.insert("tier_override", {
        "id": uuid7(), "model_id": bank.id_of("retail/churn"), "state": "IN_FORCE", "reason": "x",
        "evidence": [], "requested_by": "a", "requested_at": now, "approved_by": "b",
        "granted_at": now, "expires_at": until, "renewals": 0, "valid_from": now, "use_id": use,
        "direction": "up", "tier": "HIGH",
    })  # fmt: skip
    before = moment(bank.service)
    bank.settle()
    shown = (*RATED, "override_expires_at", "exemption_expires_at", "ask_next")
    assert read(bank, "uses", *shown) == [
        ("HIGH", "LOW", "OVERRIDDEN", "HIGH", "HIGH", f"{until:%Y-%m-%dT%H:%M:%SZ}", "", "")
    ]
    [found] = read_records(bank.database, "uses", before)
    assert (found["tier"], found["override_expires_at"]) == ("LOW", "")


def approved(bank: Bank) -> list[str]:
    """Which uses people have said yes to."""
    return [use.rpartition("/")[2] for use, yes in read(bank, "uses", "use", "approved")
            if yes == "true"]  # fmt: skip


def test_approved(bank: Bank) -> None:
    """People's yes counts from then on, until it is another version, or they say no."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    before = moment(bank.service)
    assert approved(bank) == []
    decide(bank, "POST", "REVIEWED")
    assert approved(bank) == ["scoring"]
    assert read(bank, "versions", "review_state", "reviewer", "approver") == [
        ("REVIEWED", "reviewer", "")
    ]
    bank.say_version(1, at=LATER, digests=[OTHER])  # nobody has seen that one
    assert approved(bank) == []
    bank.say_version(1, at=LATEST)
    assert approved(bank) == ["scoring"]
    decide(bank, "TRIGGERED", "OBJECTED")
    assert (approved(bank), bank.state()) == ([], "RESTRICTED")
    assert cells(read_records(bank.database, "uses", before), "approved") == [("false",)]


def test_approved_of_one_use(bank: Bank) -> None:
    """What is said of one use says nothing of others."""
    bank.rate("MEDIUM")
    bank.say_use("offers", **LOW)
    bank.deploy(1)
    use = bank.id_of("retail/churn/offers")
    decide(bank, "SAMPLE", "REVIEWED", use_id=use)
    assert approved(bank) == ["offers"]
    assert read(bank, "versions", "review_state") == [("IN_USE_PENDING_REVIEW",)]


def test_approved_at_high(bank: Bank) -> None:
    """Where an approver decides, a review alone is no yes; nor is one that has lapsed."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    decide(bank, "POST", "REVIEWED")
    bank.rate("HIGH", at=LATER)
    assert approved(bank) == []
    decide(bank, "PRE", "APPROVED")
    assert approved(bank) == ["scoring"]
    assert read(bank, "versions", "review_state", "approver") == [("APPROVED", "approver")]
    when = moment(bank.service)
    bank.run("UPDATE model_risk SET review_grace_end = now() - interval '1 day'")
    assert approved(bank) == []
    assert cells(read_records(bank.database, "uses", when), "approved") == [("true",)]


def test_approved_without_versions(bank: Bank) -> None:
    """What has no versions is decided about as a whole."""
    bank.run("UPDATE version SET model_id = NULL")
    bank.say_model(at=LATER, lifecycle="production")
    bank.rate("MEDIUM", at=LATER)
    [(live,)] = rows(bank.database, "SELECT live FROM model_risk")
    assert live == []
    decide(bank, "POST", "REVIEWED")
    assert (approved(bank), read(bank, "versions", "version")) == (["scoring"], [])


def test_review_states(bank: Bank) -> None:
    """The states of live versions are those that their model's state is the worst of."""

    def found() -> list[str]:
        states = read(bank, "versions", "live", "review_state")
        live = [
            None if one == "unknown" else ReviewState(one) for yes, one in states if yes == "true"
        ]
        assert model_state(live) == bank.state()
        return [state for _, state in states]

    assert found() == ["unknown"]  # nobody has looked whether it is in use
    bank.rate("MEDIUM")
    bank.deploy(1)
    assert found() == ["IN_USE_PENDING_REVIEW"]
    when = moment(bank.service)
    decide(bank, "POST", "REVIEWED")
    assert found() == ["REVIEWED"]
    bank.say_version(2, at=LATER, digests=[OTHER])
    assert found() == ["REVIEWED", "NOT_IN_USE"]
    bank.deploy(2, at=LATER, name="second")
    assert found() == ["REVIEWED", "IN_USE_PENDING_REVIEW"]
    bank.rate("HIGH", at=LATEST)
    assert found() == ["RESTRICTED", "RESTRICTED"]
    now, until = datetime.now(UTC), datetime.now(UTC) + timedelta(days=30)
    bank.insert("risk_exception", {
        "id": uuid4(), "model_id": bank.id_of("retail/churn"), "state": "IN_FORCE",
        "reason": "x", "evidence": [], "requested_by": "a", "requested_at": now,
        "approved_by": "b", "granted_at": now, "expires_at": until, "renewals": 0,
        "valid_from": now, "version_id": bank.id_of("retail/churn/2"), "limits": "x",
        "monitoring": "x", "informed": [],
    })  # fmt: skip
    bank.settle()
    assert found() == ["RESTRICTED", "EXCEPTION"]
    bank.run("UPDATE risk_exception SET state = 'REVOKED'")
    bank.settle()
    assert found() == ["RESTRICTED", "RESTRICTED"]
    bank.rate("LOW", at=LAST)
    assert found()[0] == "REVIEWED"
    shown = cells(read_records(bank.database, "versions", when), "review_state")
    assert shown == [("IN_USE_PENDING_REVIEW",)]


def test_classed(bank: Bank) -> None:
    """How a version differs from what was reviewed is what reviewers say, the weightiest of it."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    decide(bank, "POST", "REVIEWED")
    shown = ("change_class", "material_changes")
    assert read(bank, "versions", *shown) == [("unknown", "unknown")]
    bank.say_model(at=LATER, description="other")
    path = "/api/v1/models/retail/churn/versions/1/changes"
    paths = [one["path"] for one in bank.service.get(path)["changes"]]
    assert paths == ["model.description"]
    before = moment(bank.service)
    for weight, expected in (("minor", ("minor", "")), ("material", ("material", paths[0]))):
        answer = bank.service.ask(
            "POST", f"{path}:classify", bank.tokens["other"], headers={"If-Match": "*"},
            json={"path": paths[0], "change_class": weight, "reason": "read"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
        assert read(bank, "versions", *shown) == [expected]
    found = read_records(bank.database, "versions", before)
    assert cells(found, *shown) == [("unknown", "unknown")]
