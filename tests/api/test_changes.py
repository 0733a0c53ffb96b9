"""The change feed: nothing is lost, whoever commits when."""

import csv
import json
import threading

import sqlalchemy as sa

from service.db import Database
from tests.conftest import Statements
from tests.docs.tables import documented, section
from tests.support.catalog import make_source, model, post, version
from tests.support.http import Service, wait_for_feed

CHECKED = 1  # statements that find the caller


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
                  f"since=0-{10**18 * 9 + 10**18 - 1}", "since=seq--1", "since=seq-1-1", "since=",
                  "since=2026-11-20T12:00:00", "since=seq-%D9%A1", "kind=", "page_size=2000",
                  "entry=%00", "since=1-1&since=2-2"):  # fmt: skip
        assert service.ask("GET", f"changes?{wrong}", service.reader).status_code == 422, wrong


def test_changes_late_commit(service: Service, database: Database) -> None:
    """AUD-10: who began first and commits last comes last; nobody waits, nothing is lost."""
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
    wait_for_feed(database)
    first = service.get("changes", admin, since=before)
    go_on.set()
    writer.join()
    wait_for_feed(database)
    then = service.get("changes", admin, since=first["next"])

    assert [one["op"] for one in first["items"] if one["op"] != "number"] == ["create"]
    assert [one["op"] for one in then["items"]] == ["slow"]
    assert then["items"][0]["id"] < first["items"][0]["id"]
    assert then["items"][0]["seq"] == first["items"][-1]["seq"] + 1


def test_changes_unsealed(service: Service, database: Database) -> None:
    """What is not sealed yet has no place: the feed shows it when it has one, a history at once."""
    source = make_source(database)
    wait_for_feed(database)
    end = service.get("changes", page_size="1000")["next"]
    post(database, source, model())
    nothing = service.get("changes", since=end)
    early = service.get("models/retail/churn/history")["items"][-1]
    wait_for_feed(database)
    shown = service.get("changes", since=end)["items"][0]
    later = service.get("models/retail/churn/history")["items"][-1]

    assert nothing == {"items": [], "next": end}
    assert (early["seq"], early["cursor"]) == (None, None)
    assert later == early | {"seq": shown["seq"], "cursor": f"seq-{shown['seq']}"}
    assert shown.items() <= later.items()


def test_changes_since_a_time(service: Service, database: Database) -> None:
    """A time begins with the first change that was recorded then or later."""
    source = make_source(database)
    post(database, source, model(description="A"))
    wait_for_feed(database)
    post(database, source, model(at="2026-11-21T00:00:00Z", description="B"))
    wait_for_feed(database)
    every = service.get("changes")["items"]
    last = every[-1]
    found = service.get("changes", since=last["recorded_at"])
    end = service.get("changes", since="2999-01-01T00:00:00Z")

    assert (found["items"], found["next"]) == ([last], last["cursor"])
    assert service.get("changes", since="2020-01-01T00:00:00Z")["items"] == every
    assert service.get("changes", since="2020-01-01")["items"] == every
    assert end == {"items": [], "next": last["cursor"]}


def test_changes_earlier_cursor(service: Service, database: Database) -> None:
    """A cursor of before there was a sealed order goes on after the change that it named."""
    post(database, make_source(database), model(), version(1))
    wait_for_feed(database)
    every = service.get("changes")["items"]

    assert service.get("changes", since=f"4711-{every[0]['id']}")["items"] == every[1:]
    assert service.get("changes", since="0-0")["items"] == every
    assert service.get("changes", since=f"4711-{10**9}")["items"] == every


def test_changes_cursor_ahead(service: Service, database: Database) -> None:
    """A cursor from beyond the end, after an older copy was restored, is refused: 409."""
    post(database, make_source(database), model())
    wait_for_feed(database)
    answer = service.ask("GET", "changes?since=seq-1000", service.reader)
    as_file = service.ask("GET", "changes.csv?since=seq-1000", service.reader)

    assert (answer.status_code, answer.json()["code"]) == (409, "cursor_ahead")
    assert (as_file.status_code, as_file.json()["code"]) == (409, "cursor_ahead")


def test_changes_kind_unknown(service: Service) -> None:
    """A kind that does not exist would find nothing for ever: the nearest one is named."""
    answer = service.ask("GET", "changes?kind=model,versoin", service.reader)

    assert answer.status_code == 422
    (problem,) = answer.json()["errors"]
    assert (problem["pointer"], problem["message"]) == (
        "?kind", "is no kind of change; did you mean version?",
    )  # fmt: skip


def test_changes_passed_over(service: Service, database: Database) -> None:
    """Where nothing matches, the cursor still goes on: what was passed over is not read again."""
    post(database, make_source(database), model(), version(1))
    wait_for_feed(database)
    every = service.get("changes")

    assert service.get("changes", kind="build") == {"items": [], "next": every["next"]}


def test_changes_statements(service: Service, database: Database, statements: Statements) -> None:
    """A page costs the same statements, however long it is and wherever it begins."""
    source = make_source(database)
    post(database, source, *(model(f"m{number}") for number in range(30)))
    wait_for_feed(database)
    every = service.get("changes")["items"]
    begun = {"since": every[-1]["recorded_at"]}
    then = {"since": every[20]["cursor"]}
    asked: list[dict[str, str]] = [{}, {"page_size": "1"}, begun, {"kind": "model"}, then]
    counts = []
    for parameters in asked:
        with statements() as said:
            service.get("changes", **parameters)
        counts.append(len(said))

    assert counts == [CHECKED + 2] * len(asked)


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
    seen, cursor, done = [], "seq-0", False
    while not done:
        done = not any(writer.is_alive() for writer in writers)
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
