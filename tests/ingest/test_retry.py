"""Refused records are tried again when who reads or judges them is another, or a person says so."""

from typing import Any

import pytest
import sqlalchemy as sa
from uuid_utils.compat import uuid7

from schemas.identifiers import Identifier
from service.db import Database
from service.ingest import retry
from service.ingest.ingest import record_batch
from service.ingest.sources import SourceFacts, get_source
from service.ledger.change import Actor, Cause
from service.operation.jobs import run_jobs
from tests.support.catalog import (
    Sweep,
    changes,
    gone,
    last_change,
    make_source,
    model,
    post,
    rows,
    written,
)
from tests.support.harvester import Harvester

EARLY, LATE = "2026-11-20T10:00:00Z", "2026-11-20T14:00:00Z"
STATES = "SELECT subject, code, resolution FROM quarantine ORDER BY id"
FOREIGN = {"namespace": "wholesale", "name": "churn", "description": "refused"}


def foreign(name: str = "churn", at: str = EARLY) -> Any:
    """A model in a namespace that its source may not name."""
    return model(name, at=at) | {"facts": FOREIGN | {"name": name}}


def allow(database: Database) -> SourceFacts:
    """An admin adds the namespace."""
    return make_source(database, may_name=["retail", "wholesale"])


def outdate(database: Database) -> None:
    """What may be stated was another thing when they were refused."""
    with database.writing() as session:
        session.execute(sa.text("UPDATE quarantine SET facts_version = 1"))


def tried(database: Database) -> int:
    """What the periodic job tried."""
    return run_jobs(database, training_run_days=None)["refused_retried"]


def ask(admin: Harvester, path: str) -> tuple[int, Any]:
    """Ask for a retry, with a reason."""
    return admin.post(f"/quarantine{path}", {"reason": "it may be named now"})


def test_retry_by_contract(database: Database) -> None:
    """The job tries each once when the contract is another: one is recorded, one stays refused."""
    source = make_source(database)
    unknown = model("bad") | {"facts": {"namespace": "retail", "name": "bad", "nonsense": 1}}
    post(database, source, foreign(), unknown)
    allow(database)
    assert tried(database) == 0
    outdate(database)
    after = last_change(database)

    assert (tried(database), tried(database)) == (2, 0)
    assert rows(database, STATES) == [
        ("model:mlflow:mlflow-prod/default/churn", "namespace_not_allowed", "retried"),
        ("model:mlflow:mlflow-prod/default/bad", "unknown_fact", None),
    ]  # fmt: skip
    assert rows(database, "SELECT times FROM quarantine") == [(1,), (1,)]
    assert rows(database, "SELECT natural_key FROM entry") == [("wholesale/churn",)]
    told = [(c["op"], c["actor"]["id"], c["source"]) for c in changes(database, after)]
    assert ("create", "retry", "mlflow-prod") in told


def test_retry_does_not_overtake(
    harvester: Harvester, admin: Harvester, database: Database
) -> None:
    """What is tried again is as old as it was: a later statement stays current."""
    del harvester
    source = make_source(database)
    post(database, source, foreign(at=EARLY))
    (item,) = admin.get("/quarantine")[1]["items"]
    source = allow(database)
    late = model("churn", at=LATE) | {"facts": FOREIGN | {"description": "current"}}
    with database.writing() as session:  # its own good observation would have settled it
        session.execute(sa.text("UPDATE quarantine SET resolved_at = now()"))
    post(database, source, late)
    with database.writing() as session:
        session.execute(sa.text("UPDATE quarantine SET resolved_at = NULL, resolution = NULL"))

    status, done = ask(admin, f"/{item['id']}:retry")

    assert (status, done["resolution"], done["reason"]) == (200, "retried", "it may be named now")
    assert rows(database, "SELECT description FROM model") == [("current",)]
    assert rows(database, "SELECT count(*) FROM observation") == [(2,)]
    assert ask(admin, f"/{item['id']}:retry")[1]["code"] == "already_resolved"


