"""Names in contest, and many writers at once: everything ends as if one had spoken at a time."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from schemas.strict import instant_text
from service.db import Busy, Database
from service.ingest.sources import SourceFacts
from tests.support.catalog import Sweep, gone, make_source, model, post, rows, version
from tests.support.identity import settled

TURNS = 14


@pytest.mark.parametrize("together", [False, True])
def test_contested_name_is_not_lent(database: Database, *, together: bool) -> None:
    """A model that does not get its name gives none to its versions, in one batch or in two."""
    sources = {name: make_source(database, name) for name in ("sa", "sb")}
    first, second = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    at = "2026-11-21T12:00:00Z"
    post(database, sources["sa"], model(source="sa", created_at=first))
    post(database, sources["sb"], model(source="sb", created_at=second))
    last = (model(source="sa", at=at, created_at=second), version(2, source="sa", at=at))
    for batch in [last] if together else [[one] for one in last]:
        assert post(database, sources["sa"], *batch).refused == ()

    assert rows(
        database,
        "SELECT source.value, natural_key, replaced_by IS NULL FROM entry "
        "JOIN subject source ON source.entry_id = entry.id AND source.scheme = 'mlflow' ORDER BY 1",
    ) == [
        ("sa/default/churn", None, True),
        ("sa/default/churn/2", None, True),
        ("sb/default/churn", "retail/churn", True),
    ]
    settled(database)


def test_writers_rename_push_and_close_at_once(database: Database) -> None:
    """Six writers that rename, push, retire and close beside each other: no deadlock, no loss."""
    made = [make_source(database, f"mlflow-{name}") for name in "abc"] * 2
    failed: list[BaseException] = []
    writers = [
        threading.Thread(target=_write, args=(database, source, number, failed))
        for number, source in enumerate(made)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failed == []
    name = database.engine.url.database
    assert rows(database, "SELECT deadlocks FROM pg_stat_database WHERE datname = :n", n=name) == [
        (0,)
    ]
    settled(database)


def _write(
    database: Database, source: SourceFacts, number: int, failed: list[BaseException]
) -> None:
    """A few turns of one writer; it comes again while others are in the way, as clients do."""
    order = random.Random(number)  # noqa: S311  # an order
    try:
        for turn in range(TURNS):
            batch = [one for name in order.sample("xyz", 3) for one in _said(source, name, order)]
            if turn % 7 == number:
                _harvest(database, source, batch, scope=f"registry/{number}")
            else:
                _patiently(partial(post, database, source, *batch))
    except BaseException as error:  # noqa: BLE001  # shown by the test's own thread
        failed.append(error)


def _harvest(database: Database, source: SourceFacts, batch: list[Any], *, scope: str) -> None:
    sweep = Sweep(database, source, scope=scope)
    _patiently(partial(sweep.send, *batch))
    _patiently(sweep.close)


def _said(source: SourceFacts, name: str, order: random.Random) -> list[Any]:
    """A model under one of the names that all fight for, its versions; sometimes it is gone."""
    named = model(name, source=source.name, at=_now())
    named["facts"]["name"] = name + order.choice("pqr")
    if order.random() < 0.15:
        return [gone(named, _now())]
    numbers = order.sample(range(6), 3)
    said = [version(n, name, source=source.name, at=_now(), status=str(n)) for n in numbers]
    return [named, *said]


def _now() -> str:
    return instant_text(datetime.now(UTC))


def _patiently(work: Callable[[], Any]) -> None:
    for _ in range(40):
        try:
            work()
        except Busy:
            continue
        return
    raise AssertionError("never got through")
