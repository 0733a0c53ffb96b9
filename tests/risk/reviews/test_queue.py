"""Queues: whose, with dates and reasons; those of who is away; ten thousand due on one day."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.report_columns import REPORTS
from service.db import Database
from tests.conftest import Statements
from tests.risk.reviews.bank import Bank
from tests.support.accounts import map_owner
from tests.support.catalog import rows

LARGE: Final = 10_000
REVIEWS: Final = "/api/v1/reviews"
MANY: Final = (
    "INSERT INTO review (id, model_id, version_id, kind, state, cause, opened_at, opened_by, "
    "due_at, workflow_tier, reviewer, identified, on_hold, reminded, valid_from) "
    "SELECT gen_random_uuid(), :model, :version, 'SAMPLE', 'ASSIGNED', 'tests', now(), 'x', "
    "date_trunc('day', now()) + interval '20 days', 'LOW', 'reviewer', '{}', false, 0, now() "
    "FROM generate_series(1, :many)"
)


def in_days(days: float) -> str:
    """A time from now on."""
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


def test_large(bank: Bank, statements: Statements) -> None:
    """Ten thousand due on one day: every page costs the same, and none is lost or told twice."""
    drop_unique(bank)
    about = {"model": bank.id_of("retail/churn"), "version": bank.id_of()}
    bank.run(MANY, many=LARGE, **about)
    token = bank.tokens["reviewer"]
    seen: list[str] = []
    costs, asked = set(), {"reviewer": "me", "page_size": "1000"}
    while True:
        with statements() as said:
            page = bank.service.get(REVIEWS, token, **asked)
        costs.add(len([one for one in said if " review" in one]))
        seen += [one["id"] for one in page["items"]]
        if page["next_page_token"] is None:
            break
        asked["page_token"] = page["next_page_token"]
    assert (len(seen), len(set(seen))) == (LARGE, LARGE)
    assert costs == {1}


def drop_unique(bank: Bank) -> None:
    """One model stands for ten thousand here: without the rule of one open review a kind."""
    owner = Database(bank.database.url.render_as_string(hide_password=False), role=None)
    try:
        with owner.engine.begin() as connection:
            connection.exec_driver_sql("DROP INDEX uq_review_kind_version_id_open")
    finally:
        owner.dispose()


def test_filters(bank: Bank) -> None:
    """By reviewer, state, kind, date, namespace, model; an unknown one is refused."""
    first = bank.review("ASSIGNED", due_at=datetime.now(UTC) + timedelta(days=3))
    second = bank.review("REQUIRED", kind="TRIGGERED", on_hold=True, hold_reason="x")
    closed = bank.review("CANCELLED", kind="PERIODIC")

    def ids(who: str = "reader", **asked: str) -> list[str]:
        return [one["id"] for one in bank.service.get(REVIEWS, bank.tokens[who], **asked)["items"]]

    assert ids() == [str(first), str(second)]  # the earliest due first, closed ones left out
    assert ids("reviewer", reviewer="me") == [str(first)]
    assert ids("other", reviewer="me") == []
    assert ids(state="CANCELLED,REQUIRED") == [str(second), str(closed)] or ids(
        state="CANCELLED,REQUIRED"
    ) == [str(closed), str(second)]
    assert ids(kind="POST") == [str(first)]
    assert ids(due_before=in_days(5)) == [str(first)]
    assert ids(on_hold="true") == [str(second)]
    assert ids(model="Retail/Churn") == [str(first), str(second)]
    assert ids(namespace="retail", overdue="false") == [str(first), str(second)]
    assert ids("elsewhere") == []
    answer = bank.service.ask("GET", REVIEWS, bank.tokens["reader"], params={"state": "SO"})
    assert answer.status_code == 422
    [row] = bank.service.get(REVIEWS, kind="POST")["items"]
    assert (row["model"], row["version"], row["cause"]) == (
        "retail/churn",
        "retail/churn/1",
        "somebody asked for it",  # why people do, is a note
    )
    assert "hold_reason" not in row


def test_files(bank: Bank) -> None:
    """A file has the columns that reviewers are promised; JSON Lines are the items of pages."""
    bank.review("ASSIGNED", independence="UNKNOWN")
    bank.review("REQUIRED", kind="PRE", due_at=None)
    text = bank.service.ask("GET", f"{REVIEWS}.csv", bank.service.reader).text
    found = list(csv.DictReader(io.StringIO(text)))
    assert list(found[0]) == [column.name for column in REPORTS["reviews"]]
    assert [(one["kind"], one["reviewer"], one["independence"]) for one in found] == [
        ("POST", "reviewer", "UNKNOWN"), ("PRE", "", ""),
    ]  # fmt: skip
    assert found[1]["due_at"] == ""
    lines = bank.service.ask("GET", f"{REVIEWS}.jsonl", bank.service.reader).text
    assert [json.loads(one) for one in lines.splitlines()] == bank.service.get(REVIEWS)["items"]


def test_absence(bank: Bank) -> None:
    """Who stands in finds the reviews, does them under the own name, by the same rules."""
    review = bank.review("ASSIGNED")

    def state(who: str, **asked: Any) -> Any:
        body = {"from_at": in_days(-1), "until_at": in_days(9), "reason": "leave", **asked}
        return bank.service.ask("POST", "absences", bank.tokens[who], json=body)

    assert bank.ask(review, "start", "other").status_code == 403
    assert state("reviewer", delegate="reviewer").status_code == 422
    assert state("reviewer", delegate="nobody").status_code == 422
    assert state("other", account="reviewer", delegate="other").status_code == 403
    assert state("reviewer", until_at=in_days(-2)).status_code == 422
    made = state("approver", account="reviewer", delegate="other")
    assert made.status_code == 201, made.text

    [row] = bank.service.get(REVIEWS, bank.tokens["other"], reviewer="me")["items"]
    assert (row["reviewer"], row["stands_in"]) == ("reviewer", "other")
    done = bank.act(review, "start", "other")
    assert (done["reviewer"], done["state"]) == ("other", "IN_REVIEW")
    assert bank.service.get("/api/v1/absences")["items"][0]["delegate"] == "other"
    path = f"absences/{made.json()['id']}:end"
    ended = bank.service.ask("POST", path, bank.tokens["reviewer"], json={"reason": "back"})
    assert ended.status_code == 200
    assert bank.service.get("/api/v1/absences")["items"] == []
    told = rows(bank.database, "SELECT count(*) FROM change WHERE kind = 'absence'")
    assert told == [(2,)]


def test_absent_builder(bank: Bank) -> None:
    """Who stands in and built it may not."""
    review = bank.review("ASSIGNED")
    map_owner(bank.database, "handle:retention", "other")
    body = {"from_at": in_days(-1), "until_at": in_days(9), "reason": "leave", "delegate": "other"}
    assert bank.service.ask(
        "POST", "absences", bank.tokens["reviewer"], json=body
    ).status_code == 201  # fmt: skip
    answer = bank.ask(review, "start", "other")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_independent")
