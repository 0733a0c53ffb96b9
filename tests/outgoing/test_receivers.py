"""Receivers: made, shown, changed, disabled, given other secrets."""

import csv
import io
import json
from typing import Any

from schemas.report_columns import REPORTS
from tests.outgoing.desk import WHY, Desk
from tests.support.catalog import rows


def test_secret_once(desk: Desk) -> None:
    """The secret is answered where it is new, never afterwards, and the database has none."""
    secret = desk.make()
    stored = "SELECT to_jsonb(receiver)::text || canon FROM receiver, change"
    [whole] = rows(desk.database, f"SELECT string_agg(said, '') FROM ({stored}) AS each (said)")  # noqa: S608  # constants

    assert secret.startswith("whsec_")
    assert "secret" not in desk.shown()
    assert "secret" not in desk.ask("GET", "receivers")["items"][0]
    assert "receiver" in whole[0]
    assert secret.removeprefix("whsec_") not in whole[0]


def test_repeated(desk: Desk) -> None:
    """The same request with its key makes one receiver; its secret is shown the first time."""
    body = {"name": "desk", "url": desk.sink.url, **WHY}
    key = {"Idempotency-Key": "one"}
    first, again = (desk.ask("POST", "receivers", body, status=201, headers=key) for _ in range(2))

    assert again == first | {"secret": None}
    assert len(desk.ask("GET", "receivers")["items"]) == 1
    desk.ask("POST", "receivers", body, status=409)


def test_refused(desk: Desk) -> None:
    """An address with a credential, of another scheme, or unreadable; types nobody announces."""
    wrong: list[dict[str, Any]] = [
        {"url": "https://user:password@acme.example/"},
        {"url": "ftp://acme.example/"},
        {"url": "https://acme.example/\\x"},
        {"types": ["tier.changes"]},
        {"types": ["tier.changed", "tier.changed"]},
        {"namespaces": []},
        {"name": "A desk"},
    ]
    for one in wrong:
        body = {"name": "desk", "url": "https://acme.example/", **WHY} | one
        answer = desk.ask("POST", "receivers", body, status=422)
        assert "password" not in json.dumps(answer)
    assert desk.ask("GET", "receivers")["items"] == []


def test_changed(desk: Desk) -> None:
    """A change names what it changes; the ledger says who did what and why."""
    desk.make(types=["tier.changed"])
    answer = desk.service.ask("GET", "receivers/desk", desk.admin)
    body = {"url": "https://other.example/", "namespaces": ["retail"], "reason": "moved"}

    desk.ask("PUT", "receivers/desk", body, status=428)
    tag = {"If-Match": answer.headers["ETag"]}
    changed = desk.ask("PUT", "receivers/desk", body, headers=tag)
    assert (changed["url"], changed["types"], changed["namespaces"]) == (
        "https://other.example/", [], ["retail"],
    )  # fmt: skip
    desk.ask("PUT", "receivers/desk", body, status=412, headers=tag)

    [made, told] = desk.ledger()
    assert (made["op"], told["op"], told["reason"]) == ("create", "update", "moved")
    assert told["old"] == {"name": "desk", "url": desk.sink.url, "types": ["tier.changed"],
                           "namespaces": None}  # fmt: skip
    assert told["new"] == {"name": "desk", "url": "https://other.example/", "types": [],
                           "namespaces": ["retail"]}  # fmt: skip


def test_disabled(desk: Desk) -> None:
    """What waits goes out when it is enabled again; what came meanwhile waits for a replay."""
    desk.make()
    desk.tell("before")
    desk.ask("DELETE", "receivers/desk?reason=tests", status=204)
    desk.tell("meanwhile")
    assert desk.send() == (0, 0)
    assert [one["subject"] for one in desk.log()] == ["before"]
    desk.ask("POST", "receivers/desk:test", WHY, status=409)

    tag = {"If-Match": desk.service.ask("GET", "receivers/desk", desk.admin).headers["ETag"]}
    desk.ask("PUT", "receivers/desk", {"url": desk.sink.url, "enabled": True, **WHY}, headers=tag)
    assert desk.send() == (1, 0)
    assert [one.event["subject"] for one in desk.sink.got] == ["before"]


def test_rotated(desk: Desk) -> None:
    """For 24 hours both secrets prove a delivery, then the new one alone."""
    first = desk.make()
    second = desk.ask("POST", "receivers/desk:rotate", WHY)["secret"]
    desk.tell("during")
    desk.send()
    assert desk.shown()["previous_signs_until"] is not None
    desk.later("24 hours")
    desk.tell("after")
    desk.send()

    during, after = desk.sink.got
    assert [during.proved_by(one) for one in (first, second)] == [True, True]
    assert [after.proved_by(one) for one in (first, second)] == [False, True]
    assert desk.shown()["previous_signs_until"] is None
    assert (desk.shown()["secret_version"], desk.ledger()[-1]["op"]) == (2, "rotate")


def test_tested(desk: Desk) -> None:
    """A test goes to the one receiver that is tried, whatever types it asks for."""
    secret = desk.make(types=["review.due"])
    desk.make("other")
    sent = desk.ask("POST", "receivers/desk:test", WHY, status=202)
    assert (sent["type"], sent["state"]) == ("receiver.test", "waiting")
    assert desk.send() == (1, 0)

    [got] = desk.sink.got
    assert got.id == sent["event"]
    assert got.proved_by(secret)
    assert got.event["data"]["receiver"] == "desk"
    assert desk.log("other") == []


def test_dry_run(desk: Desk) -> None:
    """A dry run makes, sends and disables nothing."""
    desk.ask("POST", "receivers?dry_run=true", {"name": "desk", "url": desk.sink.url, **WHY},
             status=201)  # fmt: skip
    desk.make()
    before = desk.shown()
    desk.ask("POST", "receivers/desk:rotate?dry_run=true", WHY)
    desk.ask("POST", "receivers/desk:test?dry_run=true", WHY, status=202)
    desk.ask("DELETE", "receivers/desk?reason=tests&dry_run=true", status=204)

    assert desk.shown() == before
    assert len(desk.ledger()) == 1


def test_log_as_file(desk: Desk) -> None:
    """The delivery log as CSV holds what its pages hold, in documented columns."""
    desk.make()
    desk.tell("one", "two")
    desk.send()
    text = desk.service.ask("GET", "receivers/desk/deliveries.csv", desk.admin).text
    found = list(csv.DictReader(io.StringIO(text)))

    assert list(found[0]) == [column.name for column in REPORTS["deliveries"]]
    assert {row["event"] for row in found} == {row["event"] for row in desk.log()}
    assert {(row["state"], row["attempts"], row["last_status"]) for row in found} == {
        ("delivered", "1", "204")
    }
    assert desk.log(state="waiting,failed") == []
    assert desk.log(type="review.due") == []
