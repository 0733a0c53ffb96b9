"""What people decided and what controls found, in a bundle's files: as it stood, to whom."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from uuid_utils.compat import uuid7

from tests.api.test_as_of import moment
from tests.exports.review.told import AUDITOR, READER, cells, read_records
from tests.risk.reviews.bank import DIGEST, Bank
from tests.support.accounts import map_owner
from tests.support.catalog import Sweep, make_source, model, post, rows, version

LATER: Final = "2026-11-21T12:00:00Z"
SOON: Final = (datetime.now(UTC) + timedelta(days=20)).isoformat()
FILES: Final = ("findings", "controls", "reviews", "unknowns")


def find(bank: Bank, **columns: Any) -> UUID:
    """A finding, as if it had been brought so far."""
    now, at = datetime.now(UTC), uuid7()
    bank.insert("finding", {
        "id": at, "model_id": bank.id_of("retail/churn"), "version_id": bank.id_of(),
        "source": "person", "cause": f"own:{at}", "category": "data", "severity": "high",
        "state": "OPEN", "title": "=Drifts", "description": "It does.", "assignee": "owner",
        "opened_by": "reviewer", "opened_at": now, "original_due": now + timedelta(days=30),
        "due_at": now + timedelta(days=40), "extensions": 1, "evidence": [], "valid_from": now,
    } | columns)  # fmt: skip
    return at


def decide(bank: Bank) -> UUID:
    """A decision with two conditions, of somebody who knows nobody who built it."""
    map_owner(bank.database, "handle:retention", "other")
    review = bank.review("ASSIGNED", kind="TRIGGERED", independence="PASS")
    bank.act(review, "start", "reviewer")
    asked = [{"text": f"{what}; then tell", "due_at": SOON} for what in ("Log", "Explain")]
    sent = bank.decision(review, "REVIEWED_WITH_CONDITIONS", conditions=asked)
    bank.act(review, "decide", "reviewer", **sent)
    return review


def test_findings(bank: Bank) -> None:
    """Every reader learns how a finding stands; what it says is for those who may read notes."""
    at = find(bank)
    when = moment(bank.service)
    [told], [seen] = (read_records(bank.database, "findings", when, by=by)
                      for by in (AUDITOR, READER))  # fmt: skip
    assert told | {"opened_at": "", "original_due": "", "due_at": "", "model_id": ""} == {
        "as_of": when[:19] + "Z", "model_id": "", "model": "retail/churn", "finding": str(at),
        "version": "v1", "source": "person", "category": "data", "severity": "high",
        "status": "OPEN", "title": "'=Drifts", "assignee": "owner", "opened_at": "",
        "original_due": "", "due_at": "", "extensions": "1", "closed_at": "", "closed_by": "",
    }  # fmt: skip
    notes = ("source", "category", "title", "assignee", "closed_by")
    assert seen == told | dict.fromkeys(notes, "withheld")


def test_joins(bank: Bank) -> None:
    """Findings and reviews call a version as the versions' file does, also one that was merged."""
    other = make_source(bank.database, "staging")
    post(bank.database, other, model(source="staging"), version(1, source="staging"))
    bank.rate("MEDIUM", at=LATER)
    theirs = bank.id_of("retail/churn/1@staging")
    find(bank, version_id=theirs)
    bank.review(version_id=theirs)

    def shown(name: str) -> list[tuple[str, ...]]:
        return cells(read_records(bank.database, name, moment(bank.service)), "version")

    called = [("v1@staging",)]
    assert (shown("findings"), shown("reviews")) == (called, called)
    assert called[0] in shown("versions")
    bank.run("UPDATE entry SET merged_into = :home WHERE id = :at", home=bank.id_of(), at=theirs)
    assert shown("findings") == shown("reviews") == shown("versions") == [("v1",)]


def test_merged_away(bank: Bank) -> None:
    """Of a model that was merged away decisions stay; results, floors and unknowns are over."""
    post(bank.database, bank.registry, model("lapse"), version(3, "lapse"))
    find(bank, model_id=bank.id_of("retail/lapse"), version_id=bank.id_of("retail/lapse/3"))
    same = {"same_as": [model("lapse")["subject"]]}
    assert post(bank.database, bank.registry, model(at=LATER) | same).refused == ()
    when = moment(bank.service)
    controls, unknowns, [finding] = (
        read_records(bank.database, name, when) for name in ("controls", "unknowns", "findings")
    )
    assert finding["model"] == "retail/churn"
    assert len(controls) == len({one["control"] for one in controls}) == 24
    keys = [cells([one], "what_kind", "what", "use")[0] for one in unknowns if one["model_id"]]
    assert len(keys) == len(set(keys))