def test_retry_settles_no_other(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """That an older record is taken says nothing of a newer one about the same subject."""
    del harvester
    source = make_source(database)
    post(database, source, foreign())
    newer = model("churn", at=LATE) | {"facts": FOREIGN | {"nonsense": 1}}
    post(database, source, newer)
    allow(database)
    first = rows(database, "SELECT min(id) FROM quarantine")[0][0]

    assert ask(admin, f"/{first}:retry")[1]["resolution"] == "retried"
    assert [code for _, code, done in rows(database, STATES) if done is None] == ["unknown_fact"]


def test_retry_refused_again(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """Refused for another reason it stays with that; what stands there twice is kept once."""
    del harvester
    source = make_source(database)
    post(database, source, foreign())
    post(database, source, model("churn") | {"facts": FOREIGN | {"nonsense": 1}})
    with database.writing() as session:  # as if an older release had given another reason
        session.execute(sa.text("UPDATE quarantine SET code = 'old', digest = 'old' WHERE id = 1"))

    assert ask(admin, "/1:retry")[1]["code"] == "namespace_not_allowed"
    with database.writing() as session:
        session.execute(sa.text("UPDATE quarantine SET digest = 'old' WHERE id = 1"))
        session.execute(sa.text("UPDATE quarantine SET payload = (SELECT payload FROM quarantine "
                                "WHERE id = 2) WHERE id = 1"))  # fmt: skip
    assert ask(admin, "/1:retry")[1]["resolution"] == "superseded"
    assert [done for *_, done in rows(database, STATES)] == ["superseded", None]


def test_retry_not_whole(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """What was cut or masked, or says gone, is never sent on; nor what is no record at all."""
    harvester.push(
        foreign() | {"facts": FOREIGN | {"description": "x" * 70_000}},
        foreign("other") | {"facts": FOREIGN | {"description": "key AKIAABCDEFGHIJKLMNOP"}},
        gone(foreign("gone"), EARLY) | {"nonsense": 1},
        7,
    )
    items = admin.get("/quarantine")[1]["items"]
    before = written(database)

    assert [one["retriable"] for one in items] == [False] * 4
    assert {ask(admin, f"/{one['id']}:retry")[1]["code"] for one in items} == {"not_retriable"}
    assert ask(admin, ":retry?source=mlflow-prod")[1] == {
        "tried": 0, "recorded": 0, "refused": 0, "next": None,
    }  # fmt: skip
    outdate(database)
    assert tried(database) == 0
    assert written(database) == before


def test_retry_many(
    harvester: Harvester,
    admin: Harvester,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of a source with a code, so many a request."""
    monkeypatch.setattr(retry, "MOST", 2)
    bad = model("bad") | {"facts": {"namespace": "retail", "name": "bad", "nonsense": 1}}
    harvester.push(*(foreign(f"m{number}") for number in range(5)), bad)
    allow(database)
    path, answers = ":retry?source=mlflow-prod&code=namespace_not_allowed", list[Any]()
    assert ask(admin, f"{path}&dry_run=true")[1]["recorded"] == 2
    while not answers or answers[-1]["next"]:
        after = answers[-1]["next"] if answers else 0
        answers.append(ask(admin, f"{path}&after={after}")[1])

    assert [(one["tried"], one["recorded"]) for one in answers] == [(2, 2), (2, 2), (1, 1)]
    assert [code for _, code, done in rows(database, STATES) if done is None] == ["unknown_fact"]
    told = [c["reason"] for c in changes(database) if c["op"] == "retry"]
    assert told == ["it may be named now"] * 3
    assert ask(admin, ":retry?source=nobody")[1]["code"] == "source_not_found"
    make_source(database, enabled=False)
    assert ask(admin, ":retry?source=mlflow-prod")[1]["code"] == "source_disabled"


def test_retry_by_harvester(harvester: Harvester, database: Database) -> None:
    """Another version of the harvester of a scope: what an older one sent is tried, once."""
    sweep = Sweep(database, make_source(database))
    sweep.send(foreign())
    sweep.close()
    allow(database)

    def opened(version: str, scope: str = "registry/default") -> list[Any]:
        asked = {"scope": scope, "coverage": "full", "harvester_version": version}
        harvest = uuid7()
        path = "/sources/mlflow-prod/harvests"
        assert harvester.post(path, asked | {"harvest": str(harvest)})[0] == 201
        harvester.close(harvest)
        return rows(database, "SELECT resolution FROM quarantine")

    assert opened("tests") == [(None,)]
    assert opened("2.0", "registry/other") == [(None,)]
    assert opened("2.0") == [("retried",)]


def test_retry_of_subjects(database: Database) -> None:
    """After a decision: what was refused about some subjects is tried at once."""
    source = make_source(database)
    post(database, source, foreign(), foreign("other"))
    allow(database)
    asked = [Identifier.model_validate(foreign()["subject"])]
    cause = Cause(Actor("person", "admin"), source.name, reason="decided")

    done = database.transact(
        lambda session: retry.retry_refused(
            session, get_source(session, source.name), subjects=asked, cause=cause
        )
    )

    assert (done.tried, done.recorded) == (1, 1)
    assert [done for *_, done in rows(database, STATES)] == ["retried", None]


def test_drop_refused(harvester: Harvester, admin: Harvester, database: Database) -> None:
    """A dropped record is forgotten, until its source sends it again."""
    harvester.push(foreign())
    status, item = admin.post("/quarantine/1:drop", {"reason": "a test"})
    assert (status, item["resolution"], item["reason"]) == (200, "dropped", "a test")
    allow(database)
    outdate(database)
    assert tried(database) == 0
    assert ask(admin, "/1:retry")[1]["code"] == "already_resolved"
    make_source(database)
    harvester.push(foreign())
    (again,) = admin.get("/quarantine")[1]["items"]
    assert (again["id"], again["times"], again["resolution"], again["reason"]) == (1, 2, None, None)


def test_drop_while_retried(database: Database) -> None:
    """Dropped while it is tried again: nothing of it is recorded."""
    source = make_source(database)
    post(database, source, foreign(), foreign("other"))
    allow(database)
    outdate(database)
    dropped: list[int] = []

    def drops(session: Any, documents: Any, **options: Any) -> Any:
        if not dropped:
            dropped.append(1)
            with database.writing() as other:
                other.execute(
                    sa.text(
                        "UPDATE quarantine SET resolved_at = now(), resolution = 'dropped' "
                        "WHERE subject LIKE '%churn'"
                    )
                )
        return record_batch(session, documents, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("service.ingest.retry.record_batch", drops)
        assert database.transact(retry.retry_outdated) == 1

    assert sorted(done for *_, done in rows(database, STATES)) == ["dropped", "retried"]
    assert rows(database, "SELECT natural_key FROM entry") == [("wholesale/other",)]
