"""Statements that come late, too early, unreadable, or all at once saying that things are gone."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas.strict import instant_text
from service.db import Database
from service.ingest.ingest import PushImplausible, push_batch
from service.ledger.change import Actor, Cause
from tests.support.catalog import Sweep, gone, make_source, model, post, rows

OLD, OLDER = "2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z"


def ahead(seconds: int) -> str:
    """A moment that a clock ahead of ours would say."""
    return instant_text(datetime.now(UTC) + timedelta(seconds=seconds))


@pytest.mark.parametrize("when", ["before it closes", "after it closed"])
def test_push_older_than_a_harvest_saw(database: Database, when: str) -> None:
    """What a full harvest has just seen is newer than an old push, also before it closes."""
    source = make_source(database)
    post(database, source, model(at=OLDER, description="A"))
    sweep = Sweep(database, source)
    assert sweep.sweep(model(at=OLDER, description="A")) == 0

    if when == "after it closed":
        sweep.close()
    post(database, source, model(at=OLD, description="B"))
    if when == "before it closes":
        sweep.close()

    assert rows(database, "SELECT description FROM model") == [("A",)]
    assert rows(database, "SELECT count(*) FROM observation") == [(2,)]


def test_push_older_than_a_harvest_has_not_seen(database: Database) -> None:
    """A harvest that is under way and has not seen the subject decides nothing about it."""
    source = make_source(database)
    post(database, source, model(at=OLDER, description="A"))
    sweep = Sweep(database, source)
    sweep.sweep(model("fraud"))

    post(database, source, model(at=OLD, description="B"))

    found = rows(database, "SELECT description FROM model WHERE name = 'churn'")
    assert found == [("B",)]


@pytest.mark.parametrize("turned", [False, True])
def test_batch_two_ahead_of_our_clock(database: Database, *, turned: bool) -> None:
    """Of two statements from a clock ahead of ours the later one is current, in any order."""
    source = make_source(database)
    said = [model(at=ahead(3_600), description="A"), model(at=ahead(3_601), description="B")]

    post(database, source, *(reversed(said) if turned else said))

    assert rows(database, "SELECT description FROM model") == [("B",)]


def test_harvest_refused_is_not_missed(database: Database) -> None:
    """A subject whose record is refused is there: nothing counts it as not seen."""
    source = make_source(database, absences=1)
    first = Sweep(database, source)
    first.sweep(model(), model("fraud"))
    first.close()
    bad = model("fraud") | {"facts": {"namespace": "retail", "name": "fraud", "nonsense": 1}}

    again = Sweep(database, source)
    again.sweep(model())
    assert [refused.code for refused in again.send(bad).refused] == ["unknown_fact"]
    report = again.close()

    assert (report.unseen, report.refused, report.seen) == (0, 1, 2)
    assert rows(database, "SELECT count(*) FROM absence") == [(0,)]


def test_push_gone_in_bulk(database: Database) -> None:
    """One push does not retire more than a fifth and more than ten of what its source shows."""
    source = make_source(database)
    things = [model(f"m{number}") for number in range(40)]
    post(database, source, *things)
    cause = Cause(Actor("source", source.name), source.name)
    said = [gone(one, ahead(0)) for one in things]

    with pytest.raises(PushImplausible):
        database.transact(
            lambda session: push_batch(session, source, documents=said[:11], cause=cause)
        )
    database.transact(lambda session: push_batch(session, source, documents=said[:8], cause=cause))

    assert rows(database, "SELECT count(*) FROM entry WHERE gone_since IS NOT NULL") == [(8,)]
