"""Owners attest: one by one and many at once, against what harvests say, and what comes of a no."""

import csv
import io
from typing import Any, Final

import pytest
import sqlalchemy as sa

from service.db import Database
from service.risk.attestations.statements import contradictions, current_statements
from tests.conftest import Statements
from tests.risk.parties import CHURN, MENU, ROLES, Parties
from tests.support.accounts import owned_by
from tests.support.catalog import all_changes, last_change, make_source, model, post, rows, version

NAMES: Final = [one.id for one in current_statements().statements]
COMMENT: Final = "looked at, and so it is"
ALL_YES: Final = {name: {"answer": "yes", "comment": COMMENT} for name in NAMES}
LATER: Final = "2026-11-21T12:00:00Z"


def attest(parties: Parties, role: str = "owner", **asked: Any) -> Any:
    """The answer to an attestation: yes to all with a comment, unless told otherwise."""
    body = {"statements": "1.0.0", "models": [CHURN], "answers": ALL_YES} | asked
    return parties.ask(role, "POST", "attestations", json=body)


def answered(**others: Any) -> dict[str, Any]:
    """Yes to all, and these."""
    return ALL_YES | others


def rules(answer: Any) -> set[tuple[str, str]]:
    """The places and rules that a refusal names."""
    assert answer.status_code == 422, answer.text
    return {
        (one["pointer"].rpartition("/")[2], one["message"].partition(": ")[2].partition(":")[0])
        for one in answer.json()["errors"]
    }


def due(parties: Parties, role: str = "owner", **asked: str) -> dict[str, Any]:
    """What has to be attested, by model."""
    answer = parties.ask(role, "GET", "attestations:due", params=asked)
    assert answer.status_code == 200, answer.text
    return {one["model"]: one for one in answer.json()["items"]}


def long_ago(owner_database: Database, months: int) -> None:
    """Let everything be so much earlier by which attestations are due."""
    with owner_database.engine.begin() as connection:
        for statement in (
            "UPDATE entry SET first_seen_at = first_seen_at - make_interval(months => :months)",
            "ALTER TABLE attestation DISABLE TRIGGER ALL",
            "UPDATE attestation SET attested_at = attested_at - make_interval(months => :months)",
            "ALTER TABLE attestation ENABLE TRIGGER ALL",
        ):
            connection.execute(sa.text(statement), {"months": months})


def test_attest(parties: Parties) -> None:
    """It is kept with what spoke against it, and the ledger has it."""
    before = last_change(parties.database)
    answer = attest(parties)
    assert answer.status_code == 201, answer.text
    (made,) = answer.json()["items"]
    assert (made["result"], made["attested_by"], made["model"]) == ("confirmed", "anna", CHURN)
    assert {one["code"] for one in made["contradictions"]} >= {"no_limitations"}
    (told,) = [one for one in all_changes(parties.database, before) if one["kind"] == "attestation"]
    assert (told["op"], told["new"]["result"], told["field"]) == ("attest", "confirmed", made["id"])


@pytest.mark.parametrize("role", ROLES)
def test_who_attests(parties: Parties, role: str) -> None:
    """Owners alone."""
    status = 201 if role == "owner" else 404 if role == "elsewhere" else 403
    assert attest(parties, role).status_code == status
    assert parties.count("attestation") == (status == 201)


def test_answers_needed(parties: Parties) -> None:
    """Each statement of the version, and no other one; no, and yes against evidence, say why."""
    few = {name: ALL_YES[name] for name in NAMES if name != "roles"}
    assert rules(attest(parties, answers=few)) == {("roles", "statement_answered")}
    more = answered(weather={"answer": "yes"})
    assert rules(attest(parties, answers=more)) == {("weather", "statement_known")}
    bare = answered(roles={"answer": "no"})
    assert rules(attest(parties, answers=bare)) == {("roles", "no_needs_a_comment")}
    bare = answered(limitations={"answer": "yes"})
    assert rules(attest(parties, answers=bare)) == {
        ("limitations", "yes_against_evidence_needs_a_comment")
    }
    assert attest(parties, answers=answered(roles={"answer": "maybe"})).status_code == 422
    answer = attest(parties, statements="0.9.0")
    assert (answer.status_code, answer.json()["code"]) == (409, "statements_changed")
    assert parties.count("attestation") == 0


