"""Decisions about deployments: register, link, accept, reopen; who may, and what comes of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.ingest.rebuild import reconcile_all
from service.operation.jobs import run_jobs
from tests.deployments.company import DIGEST, OTHER, OWNED, UNREGISTERED, Company, runs
from tests.support.catalog import (
    OPERATOR,
    changes,
    entries,
    last_change,
    make_source,
    model,
    rows,
    version,
)

SOON = (datetime.now(UTC) + timedelta(days=30)).isoformat()
LATER = "2026-11-21T12:00:00Z"


def now() -> str:
    """By the clock: what a harvest has confirmed is newer than what was said before."""
    return datetime.now(UTC).isoformat()


SHADOW = runs(digest=DIGEST, claimed_model="retail.churn")


@pytest.fixture
def shadow(company: Company) -> Company:
    """One deployment that nothing accounts for."""
    company.run(SHADOW)
    return company


def accept(company: Company, **asked: Any) -> Any:
    """Accept the one that is listed."""
    (row,) = company.rows()
    token = company.person("reviewer")
    given = {"expires_at": SOON, "evidence": row["evidence"]} | asked
    return company.resolve(row, "accept", token, **given)


def test_accept(shadow: Company) -> None:
    """An accepted one leaves the open list, with who, why and until when; the ledger has it."""
    before = last_change(shadow.database)
    answer = accept(shadow)
    assert answer.status_code == 200, answer.text
    assert answer.json()["deployment"]["state"] == "accepted"

    assert shadow.rows() == []
    (row,) = shadow.rows(state="accepted")
    assert row["decision"] | {"decided_at": "", "expires_at": "", "decided_by": ""} == {
        "decision": "accept", "reason": "as agreed", "decided_by": "", "decided_at": "",
        "expires_at": "", "ended_at": None,
    }  # fmt: skip
    (told,) = [c for c in changes(shadow.database, before) if c["kind"] == "deployment"]
    assert (told["op"], told["reason"], told["entry"]) == ("accept", "as agreed", row["id"])
    assert sorted(told["new"]["grounds"]) == ["no_build", "not_by_pipeline", "unregistered"]


def test_accept_needs(shadow: Company) -> None:
    """A day within a year and the evidence that was read; nothing else beside it."""
    (row,) = shadow.rows()
    far = (datetime.now(UTC) + timedelta(days=400)).isoformat()
    for asked in (
        {"expires_at": far}, {"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": None},
        {"evidence": None}, {"model": "retail/churn"},
    ):  # fmt: skip
        assert accept(shadow, **asked).status_code == 422, asked
    assert accept(shadow, evidence="sha256:old").json()["code"] == "evidence_moved"
    assert shadow.rows() == [row]


def test_accept_expires(shadow: Company) -> None:
    """Its time over it is open again, at once; the worker writes it into the ledger."""
    accept(shadow)
    shadow.later(24 * 31)
    (row,) = shadow.rows()
    assert row["state"] == "open"

    before = last_change(shadow.database)
    assert run_jobs(shadow.database, training_run_days=None, dry_run=True)[
        "deployment_decisions_ended"
    ] == 1  # fmt: skip
    for expected in (1, 0):
        done = run_jobs(shadow.database, training_run_days=None)
        assert done["deployment_decisions_ended"] == expected
    (told,) = changes(shadow.database, before)
    assert (told["op"], told["reason"]) == ("expire", "its time is over")
    (row,) = shadow.rows()
    assert row["decision"]["ended_at"] is not None


def test_accept_other_digest(shadow: Company) -> None:
    """Another digest is another thing: what was accepted is not what runs."""
    accept(shadow)
    shadow.run(runs(at=now(), digest=OTHER, claimed_model="retail.churn"))
    assert [row["state"] for row in shadow.rows()] == ["open"]

    assert run_jobs(shadow.database, training_run_days=None)["deployment_decisions_ended"] == 1
    shadow.run(runs(at=now(), digest=DIGEST, claimed_model="retail.churn"))
    assert [row["state"] for row in shadow.rows()] == ["open"]  # it ended


def test_accept_other_causes(company: Company) -> None:
    """A further cause opens it again; one that is mended does not."""
    company.say(company.registry, model(), version(7, digests=[DIGEST]))
    company.run(SHADOW)
    assert company.causes() == {"churn": {"no_owner", "no_build", "not_by_pipeline"}}
    accept(company)
    company.say(company.registry, model(at=LATER, **OWNED))
    assert company.causes() == {}
    assert company.causes(state="accepted") == {"churn": {"no_build", "not_by_pipeline"}}

    company.say(company.registry, model(at="2026-11-22T12:00:00Z", lifecycle="suspended", **OWNED))
    assert "retired_but_running" in company.causes()["churn"]


def test_accept_mended(shadow: Company) -> None:
    """Mended after all it is resolved, with what was decided."""
    accept(shadow)
    shadow.register(digests=[DIGEST])
    shadow.say(shadow.registry, model("x"))
    assert shadow.causes(state="accepted,open") == {"churn": {"no_build", "not_by_pipeline"}}
    build = {"kind": "build", "scheme": "ci", "value": "ci/9"}
    shadow.say(shadow.ci, {"subject": build, "observed_at": LATER,
                           "facts": {"artifacts": [{"name": "i", "digest": DIGEST}]}})  # fmt: skip
    (row,) = shadow.rows(state="resolved")
    assert (row["causes"], row["decision"]["decision"]) == ([], "accept")


def test_link(shadow: Company) -> None:
    """A person knows which version it is: above a label, and whatever is folded again."""
    shadow.register(7)
    token = shadow.person("reviewer")
    (row,) = shadow.rows()
    answer = shadow.resolve(row, "link", token, model="retail.churn", version="7")
    assert answer.status_code == 200, answer.text
    linked = answer.json()["deployment"]
    assert (linked["version"], linked["unregistered"]) == ("retail/churn/7", False)
    assert linked["matched"]["version"]["by"] == "pinned"
    assert shadow.causes() == {"churn": {"no_build", "not_by_pipeline"}}

    before = entries(shadow.database)
    assert list(reconcile_all(shadow.database, actor=OPERATOR, dry_run=False)) == []
    assert entries(shadow.database) == before


def test_link_ends(shadow: Company) -> None:
    """A link stands for what ran: it goes with its pin when something else runs."""
    shadow.register(7)
    (row,) = shadow.rows()
    shadow.resolve(row, "link", shadow.person("reviewer"), model="retail/churn", version="7")
    shadow.run(runs(at=now(), digest=OTHER, claimed_model="retail.churn"))

    assert run_jobs(shadow.database, training_run_days=None)["deployment_decisions_ended"] == 1
    assert shadow.causes() == {"churn": {"unknown_version", "no_build", "not_by_pipeline"}}
    assert rows(shadow.database, "SELECT count(*) FROM pin") == [(0,)]


def test_link_against_digest(company: Company) -> None:
    """No word of a person outweighs a digest."""
    company.register(6, digests=[DIGEST])
    company.say(company.registry, version(7))
    company.run(SHADOW)
    (row,) = company.rows()
    token = company.person("reviewer")
    answer = company.resolve(row, "link", token, model="retail/churn", version="7")
    assert (answer.status_code, answer.json()["code"]) == (409, "digest_proves")
    answer = company.resolve(row, "link", token, model="retail/churn", version="9")
    assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")


def test_register(shadow: Company) -> None:
    """The catalog learns model and version from a person, with the digest of what runs."""
    (row,) = shadow.rows()
    token = shadow.person("approver")
    asked = {"model": "retail/churn", "version": "2026-11"}
    tried = shadow.service.ask(
        "POST", f"{UNREGISTERED}/{row['id']}:resolve?dry_run=true", token,
        json={"decision": "register", "reason": "as agreed", **asked},
    )  # fmt: skip
    assert (tried.status_code, tried.json()["dry_run"]) == (200, True), tried.text
    assert shadow.rows() == [row]

    answer = shadow.resolve(row, "register", token, **asked)
    assert answer.status_code == 200, answer.text
    assert shadow.causes() == {"churn": {"no_build", "no_owner", "not_by_pipeline"}}
    shown = shadow.service.get("models/retail/churn/versions/2026-11")
    assert shown["facts"]["digests"] == [DIGEST]

    shadow.run(SHADOW, runs("second", digest=DIGEST))  # the digest tells this one too
    assert "unknown_model" not in shadow.causes()["second"]
    again = shadow.resolve(row, "register", token, **asked)
    assert (again.status_code, again.json()["code"]) == (409, "version_registered")


def test_register_by_address(company: Company) -> None:
    """With an address of the model's files the digest is not taken for the model's."""
    company.run(runs(digest=DIGEST, artifact_uri="s3://lake/x"))
    (row,) = company.rows()
    asked = {"model": "retail/x", "version": "1"}
    answer = company.resolve(row, "register", company.person("reviewer"), **asked)
    assert answer.status_code == 200, answer.text
    facts = company.service.get("models/retail/x/versions/1")["facts"]
    assert (facts["source_uri"], "digests" in facts) == ("s3://lake/x", False)


def test_reopen(shadow: Company) -> None:
    """The latest decision ends; a link goes with its pin, and then there is nothing to end."""
    shadow.register(7)
    token = shadow.person("reviewer")
    (row,) = shadow.rows()
    shadow.resolve(row, "link", token, model="retail/churn", version="7")
    accept(shadow)
    assert shadow.rows() == []

    assert shadow.resolve(row, "reopen", token).json()["deployment"]["unregistered"] is False
    assert shadow.resolve(row, "reopen", token).json()["deployment"]["unregistered"] is True
    answer = shadow.resolve(row, "reopen", token)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_decided")
    assert rows(shadow.database, "SELECT count(*) FROM pin") == [(0,)]


def test_rights(shadow: Company) -> None:
    """Reviewers and approvers of the namespace decide; an admin registers and accepts nothing."""
    make_source(shadow.database, "elsewhere", namespace="wholesale")
    shadow.register(7)
    (row,) = shadow.rows()
    link = {"model": "retail/churn", "version": "7"}
    service = shadow.service
    accepting = {"expires_at": SOON, "evidence": row["evidence"]}
    assert shadow.resolve(row, "link", service.reader, **link).status_code == 403
    elsewhere = shadow.person("reviewer", "wholesale")
    assert shadow.resolve(row, "link", elsewhere, **link).status_code == 404
    admin = shadow.person("admin", None)
    assert shadow.resolve(row, "accept", admin, **accepting).status_code == 403
    assert shadow.resolve(row, "link", admin, **link).status_code == 200


def test_repeated(shadow: Company) -> None:
    """Asked again under its key, a decision is not made again."""
    (row,) = shadow.rows()
    token = shadow.person("reviewer")
    body = {"decision": "accept", "reason": "as agreed", "expires_at": SOON,
            "evidence": row["evidence"]}  # fmt: skip
    answers = [
        shadow.service.ask(
            "POST", f"{UNREGISTERED}/{row['id']}:resolve", token, json=body,
            headers={"Idempotency-Key": "once"},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [one.status_code for one in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert rows(shadow.database, "SELECT count(*) FROM deployment_decision") == [(1,)]
