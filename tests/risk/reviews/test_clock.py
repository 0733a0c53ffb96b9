"""The clock: what opens, supersedes and cancels reviews, who is reminded, what is overdue."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from service.db import Database
from service.risk.settle import settle
from tests.risk.reviews.bank import CAUSE, OTHER, Bank
from tests.support.catalog import all_changes, last_change, model, post, rows, version

LATER, LATEST = "2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"


def kinds(bank: Bank, *states: str) -> list[tuple[str, str]]:
    """Reviews in these states, open ones otherwise: kind and version."""
    closed = ("DECIDED", "CANCELLED", "SUPERSEDED")
    return [
        (kind, number)
        for kind, number, state, _ in bank.reviews()
        if (state in states if states else state not in closed)
    ]


def due(bank: Bank, kind: str, number: str = "1") -> datetime | None:
    """When the open review of a kind is due."""
    [found] = [
        at for k, n, state, at in bank.reviews()
        if (k, n) == (kind, number) and state not in {"CANCELLED", "SUPERSEDED"}
    ]  # fmt: skip
    return found if found is None or isinstance(found, datetime) else None


def events(bank: Bank) -> list[Any]:
    """What other systems were told of reviews."""
    return rows(
        bank.database,
        "SELECT type, data ->> 'reminder', data -> 'to' FROM outgoing_event "
        "WHERE type LIKE 'review.%' ORDER BY at, id",
    )


def earlier(bank: Bank, days: float, kind: str = "POST") -> None:
    """Let everything about reviews of a kind be so much earlier, and evaluate."""
    bank.run(
        "UPDATE review SET opened_at = opened_at - :by, due_at = due_at - :by WHERE kind = :kind",
        by=timedelta(days=days), kind=kind,
    )  # fmt: skip
    bank.settle()


def decide(bank: Bank, kind: str = "POST", number: str = "1") -> None:
    """Let people decide an open review."""
    high = [(r,) for (r,) in rows(bank.database, "SELECT workflow_tier FROM model_risk")]
    [(review,)] = rows(
        bank.database,
        "SELECT r.id FROM review r JOIN version v ON v.id = r.version_id WHERE r.kind = :kind "
        "AND v.number = :number AND r.state = 'REQUIRED'", kind=kind, number=number,
    )  # fmt: skip
    for one in {b["identity"] for b in bank.get(review)["builders"] if not b["resolved"]}:
        bank.act(review, "identify", "other", identity=one, person="A team", reason="known")
    bank.act(review, "assign", "reviewer")
    bank.act(review, "start", "reviewer")
    if high == [("HIGH",)]:
        bank.act(review, "recommend", "reviewer", **bank.decision(review))
        bank.act(review, "decide", "approver", **bank.decision(review, "APPROVED"))
    else:
        bank.act(review, "decide", "reviewer", **bank.decision(review))


def test_nothing_in_use(bank: Bank) -> None:
    """What nobody uses and is not HIGH needs no review; whether nobody does, nobody has seen."""
    bank.rate("MEDIUM")
    assert kinds(bank) == []
    assert bank.state() is None


def test_post(bank: Bank) -> None:
    """MEDIUM in production is reviewed within 30 days; a second look changes nothing."""
    bank.rate("MEDIUM")
    before = last_change(bank.database)
    bank.deploy(1)
    assert kinds(bank) == [("POST", "1")]
    assert bank.state() == "IN_USE_PENDING_REVIEW"
    [told] = [one for one in all_changes(bank.database, before) if one["kind"] == "review"]
    assert (told["op"], told["new"]["kind"]) == ("open", "POST")
    first, before = due(bank, "POST"), last_change(bank.database)
    bank.settle()
    assert (due(bank, "POST"), last_change(bank.database)) == (first, before)

    decide(bank)
    assert (kinds(bank), bank.state()) == ([], "REVIEWED")


def test_superseded(bank: Bank) -> None:
    """A newer version in production takes the review over, with its date."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    earlier(bank, 10)
    first = due(bank, "POST")
    bank.say_version(2, digests=[OTHER])
    bank.deploy(2, at=LATER)
    assert (kinds(bank), kinds(bank, "SUPERSEDED")) == ([("POST", "2")], [("POST", "1")])
    assert due(bank, "POST", "2") == first
    [(successor,)] = rows(
        bank.database, "SELECT successor_id FROM review WHERE state = 'SUPERSEDED'"
    )
    assert successor is not None


def test_persons_review_superseded(bank: Bank) -> None:
    """What a person asked for goes on with the newer version, and is not let go of."""
    bank.rate("LOW")
    bank.deploy(1)
    bank.review("IN_REVIEW", kind="TRIGGERED")
    first = due(bank, "TRIGGERED")
    bank.say_version(2, digests=[OTHER])
    bank.deploy(2, at=LATER)
    assert kinds(bank) == [("TRIGGERED", "2")]
    assert due(bank, "TRIGGERED", "2") == first
    bank.settle()
    assert kinds(bank) == [("TRIGGERED", "2")]