def test_versions_since(parties: Parties) -> None:
    """What was deployed since speaks against "no change", by how much it is."""
    attest(parties)
    cluster = make_source(parties.database, "cluster", kind="kubernetes")
    for number in (8, 9, 10):
        parties.say(version(number, at=LATER))
        served = {"kind": "version", "scheme": "mlflow",
                  "value": f"mlflow-prod/default/churn/{number}"}  # fmt: skip
        seen = {"subject": {"kind": "deployment", "scheme": "kserve", "value": f"c/s/{number}"},
                "observed_at": LATER, "facts": {"version": served}}  # fmt: skip
        assert post(parties.database, cluster, seen).refused == ()
    said = [one["says"] for one in due(parties)[CHURN]["contradictions"]
            if one["statement"] == "changes"]  # fmt: skip
    assert said == ["3 versions deployed since"]
    bare = attest(parties, answers=answered(changes={"answer": "yes"}))
    assert rules(bare) == {("changes", "yes_against_evidence_needs_a_comment")}


def test_no_on_restrictions(parties: Parties) -> None:
    """It opens a finding, one while that is open; a no to another statement opens none."""
    no = {"answer": "no", "comment": "letters went out"}
    done = attest(parties, answers=answered(restrictions=no, roles=no)).json()
    assert done["items"][0]["result"] == "deviating"
    found = "SELECT cause, severity, description FROM finding WHERE source = 'attestation'"
    assert rows(parties.database, found) == [
        ("attestation:restrictions", "medium", "letters went out")
    ]
    assert len(done["findings"]) == 1
    assert attest(parties, answers=answered(restrictions=no)).json()["findings"] == []
    assert len(rows(parties.database, found)) == 1


def test_in_bulk(parties: Parties) -> None:
    """Many at once, some apart or excluded; all of them or none."""
    parties.declare()
    no = {"answer": "no", "comment": "the canteen is closed"}
    both: dict[str, Any] = {"models": [CHURN, MENU]}
    apart = [{"model": MENU, "answers": {"purpose": no}}]
    done = attest(parties, **both, apart=apart).json()["items"]
    assert {one["model"]: one["result"] for one in done} == {
        CHURN: "confirmed", MENU: "deviating",
    }  # fmt: skip
    left = attest(parties, **both, exclude=[MENU]).json()["items"]
    assert [one["model"] for one in left] == [CHURN]

    parties.say(model("theirs", owners=[owned_by("bert")]))
    count = parties.count("attestation")
    assert attest(parties, models=[CHURN, "retail/theirs"]).status_code == 403
    assert attest(parties, models=[CHURN, "retail/none"]).status_code == 404
    assert attest(parties, models=[CHURN], exclude=[MENU]).status_code == 422
    bare = answered(limitations={"answer": "yes"})
    assert attest(parties, **both, answers=bare).status_code == 422
    assert parties.count("attestation") == count


def test_due(parties: Parties, owner_database: Database) -> None:
    """After the months of the tier; all that is due and one's own at once; then nothing is."""
    parties.declare()
    assert not any(one["past_due"] for one in due(parties).values())
    answer = attest(parties, models=None)
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_due")

    mine = {"owned": "true", "past_due": "true"}
    long_ago(owner_database, 7)  # churn is MEDIUM for now: 6 months; lunch is LOW: 12
    assert set(due(parties, **mine)) == {CHURN}
    parties.say(model("theirs", owners=[owned_by("bert")]))
    long_ago(owner_database, 7)
    assert set(due(parties, **mine)) == {CHURN, MENU}
    assert set(due(parties, past_due="true")) == {CHURN, MENU, "retail/theirs"}
    done = attest(parties, models=None, exclude=[MENU]).json()["items"]
    assert [one["model"] for one in done] == [CHURN]
    assert set(due(parties, **mine)) == {MENU}
    long_ago(owner_database, 7)
    assert set(due(parties, **mine)) == {CHURN, MENU}


