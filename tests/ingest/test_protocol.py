"""The ingest protocol over HTTP: opening, leases, closing, cursors, caps, and hostile batches."""

import json
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from schemas.observation import parse_observation
from service.db import Database
from tests.support.catalog import make_source, model, rows, version
from tests.support.harvester import Ask, Harvester, make_token


def expire(database: Database) -> None:
    """End every lease."""
    with database.writing() as session:
        session.execute(sa.text("UPDATE harvest SET lease_until = now() - interval '1 s'"))


def sighting(document: Any) -> Any:
    """What a sweep says of an observation first."""
    return {"subject": document["subject"], "digest": parse_observation(document).digest()}


def refused(answer: tuple[int, Any]) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer[0], answer[1]["code"]


def test_protocol_whole_harvest(harvester: Harvester) -> None:
    """Open, sight, send what is wanted, close: the report says what was done."""
    harvest = uuid7()
    status, opened = harvester.open(harvest)
    assert (status, opened["harvest"], opened["cursor"], opened["ever_seen"]) == (
        201, str(harvest), None, False,
    )  # fmt: skip
    assert opened["limits"] == {"observations": 1_000, "sightings": 5_000, "bytes": 8_388_608}

    said = [model(), version(1), version(2)]
    assert harvester.sight(harvest, *map(sighting, said)) == (200, {"wanted": [0, 1, 2]})
    assert harvester.send(harvest, *said) == (
        200, {"recorded": 3, "unchanged": 0, "refused": [], "ahead": 0},
    )  # fmt: skip
    assert harvester.sight(harvest, *map(sighting, said)) == (200, {"wanted": []})
    assert harvester.get(f"/harvests/{harvest}/unseen") == (
        200, {"subjects": [], "next_page_token": None},
    )  # fmt: skip
    status, report = harvester.close(harvest, cursor="c1", counts={"excluded": 2})
    figures = ("outcome", "seen", "created", "changed", "unchanged", "unseen", "retired", "counts")
    assert (status, [report[name] for name in figures]) == (
        200, ["complete", 3, 3, 0, 0, 0, 0, {"excluded": 2}],
    )  # fmt: skip
    assert harvester.open()[1]["cursor"] == "c1"


def test_open_again(harvester: Harvester) -> None:
    """The same id answers the same 201; as another harvest it is refused."""
    harvest = uuid7()
    first = harvester.open(harvest)

    assert first[0] == 201
    assert harvester.open(harvest) == first
    for other in ({"scope": "other"}, {"coverage": "delta"}, {"query": "?dry_run=true"}):
        assert refused(harvester.open(harvest, **other)) == (409, "harvest_id_taken")


def test_open_id_not_time_ordered(harvester: Harvester) -> None:
    """An id that is no UUIDv7 is refused with its place."""
    status, problem = harvester.open(uuid4())

    assert (status, problem["errors"][0]["pointer"]) == (422, "/harvest")


def test_open_while_running(harvester: Harvester) -> None:
    """A second harvest of the scope is told who holds the lease and until when; HARV-18."""
    running = uuid7()
    lease = harvester.open(running)[1]["lease_until"]
    status, problem = harvester.open()

    assert (status, problem["code"]) == (409, "harvest_running")
    assert f"Harvest {running} holds the lease until {lease}." in problem["detail"]
    assert harvester.open(scope="another")[0] == 201
    assert harvester.open(query="?dry_run=true")[0] == 201


def test_lease_over(harvester: Harvester, database: Database) -> None:
    """After the lease's end every request of the old harvest is 409, also behind a new one.

    HARV-19: a paused process cannot commit late.
    """
    old = uuid7()
    harvester.open(old)
    harvester.send(old, model())
    expire(database)
    late: list[Ask] = [
        lambda: harvester.open(old),
        lambda: harvester.sight(old, sighting(model())),
        lambda: harvester.send(old, version(1)),
        lambda: harvester.get(f"/harvests/{old}/unseen"),
        lambda: harvester.get(f"/harvests/{old}/known"),
        lambda: harvester.beat(old),
        lambda: harvester.close(old, cursor="late"),
    ]

    assert {refused(request()) for request in late} == {(409, "harvest_over")}
    assert harvester.open()[0] == 201
    assert {refused(request()) for request in late} == {(409, "harvest_over")}
    assert rows(database, "SELECT outcome FROM harvest WHERE closed_at IS NOT NULL") == [
        ("failed",)
    ]
    assert rows(database, "SELECT count(*) FROM seen") == [(0,)]
    assert rows(database, "SELECT full_cursor FROM scope") == [(None,)]


def test_lease_extended(harvester: Harvester, database: Database) -> None:
    """Every request of a harvest extends its lease."""
    harvest = uuid7()
    harvester.open(harvest)
    beats: list[Ask] = [
        lambda: harvester.beat(harvest),
        lambda: harvester.sight(harvest, sighting(model())),
        lambda: harvester.send(harvest, model()),
        lambda: harvester.get(f"/harvests/{harvest}/unseen"),
        lambda: harvester.get(f"/harvests/{harvest}/known"),
    ]
    for beat in beats:
        with database.writing() as session:
            session.execute(sa.text("UPDATE harvest SET lease_until = now() + interval '9 s'"))
        assert beat()[0] == 200
        assert rows(
            database, "SELECT lease_until > now() + interval '4 min' FROM harvest"
        ) == [(True,)]  # fmt: skip


