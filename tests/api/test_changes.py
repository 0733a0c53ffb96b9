"""The change feed: nothing is lost, whoever commits when."""

import csv
import json
import threading

import sqlalchemy as sa

from service.db import Database
from tests.docs.tables import documented, section
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service, wait_for_feed


def test_changes_followed(service: Service) -> None:
    """The cursor goes on where it was; filters hold; a stale cursor is still one."""
    source = make_source(service.database)
    post(service.database, source, model(description="A"), version(1))
    wait_for_feed(service.database)
    first = service.get("changes", page_size="1")
    rest = service.get("changes", since=first["next"])
    post(service.database, source, model(at="2026-11-21T00:00:00Z", description="B"))
    wait_for_feed(service.database)
    news = service.get("changes", since=rest["next"])
    entry = service.get("models/retail/churn")["id"]

    assert len(first["items"]) == 1
    created = [c["kind"] for c in first["items"] + rest["items"] if c["op"] == "create"]
    assert created == ["model", "version"]
    assert [(c["field"], c["old"], c["new"], c["entry"]) for c in news["items"]] == [
        ("description", "A", "B", entry)
    ]
    assert service.get("changes", since=news["next"]) == {"items": [], "next": news["next"]}
    assert [c["kind"] for c in service.get("changes", kind="version,build")["items"]] == ["version"]
    about = [c["op"] for c in service.get("changes", entry=entry)["items"] if c["op"] != "number"]
    assert about == ["create", "update"]
    for wrong in ("since=x", "since=1", "since=-1-1", "since=1-1-1", f"since={10**19}-0", "entry=x",
                  "kind=", "page_size=2000", "since=1-1&since=2-2"):  # fmt: skip
        assert service.ask("GET", f"changes?{wrong}", service.reader).status_code == 422, wrong


def test_changes_late_commit(service: Service, database: Database) -> None:
    """RULES 5.8: a row with a lower id that commits later is not lost: the feed waits for it."""
    source = make_source(database)
    written, go_on = threading.Event(), threading.Event()

    def slow() -> None:
        with database.writing() as session:
            session.execute(
                sa.text("INSERT INTO change (canon, kind) VALUES (:canon, 'token')"),
                {"canon": '{"kind": "token", "op": "slow"}'},
            )
            written.set()
            go_on.wait(20)

    admin = service.token("admin")
    wait_for_feed(database)
    before = service.get("changes", admin, page_size="1000")["next"]
    writer = threading.Thread(target=slow)
    writer.start()
    written.wait(20)
    post(database, source, model())
    held_back = service.get("changes", admin, since=before)
    go_on.set()
    writer.join()
    wait_for_feed(database)
    shown = service.get("changes", admin, since=held_back["next"])

    assert held_back == {"items": [], "next": before}
    assert [one["op"] for one in shown["items"] if one["op"] != "number"] == ["slow", "create"]


def test_changes_concurrent_writers(service: Service, database: Database) -> None:
    """RULES 5.8: a follower who reads all the time sees every row once, in one order for all."""
    sources = [make_source(database, f"mlflow-{n}", namespace=f"n{n}") for n in range(4)]

    def write(number: int) -> None:
        source = sources[number]
        for step in range(5):
            document = model(f"m{step}", source=source.name)
            document["facts"]["namespace"] = f"n{number}"
            post(database, source, document)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    seen, cursor, done = [], "0-0", False
    while not done:
        done = not any(writer.is_alive() for writer in writers)
        if done:
            wait_for_feed(database)
        while items := (page := service.get("changes", since=cursor, page_size="3"))["items"]:
            seen += [change["id"] for change in items]
            cursor = page["next"]
    again = service.get("changes", page_size="1000")["items"]

    assert len([change for change in again if change["op"] == "create"]) == 20
    assert len(seen) == len(set(seen))
    assert seen == [change["id"] for change in again]


def test_changes_exported(service: Service, database: Database) -> None:
    """The feed as a file holds the same rows; each has the cursor that goes on after it."""
    source = make_source(database)
    post(database, source, model(description='=1+1 "x"', tags=["a"]), version(1))
    post(database, source, model(at="2026-11-21T00:00:00Z", description="B", tags=["a"]))
    wait_for_feed(database)
    feed = service.get("changes", page_size="1000")
    lines = service.ask("GET", "changes.jsonl", service.reader)
    table = service.ask("GET", "changes.csv", service.reader)
    records = list(csv.DictReader(table.text.splitlines()))
    second = service.ask("GET", f"changes.jsonl?since={feed['items'][1]['cursor']}", service.reader)

    assert [json.loads(line) for line in lines.text.splitlines()] == feed["items"]
    assert feed["items"][-1]["cursor"] == feed["next"]
    assert [json.loads(line) for line in second.text.splitlines()] == feed["items"][2:]
    assert list(records[0]) == documented(section("columns.md", "changes"))
    assert [record["cursor"] for record in records] == [one["cursor"] for one in feed["items"]]
    changed = next(record for record in records if record["field"] == "description")
    assert (changed["old"], changed["new"]) == ('\'=1+1 "x"', "B")
    assert (changed["actor"], changed["source"]) == ("mlflow-prod", "mlflow-prod")
    created = next(record for record in records if record["op"] == "create")
    assert json.loads(created["new"])["tags"] == ["a"]
    elsewhere = service.token(namespaces=["wholesale"])
    assert service.ask("GET", "changes.jsonl", elsewhere).text == ""
    assert service.ask("GET", "changes.csv?since=x", service.reader).status_code == 422
    assert service.ask("GET", "changes.pdf", service.reader).json()["code"] == "form_unknown"
