"""What findings keep to: who closes them, their times, who reads what, what the clock does."""

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from service.ledger.change import Actor, Cause
from service.risk.findings.opened import (
    WantedFinding,
    end_acceptances,
    open_findings,
    read_finding_snapshot,
    red_signals,
)
from tests.risk.findings.test_steps import BODIES, FOUND, PROOF, bring, record
from tests.risk.parties import CHURN, Parties, in_days
from tests.support.catalog import all_changes, last_change, rows

SOFTWARE = Cause(Actor("software", "tests"), reason="tests")
FULL = {"title", "description", "assignee", "category", "source", "evidence", "steps"}


def days_of(shown: Any, until: str = "due_at") -> int:
    """How many days something may take."""
    ends, begins = (datetime.fromisoformat(shown[name]) for name in (until, "opened_at"))
    return (ends - begins).days


@pytest.mark.parametrize(("severity", "days"), [("high", 30), ("medium", 90), ("low", 180)])
def test_due(parties: Parties, severity: str, days: int) -> None:
    """Due by severity; extended, the first time stays and is counted, each with its reason."""
    path = record(parties, severity=severity)
    assert days_of(parties.ask("auditor", "GET", path).json()) == days
    for count in (1, 2):
        later = {"reason": f"reason {count}", "due_at": in_days(200 + count)}
        done = parties.done("reviewer", path, "extend", **later)
        assert (done["extensions"], days_of(done, "original_due")) == (count, days)
    said = [(one["op"], one["reason"]) for one in done["steps"]]
    assert said == [("open", None), ("extend", "reason 1"), ("extend", "reason 2")]
    for wrong in (in_days(-1), in_days(1), done["due_at"]):
        answer = parties.any_state("reviewer", path, "extend", reason="x", due_at=wrong)
        assert answer.status_code == 422
    assert parties.any_state("reviewer", path, "extend", due_at=in_days(300)).status_code == 422


def test_closed_by_another(parties: Parties) -> None:
    """Neither who has it nor who sent the evidence closes it, nor withdraws, accepts, extends."""
    second = parties.person("rita", "reviewer", "approver")
    assert second
    path = record(parties, assignee="rita")
    for step in ("acknowledge", "plan", "start", "submit"):
        parties.done("rita", path, step, **BODIES[step])  # whoever has it answers, too
    for step in ("close", "accept_risk", "extend"):
        answer = parties.any_state("rita", path, step, **BODIES[step])
        assert (answer.status_code, answer.json()["code"]) == (409, "not_independent"), step
    parties.done("owner", path, "assign", assignee="anna")
    assert parties.any_state("rita", path, "close", reason="x").status_code == 409  # its sender
    done = parties.done("reviewer", path, "close", reason="seen")
    assert (done["state"], done["closed_by"], done["assignee"]) == ("CLOSED", "reviewer", "anna")


def test_evidence(parties: Parties) -> None:
    """Submitted with evidence, which says where or what; what recorded it does not count."""
    path = bring(parties, "IN_PROGRESS", evidence=PROOF)
    wrongs: tuple[list[Any], ...] = (
        [],
        [{}],
        [{"url": "ftp://x"}],
        [{"url": "https://user:pw@x.example/"}],
    )
    for wrong in wrongs:
        answer = parties.any_state("owner", path, "submit", reason="x", evidence=wrong)
        assert answer.status_code == 422, wrong
    parties.done("owner", path, "submit", reason="x", evidence=[{"digest": f"sha256:{'a' * 64}"}])
    shown = parties.ask("owner", "GET", path).json()
    assert [(one["by"], one["step"]) for one in shown["evidence"]] == [
        ("reviewer", "open"), ("anna", "submit"),
    ]  # fmt: skip


def test_accepted(parties: Parties) -> None:
    """Until a time within a year; then it is open again: at once, and once by the clock."""
    path = record(parties)
    for wrong in (in_days(-1), in_days(367), None):
        answer = parties.any_state("approver", path, "accept_risk", reason="x", until=wrong)
        assert answer.status_code == 422
    parties.grant("anna", "approver")
    assert (
        parties.any_state("owner", path, "accept_risk", **BODIES["accept_risk"]).status_code == 409
    )
    parties.done("approver", path, "accept_risk", **BODIES["accept_risk"])

    parties.write("UPDATE finding SET accepted_until = now() - interval '1 day'")
    assert parties.ask("reader", "GET", path).json()["state"] == "OPEN"
    now = datetime.now(UTC)
    before = last_change(parties.database)

    def run(days: int) -> int:
        at = now + timedelta(days=days)
        return parties.database.transact(lambda session: end_acceptances(session, now=at))

    ended = [run(days) for days in (-2, 0, -2, 0, 400)]
    assert ended == [0, 1, 0, 0, 0]
    (told,) = [one for one in all_changes(parties.database, before) if one["op"] == "expire"]
    assert (told["kind"], told["new"]) == ("finding", {"state": "OPEN"})
    stored = "SELECT state, accepted_by FROM finding WHERE source = 'person'"
    assert rows(parties.database, stored) == [("OPEN", None)]