def test_harvest_of_another_source(harvester: Harvester, database: Database) -> None:
    """Another source's harvest does not exist for a token, nor its name; AUTHZ-10."""
    make_source(database, "mlflow-other")
    token = make_token(database, "mlflow-other")
    other = Harvester(harvester.client, token, "mlflow-prod")
    harvest = uuid7()
    harvester.open(harvest)

    assert refused(other.beat(harvest)) == (404, "harvest_not_found")
    assert refused(other.close(harvest)) == (404, "harvest_not_found")
    assert refused(other.open()) == (403, "foreign_source")
    assert refused(other.push(model())) == (403, "foreign_source")
    other.source = "mlflow-other"
    assert refused(other.open(harvest)) == (409, "harvest_id_taken")


def test_close_again(harvester: Harvester) -> None:
    """A repeated close answers its stored report, whatever it asks the second time."""
    harvest = uuid7()
    harvester.open(harvest)
    harvester.send(harvest, model())
    first = harvester.close(harvest, cursor="c1")

    assert first[0] == 200
    assert harvester.close(harvest, cursor="c2") == first
    assert harvester.close(harvest, outcome="failed") == first
    assert refused(harvester.beat(harvest)) == (409, "harvest_over")
    assert harvester.open()[1]["cursor"] == "c1"


def test_close_failed(harvester: Harvester, admin: Harvester) -> None:
    """A failed harvest keeps the cursor; its error is masked and shown; LEAK-06."""
    harvester.open(done := uuid7())
    harvester.send(done, model())
    harvester.close(done, cursor="c1")
    harvester.open(broken := uuid7())
    secret = "ghp_" + "a1B2" * 9
    skipped = [{"code": "forbidden", "message": f"https://x:{secret}@host said no"}]
    report = harvester.close(broken, "failed", cursor="c2", error=secret, skipped=skipped)[1]

    assert (report["outcome"], report["retired"]) == ("failed", 0)
    assert secret not in json.dumps(report)
    assert harvester.open()[1]["cursor"] == "c1"
    assert secret not in json.dumps(admin.get("/sources/mlflow-prod/harvests")[1])


def test_close_cursor_with_report(harvester: Harvester, owner_database: Database) -> None:
    """The cursor is stored in the transaction that stores the report: neither without the other."""
    harvester.open(harvest := uuid7())
    harvester.send(harvest, model())
    with owner_database.writing() as session:
        session.execute(sa.text("ALTER TABLE harvest ADD CHECK (report IS NULL)"))
    assert refused(harvester.close(harvest, cursor="c1")) == (500, "catalog_error")
    assert rows(owner_database, "SELECT full_cursor, full_closed_at FROM scope") == [(None, None)]


def test_close_cursors_by_coverage(harvester: Harvester) -> None:
    """Each (scope, coverage) has a cursor of its own; a close without one leaves it alone."""
    for coverage, cursor in (("full", "f1"), ("delta", "d1"), ("full", None), ("delta", None)):
        harvester.open(harvest := uuid7(), coverage=coverage)
        harvester.send(harvest, model())
        harvester.close(harvest, cursor=cursor)

    assert harvester.open(coverage="full")[1]["cursor"] == "f1"
    assert harvester.get("/sources/mlflow-prod")[1]["scopes"][0]["delta_cursor"] == "d1"


def test_close_longest(harvester: Harvester, admin: Harvester) -> None:
    """A cursor of 64 KiB and 10,000 skipped records are kept; more is refused."""
    skipped = [{"code": "unreadable", "message": f"record {n}"} for n in range(10_000)]
    cursor = "x" * 65_536
    harvester.open(harvest := uuid7())
    harvester.send(harvest, model())
    assert harvester.close(harvest, cursor=cursor + "x")[0] == 422
    assert harvester.close(harvest, skipped=[*skipped, skipped[0]])[0] == 422
    status, report = harvester.close(harvest, cursor=cursor, skipped=skipped)

    assert (status, len(report["skipped"])) == (200, 10_000)
    assert harvester.open()[1]["cursor"] == cursor
    listed = admin.get("/sources/mlflow-prod/harvests")[1]["items"]
    whole = admin.get(f"/harvests/{harvest}")[1]
    assert [len(one["report"]["skipped"]) for one in (listed[1], whole)] == [10, 10_000]


def test_harvests_listed(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """A harvest whose lease is over shows as failed, before anybody opens the next."""
    harvester.open(uuid7())
    (running,) = admin.get("/sources/mlflow-prod/harvests")[1]["items"]
    expire(database)
    (over,) = admin.get("/sources/mlflow-prod/harvests")[1]["items"]

    assert (running["outcome"], running["closed_at"]) == (None, None)
    assert (over["outcome"], over["closed_at"] is None) == ("failed", False)