def test_cancelled_and_back(bank: Bank) -> None:
    """Its cause gone it is cancelled; soon needed again, it has the date that it had."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    earlier(bank, 5)
    first = due(bank, "POST")
    bank.rate("LOW", at=LATER)
    assert (kinds(bank), kinds(bank, "CANCELLED")) == ([], [("POST", "1")])
    assert bank.state() == "IN_USE_UNREVIEWED"
    bank.rate("MEDIUM", at=LATEST)
    assert due(bank, "POST") == first


def test_high(bank: Bank) -> None:
    """HIGH waits for approval: not yet due before production, overdue at once in it."""
    bank.rate("HIGH")
    assert (kinds(bank), due(bank, "PRE")) == ([("PRE", "1")], None)
    bank.deploy(1)
    overdue = due(bank, "PRE")
    assert overdue is not None
    assert overdue <= datetime.now(UTC)
    assert bank.state() == "RESTRICTED"
    assert events(bank)[-1] == ("review.overdue", "3", ["reviewer", "approver"])
    [(severity, cause)] = rows(
        bank.database, "SELECT severity, cause FROM finding WHERE source = 'overdue'"
    )
    assert (severity, cause.partition(":")[0]) == ("high", "review")

    decide(bank, "PRE")
    assert bank.state() == "APPROVED"
    [(decided, again)] = rows(
        bank.database, "SELECT last_review_at, next_review_due FROM model_risk"
    )
    assert again == decided.replace(year=decided.year + 1)  # HIGH: 12 months
    bank.say_version(2, digests=[OTHER])
    bank.deploy(2, at=LATER)  # another version is not approved by that
    assert (kinds(bank), bank.state()) == ([("PRE", "2")], "RESTRICTED")


def test_high_weekly(bank: Bank) -> None:
    """Overdue at HIGH is told again every week, once each."""
    bank.rate("HIGH")
    bank.deploy(1)
    bank.settle()
    assert [one[1] for one in events(bank)] == ["3"]
    earlier(bank, 15, "PRE")
    bank.settle()
    assert [one[1] for one in events(bank)] == ["3", "5"]


def test_reminders(bank: Bank) -> None:
    """At half, three quarters and all of the time; then it is overdue, and restricts."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    for days, expected in ((16, "review.due"), (7, "review.due"), (8, "review.overdue")):
        earlier(bank, days)
        assert events(bank)[-1][0] == expected
    bank.settle()
    assert [one[1] for one in events(bank)] == ["1", "2", "3"]
    assert bank.state() == "RESTRICTED"
    assert rows(bank.database, "SELECT count(*) FROM finding WHERE source = 'overdue'") == [(1,)]
    found = bank.service.get("/api/v1/reviews", bank.tokens["auditor"], overdue="true")["items"]
    assert [one["overdue"] for one in found] == [True]
    [(again,)] = rows(bank.database, "SELECT due_at FROM risk_clock WHERE due_at IS NOT NULL")
    assert again > datetime.now(UTC)


def test_low_overdue(bank: Bank) -> None:
    """At LOW an overdue review is a finding, and restricts nothing."""
    bank.rate("LOW")
    bank.deploy(1)
    bank.review("REQUIRED", kind="SAMPLE")
    earlier(bank, 31, "SAMPLE")
    assert bank.state() == "IN_USE_PENDING_REVIEW"
    assert rows(bank.database, "SELECT severity FROM finding WHERE source = 'overdue'") == [
        ("low",)
    ]


def test_periodic(bank: Bank) -> None:
    """So long after the last decision it is reviewed again; after the grace that one is over."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    decide(bank)
    move_decision(bank, 24 * 30)
    assert kinds(bank) == [("PERIODIC", "1")]
    [(again,)] = rows(bank.database, "SELECT next_review_due FROM model_risk")
    assert (due(bank, "PERIODIC"), bank.state()) == (again, "REVIEWED")
    move_decision(bank, 120)  # past the grace of 90 days
    assert bank.state() == "RESTRICTED"
    decide(bank, "PERIODIC")
    assert (kinds(bank), bank.state()) == ([], "REVIEWED")


def move_decision(bank: Bank, days: int) -> None:
    """Let decisions be older: no right of the service goes so far."""
    owner = Database(bank.database.url.render_as_string(hide_password=False), role=None)
    try:
        with owner.engine.begin() as connection:
            connection.exec_driver_sql("SET session_replication_role = replica")
            connection.exec_driver_sql("ALTER TABLE decision DISABLE TRIGGER ALL")
            connection.exec_driver_sql(
                f"UPDATE decision SET decided_at = decided_at - interval '{days} days'"  # noqa: S608
            )
            connection.exec_driver_sql("ALTER TABLE decision ENABLE TRIGGER ALL")
    finally:
        owner.dispose()
    bank.settle()


def test_rising_tier(bank: Bank) -> None:
    """A tier that rises shortens the time, and asks again what a lower one did not."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    decide(bank)
    [(before,)] = rows(bank.database, "SELECT next_review_due FROM model_risk")
    bank.rate("HIGH", at=LATER)
    [(after,)] = rows(bank.database, "SELECT next_review_due FROM model_risk")
    assert after < before
    assert (kinds(bank), bank.state()) == ([("PRE", "1")], "RESTRICTED")