def test_who_reads(parties: Parties) -> None:
    """That it was attested, and when, is for all readers; answers for those who have to do."""
    attest(parties)
    shown = {role: parties.ask(role, "GET", "attestations").json()["items"] for role in
             ("reader", "owner", "auditor", "elsewhere")}  # fmt: skip
    assert shown["elsewhere"] == []
    assert "answers" in shown["owner"][0]
    assert shown["owner"] == shown["auditor"]
    assert not shown["reader"][0].keys() & {"answers", "contradictions", "result", "attested_by"}
    assert parties.ask("reader", "GET", "attestations?result=confirmed").json()["items"] == []
    assert "contradictions" not in due(parties, "reader")[CHURN]
    assert due(parties, "elsewhere") == {}

    texts = {role: parties.ask(role, "GET", "attestations.csv").text for role in shown}
    lines = {role: list(csv.DictReader(io.StringIO(text))) for role, text in texts.items()}
    assert (lines["reader"][0]["result"], lines["owner"][0]["result"]) == ("withheld", "confirmed")
    assert "nobody states a limitation" in lines["owner"][0]["contradictions"]


def test_repeated(parties: Parties) -> None:
    """Under one key it is attested once; only tried, never."""
    body = {"statements": "1.0.0", "models": [CHURN], "answers": ALL_YES}
    tried = parties.ask("owner", "POST", "attestations?dry_run=true", json=body)
    assert (tried.status_code, tried.json()["dry_run"], parties.count("attestation")) == (
        201, True, 0,
    )  # fmt: skip
    sent = {"json": body, "headers": {"Idempotency-Key": "once"}}
    first, second = (parties.ask("owner", "POST", "attestations", **sent) for _ in range(2))
    assert first.json() == second.json()
    assert parties.count("attestation") == 1


def test_kept(parties: Parties) -> None:
    """What was attested is never changed."""
    attest(parties)
    for statement in ("UPDATE attestation SET result = 'confirmed'", "DELETE FROM attestation"):
        with pytest.raises(sa.exc.ProgrammingError):
            parties.write(statement)


def test_cost(parties: Parties, statements: Statements) -> None:
    """Many models cost as many statements as one."""
    names = [f"m{number}" for number in range(30)]
    parties.say(*(model(name, owners=[owned_by("anna")]) for name in names))
    models = [f"retail/{name}" for name in names]
    assert attest(parties).status_code == 201  # the token's first use costs one more
    counts = []
    for some in (models[:1], models[1:]):
        with statements() as sent:
            assert attest(parties, models=some).status_code == 201
        counts.append(len(sent))
    assert counts[0] == counts[1]


def test_statements_shown(parties: Parties) -> None:
    """The version in force has the ten statements."""
    said = parties.ask("reader", "GET", "attestations:statements").json()
    assert said["version"] == "1.0.0"
    assert [one["id"] for one in said["statements"]] == [
        "models", "purpose", "changes", "performance", "limitations", "restrictions", "exceptions",
        "roles", "policy", "escalation",
    ]  # fmt: skip


def test_contradictions() -> None:
    """A signal of none says nothing; others say how many, in the order of the statements."""
    found = contradictions(current_statements(), {"incidents_open": 2, "gone": 1, "contested": 0})
    assert [(one.statement, one.says) for one in found] == [
        ("models", "it is gone from where it was registered"),
        ("escalation", "2 incidents are open"),
    ]