def test_accepted_over(parties: Parties) -> None:
    """Once an acceptance is over its finding takes the steps of an open one."""
    path = bring(parties, "RISK_ACCEPTED")
    assert parties.any_state("owner", path, "acknowledge").status_code == 409
    parties.write("UPDATE finding SET accepted_until = now() - interval '1 day'")
    assert parties.done("owner", path, "acknowledge")["accepted_until"] is None


def test_assignee(parties: Parties) -> None:
    """An account of a person that is in use; nobody else."""
    for name in ("nobody", "machine", ""):
        answer = parties.ask("reviewer", "POST", "findings", json=FOUND | {"assignee": name})
        assert answer.status_code == 422, name
    path = record(parties)
    parties.person("gone", "reader")
    parties.write("UPDATE account SET disabled_at = now() WHERE name = 'gone'")
    answer = parties.any_state("owner", path, "assign", assignee="gone")
    assert (answer.status_code, answer.json()["code"]) == (422, "account_unknown")


def test_who_records(parties: Parties) -> None:
    """Reviewers of the namespace alone."""
    for role, status in {
        "reader": 403, "owner": 403, "reviewer": 201, "approver": 403, "admin": 403,
        "auditor": 403, "machine": 403, "elsewhere": 404,
    }.items():  # fmt: skip
        answer = parties.ask(role, "POST", "findings", json=FOUND)
        assert answer.status_code == status, (role, answer.text)
    unknown = parties.ask("reviewer", "POST", "findings", json=FOUND | {"version": "99"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "version_not_found")


def test_who_reads(parties: Parties) -> None:
    """Readers know that there is one and when; the words are for those who have to do with it."""
    path = record(parties, version="7")
    for role in ("owner", "reviewer", "approver", "auditor"):
        assert parties.ask(role, "GET", path).json().keys() >= FULL, role
    for role in ("reader", "admin"):
        shown = parties.ask(role, "GET", path).json()
        assert not shown.keys() & FULL, role
        assert (shown["severity"], shown["state"], shown["version"]) == ("medium", "OPEN", "7")
    assert parties.ask("elsewhere", "GET", path).status_code == 404
    assert parties.ask("reader", "GET", "findings/none").status_code == 404

    asked = {"category": "data"}
    found = {role: parties.ask(role, "GET", "findings", params=asked).json()["items"]
             for role in ("reader", "owner", "elsewhere")}  # fmt: skip
    assert {role: len(items) for role, items in found.items()} == {
        "reader": 0, "owner": 1, "elsewhere": 0,
    }  # fmt: skip
    assert len(parties.ask("reader", "GET", "findings").json()["items"]) >= 1


def test_file(parties: Parties) -> None:
    """The columns of the file; what its reader may not see reads `withheld`."""
    record(parties, title="=1+1")
    asked = {"severity": "medium", "state": "OPEN"}
    texts = {role: parties.ask(role, "GET", "findings.csv", params=asked).text
             for role in ("reader", "reviewer")}  # fmt: skip
    found = {role: list(csv.DictReader(io.StringIO(text))) for role, text in texts.items()}
    assert list(found["reader"][0])[:4] == ["as_of", "model_id", "model", "finding"]
    told = {role: [row["title"] for row in lines] for role, lines in found.items()}
    assert "'=1+1" in told["reviewer"]
    assert set(told["reader"]) == {"withheld"}
    assert {row["model"] for row in found["reader"]} == {CHURN}


def test_control_passes(parties: Parties) -> None:
    """A control that passes again leaves its finding open: it is only marked."""
    wanted = want(parties.id_of(), "control:INV-03", source="control")
    now = datetime.now(UTC)
    parties.database.transact(
        lambda session: open_findings(session, [wanted], cause=SOFTWARE, now=now)
    )

    def marked() -> list[tuple[str, bool]]:
        asked = {"source": "control"}
        items = parties.ask("auditor", "GET", "findings", params=asked).json()["items"]
        return [(one["state"], one["cause_passes"]) for one in items]

    assert parties.results()["INV-03"] == "FAIL"
    assert marked() == [("OPEN", False)]
    parties.write("UPDATE control_result SET result = 'PASS' WHERE control = 'INV-03'")
    assert marked() == [("OPEN", True)]


def want(model: Any, cause: str = "x", **more: Any) -> WantedFinding:
    """Something to be mended."""
    given = {"category": "data", "severity": "high", "source": "overdue"} | more
    return WantedFinding(model, None, cause=cause, title="t", description="d", **given)


def test_open_findings(parties: Parties) -> None:
    """One for each cause while it is open; two statements; told once."""
    model, now = parties.id_of(), datetime.now(UTC)
    before = last_change(parties.database)

    def opening(*wanted: WantedFinding) -> list[str]:
        return parties.database.transact(lambda session: [
            one.wanted.cause for one in open_findings(session, wanted, cause=SOFTWARE, now=now)
        ])  # fmt: skip

    assert opening() == []
    assert sorted(opening(want(model), want(model), want(model, "y"))) == ["x", "y"]
    assert opening(want(model), want(model, "z")) == ["z"]
    parties.write("UPDATE finding SET state = 'CLOSED', closed_at = now(), closed_by = 'b'"
                  " WHERE cause = 'x'")  # fmt: skip
    assert opening(want(model)) == ["x"]
    told = [one["new"]["cause"] for one in all_changes(parties.database, before)]
    assert sorted(told) == ["x", "x", "y", "z"]


def test_red_signal(parties: Parties) -> None:
    """A severe incident that nobody has closed; accepted it is one still."""
    model = parties.id_of()

    def red() -> bool:
        with parties.database.reading() as session:
            return model in red_signals(session, [model])

    assert not red()
    path = record(parties, category="incident")
    assert not red()
    path = record(parties, category="incident", severity="high")
    assert red()
    parties.done("approver", path, "accept_risk", **BODIES["accept_risk"])
    assert red()
    parties.write("UPDATE finding SET state = 'WITHDRAWN', closed_at = now(), closed_by = 'b',"
                  " accepted_until = NULL WHERE state = 'RISK_ACCEPTED'")  # fmt: skip
    assert not red()


def test_snapshot(parties: Parties) -> None:
    """What controls read: an accepted risk is due when that is over; a closed one is closed."""
    path = record(parties)
    parties.done("approver", path, "accept_risk", reason="x", until=in_days(300))
    model = parties.id_of()
    with parties.database.reading() as session:
        found = read_finding_snapshot(session, [model])[model]
    (mine,) = [one for one in found if one["id"] == path.partition("/")[2]]
    assert (mine["closed"], mine["extensions"]) == (False, 0)
    assert (mine["due_at"] - datetime.now(UTC)).days in {299, 300}


def test_repeated(parties: Parties) -> None:
    """Under one key it is recorded once, and closed once; a stale tag is refused."""
    sent = {"json": FOUND, "headers": {"Idempotency-Key": "once"}}
    first, second = (parties.ask("reviewer", "POST", "findings", **sent) for _ in range(2))
    assert (first.status_code, first.json()) == (201, second.json())
    path = f"findings/{first.json()['id']}"
    tag = first.headers["etag"]
    assert tag == parties.tag(path)
    parties.done("owner", path, "acknowledge")
    stale = parties.ask("owner", "POST", f"{path}:plan", json={"reason": "x"},
                        headers={"If-Match": tag})  # fmt: skip
    assert (stale.status_code, stale.json()["code"]) == (412, "tag_stale")
    assert parties.ask("owner", "POST", f"{path}:plan", json={"reason": "x"}).status_code == 428


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        (
            "closed_by_another",
            "state = 'CLOSED', closed_at = now(), assignee = 'b', closed_by = 'b'",
        ),
        ("closed_when", "state = 'CLOSED'"),
        ("closed_when", "closed_at = now()"),
        ("acceptance_ends", "state = 'RISK_ACCEPTED'"),
        ("state_known", "state = 'DONE'"),
        ("severity_known", "severity = 'none'"),
    ],
)
def test_checks(parties: Parties, name: str, changed: str) -> None:
    """What the table refuses, whatever a program writes."""
    record(parties)
    with pytest.raises(sa.exc.IntegrityError) as refused:
        parties.write(f"UPDATE finding SET {changed}")  # noqa: S608  # ours
    assert f"ck_finding_{name}" in str(refused.value)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE finding; --", "<b>x</b>", "{items} %s", "x" * 9_999]
)
def test_hostile_texts(parties: Parties, text: str) -> None:
    """Texts come back as they were; controls in them are refused, and not echoed."""
    path = record(parties, description=text)
    assert parties.ask("owner", "GET", path).json()["description"] == text
    refused = parties.ask("reviewer", "POST", "findings", json=FOUND | {"title": "odd\u202etitle"})
    assert (refused.status_code, "odd" in refused.text) == (422, False)