def test_material_change(bank: Bank) -> None:
    """What is materially other than what was decided about ends the decision, until it is back."""
    bank.rate("MEDIUM")
    bank.say_model(at=LATER, update_mode="static", description="x")
    bank.deploy(1)
    decide(bank)
    bank.say_model(at=LATEST, update_mode="static", description="y")
    assert (kinds(bank), bank.state()) == ([], "REVIEWED")  # minor
    bank.say_model(at="2026-11-23T12:00:00Z", update_mode="self_learning", description="y")
    assert (kinds(bank), bank.state()) == ([("TRIGGERED", "1")], "IN_USE_PENDING_REVIEW")
    [(cause,)] = rows(bank.database, "SELECT cause FROM review WHERE kind = 'TRIGGERED'")
    assert cause == "material_change"
    results = dict(rows(bank.database, "SELECT control, result FROM control_result"))
    assert results["CHG-01"] == "FAIL"

    bank.say_model(at="2026-11-24T12:00:00Z", update_mode="static", description="y")
    assert (kinds(bank), bank.state()) == ([], "REVIEWED")


def test_rejected(bank: Bank) -> None:
    """In use although it was rejected: that restricts until another decision takes its place."""
    bank.rate("MEDIUM")
    bank.deploy(1)
    [(review,)] = rows(bank.database, "SELECT id FROM review WHERE kind = 'POST'")
    bank.act(review, "assign", "reviewer")
    bank.act(review, "start", "reviewer")
    bank.act(review, "decide", "reviewer", **bank.decision(review, "OBJECTED"))
    assert bank.state() == "RESTRICTED"
    clear = "/api/v1/models/retail/churn/versions/1/clearance"
    found = bank.service.get(clear)
    assert (found["clearance"], found["review_state"]) == ("RESTRICTED", "RESTRICTED")
    assert "OBJECTED" in found["reasons"][0]
    assert bank.service.get(clear, environment="staging")["clearance"] == "CLEAR"


def test_clearance(bank: Bank) -> None:
    """LOW and MEDIUM go and are reviewed afterwards; HIGH waits."""
    clear = "/api/v1/models/retail/churn/versions/1/clearance"
    bank.rate("LOW")
    assert bank.service.get(clear)["clearance"] == "CLEAR_REVIEW_FOLLOWS"
    bank.rate("MEDIUM", at=LATER)
    found = bank.service.get(clear)
    assert found["clearance"] == "CLEAR_REVIEW_FOLLOWS"
    assert "a review follows" in found["reasons"][0]
    bank.rate("HIGH", at=LATEST)
    found = bank.service.get(clear)
    assert (found["clearance"], found["workflow_tier"]) == ("NEEDS_APPROVAL", "HIGH")
    decide(bank, "PRE")
    assert bank.service.get(clear)["clearance"] == "CLEAR"


def test_evaluated_together(bank: Bank, statements: Any) -> None:
    """Reviews of many models take as many statements as those of one."""

    def evaluated(names: list[str]) -> int:
        for name in names:
            post(bank.database, bank.registry, model(name, lifecycle="production"),
                 version(1, name, aliases=["champion"]))  # fmt: skip
        ids = [bank.id_of(f"retail/{name}") for name in names]
        bank.run("DELETE FROM review WHERE kind = 'POST'")
        with statements() as said:
            bank.database.transact(lambda session: settle(session, ids, cause=CAUSE))
        return sum(" review" in one for one in said)

    few, many = evaluated(["a"]), evaluated([f"m{n}" for n in range(12)])
    assert few == many > 0


def test_exception(bank: Bank) -> None:
    """Until an exception ends, HIGH may be used before it is approved; then it is restricted."""
    bank.rate("HIGH")
    now = datetime.now(UTC)
    ends = now + timedelta(days=60)
    bank.insert("risk_exception", {
        "id": uuid4(), "model_id": bank.id_of("retail/churn"), "version_id": bank.id_of(),
        "state": "IN_FORCE", "reason": "x", "evidence": [], "requested_by": "owner",
        "requested_at": now, "approved_by": "approver", "granted_at": now, "expires_at": ends,
        "renewals": 0, "limits": "x", "monitoring": "x", "informed": [], "valid_from": now,
    })  # fmt: skip
    bank.deploy(1)
    assert (due(bank, "PRE"), bank.state()) == (ends, "EXCEPTION")
    clear = "/api/v1/models/retail/churn/versions/1/clearance"
    found = bank.service.get(clear)
    assert (found["clearance"], "exception" in found["reasons"][0]) == (
        "CLEAR_REVIEW_FOLLOWS",
        True,
    )
    results = dict(rows(bank.database, "SELECT control, result FROM control_result"))
    assert results["VAL-01"] == "PASS"

    bank.run("UPDATE risk_exception SET expires_at = now() - interval '1 hour', "
             "granted_at = now() - interval '9 days'")  # fmt: skip
    bank.settle()
    assert bank.state() == "RESTRICTED"
    found = bank.service.get(clear)
    assert (found["clearance"], "exception" in "; ".join(found["reasons"])) == ("RESTRICTED", True)