def test_findings_accepted(bank: Bank) -> None:
    """A risk that was accepted for a while is open again when that is over, by the moment asked."""
    until = datetime.now(UTC) + timedelta(seconds=1)
    find(bank, state="RISK_ACCEPTED", accepted_by="approver", accepted_until=until,
         version_id=None)  # fmt: skip
    before = moment(bank.service)
    while datetime.now(UTC) <= until:
        time.sleep(0.05)
    after = moment(bank.service)
    for when, status in ((before, "RISK_ACCEPTED"), (after, "OPEN"), (before, "RISK_ACCEPTED")):
        found = read_records(bank.database, "findings", when)
        assert cells(found, "version", "status") == [("", status)]


def test_controls(bank: Bank) -> None:
    """The same results as the list of controls has, with the pack that found them."""
    bank.rate("MEDIUM", at="2026-11-20T13:00:00Z")
    bank.deploy(1)
    when = moment(bank.service)
    found = read_records(bank.database, "controls", when, by=READER)
    listed = bank.service.get("/api/v1/models/retail/churn/controls", page_size="500")["items"]
    assert cells(found, "control", "severity", "result", "items", "missing", "message",
                 "waiver", "pack_version") == [
        (one["control"], one["severity"], one["result"], "; ".join(sorted(one["items"])),
         "; ".join(sorted(said["path"] for said in one["missing"])), one["message"],
         one["waiver"] or "", one["pack_version"])
        for one in listed
    ]  # fmt: skip
    assert {"PASS", "FAIL", "UNKNOWN", "NOT_APPLICABLE"} <= {one["result"] for one in found}


def test_reviews(bank: Bank) -> None:
    """A decision shows from its moment on; its conditions until they are verified, to some."""
    bank.rate("MEDIUM", at="2026-11-20T13:00:00Z")
    before = moment(bank.service)
    review = str(decide(bank))
    decided = moment(bank.service)
    [condition] = rows(bank.database, "SELECT id, valid_from FROM condition WHERE text LIKE 'Log%'")
    bank.run("UPDATE condition SET state = 'VERIFIED' WHERE id = :id", id=condition[0])
    verified = moment(bank.service)

    columns = ("state", "outcome", "tier_confirmed", "reviewer", "approver", "independence",
               "version", "version_digest", "conditions")  # fmt: skip
    assert read_records(bank.database, "reviews", before) == []
    both = "Explain;; then tell; Log;; then tell"
    for when, asked in ((decided, both), (verified, "Explain;; then tell")):
        [one] = read_records(bank.database, "reviews", when)
        assert (one["review"], one["decided_at"] != "") == (review, True)
        assert cells([one], *columns) == [
            ("DECIDED", "REVIEWED_WITH_CONDITIONS", "true", "reviewer", "", "PASS", "v1",
             one["version_digest"], asked)
        ]  # fmt: skip
        assert one["version_digest"] == DIGEST
        assert read_records(bank.database, "reviews", when, by=READER) == [
            one | {"conditions": "withheld"}
        ]


def test_reviews_use(bank: Bank) -> None:
    """A review of one use names it; a model without versions is reviewed as it is."""
    bank.rate("LOW", at="2026-11-20T13:00:00Z")
    bank.review(use_id=bank.id_of("retail/churn/scoring"), version_id=bank.id_of("retail/churn"))
    [one] = read_records(bank.database, "reviews", moment(bank.service))
    assert (one["use"], one["version"], one["state"]) == ("retail/churn/scoring", "", "REQUIRED")
    assert (one["outcome"], one["tier_confirmed"], one["decided_at"]) == ("", "", "")


def test_past_stays(bank: Bank) -> None:
    """What happens later changes no file of an earlier moment."""
    bank.rate("MEDIUM", at="2026-11-20T13:00:00Z")
    bank.deploy(1)
    find(bank)
    when = moment(bank.service)
    past = {name: read_records(bank.database, name, when) for name in FILES}
    assert all(past.values())

    review = decide(bank)
    assert bank.get(review)["state"] == "DECIDED"
    bank.run("UPDATE finding SET state = 'CLOSED', closed_at = now(), closed_by = 'other'")
    bank.say_model(at="2026-11-20T14:00:00Z", lifecycle="pilot", description="Who leaves")
    bank.say_version(2, framework="sklearn", digests=[])
    bank.say_use(at="2026-11-20T15:00:00Z", regulated_purposes=["creditworthiness"])
    bank.run("UPDATE source SET enabled = false WHERE name = 'cluster'")
    sweep = Sweep(bank.database, bank.registry)
    sweep.sweep(model(at="2026-11-20T16:00:00Z", lifecycle="production"))
    sweep.close()
    assert {name: read_records(bank.database, name, when) for name in FILES} == past
    now = moment(bank.service)
    assert all(read_records(bank.database, name, now) != past[name] for name in FILES)
