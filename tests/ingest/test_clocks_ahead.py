"""Clocks ahead of ours: what they say is kept, counted, and current no longer than it may be."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
import sqlalchemy as sa

from schemas.strict import instant_text
from service.db import Database
from tests.support.catalog import Sweep, gone, make_source, model, post, rows, written

SHOWN = "SELECT description FROM model"


def moment(seconds: float = 0) -> str:
    """A moment that many seconds from now."""
    return instant_text(datetime.now(UTC) + timedelta(seconds=seconds))


def ten_days_ahead(text: str = "future", more: int = 0) -> Any:
    """What a harvester says whose clock is ten days ahead."""
    return model(at=moment(864_000 + more), description=text)


def test_ahead_does_not_win_for_ever(database: Database) -> None:
    """A real statement that comes later outranks one from the future, and it stays so."""
    source = make_source(database)
    future = ten_days_ahead()
    assert post(database, source, future).ahead == 1
    assert rows(database, SHOWN) == [("future",)]

    assert post(database, source, model(at=moment(), description="real")).ahead == 0
    for _ in range(2):
        assert post(database, source, future).recorded == 0  # repeated: it is as old as it was

    assert rows(database, SHOWN) == [("real",)]
    assert rows(database, "SELECT count(*) FROM observation") == [(2,)]


def test_ahead_confirming_is_no_second_word(database: Database) -> None:
    """A future statement that agreed with what was current does not come back when repeated."""
    source = make_source(database)
    post(database, source, model(at=moment(-60), description="A"))
    future = ten_days_ahead("A")
    post(database, source, future)
    post(database, source, model(at=moment(), description="B"))
    post(database, source, future)

    assert rows(database, SHOWN) == [("B",)]


def test_ahead_repeated_writes_nothing(database: Database) -> None:
    """Said again, it is unchanged: no row of any table moves."""
    source = make_source(database)
    future = ten_days_ahead()
    post(database, source, future)
    before = written(database)
    for _ in range(3):
        receipt = post(database, source, future)
        assert (receipt.recorded, receipt.unchanged, receipt.ahead) == (0, 1, 0)

    assert written(database) == before


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_ahead_in_any_order(database: Database, order: tuple[int, ...]) -> None:
    """What was observed before the future statement was recorded loses to it, in any order.

    What is observed after that wins: A, B and A again end at A.
    """
    source = make_source(database)
    said = [
        model(at=moment(-120), description="A"), model(at=moment(-60), description="B"),
        ten_days_ahead("future"),
    ]  # fmt: skip
    for index in (*order, *order):
        post(database, source, said[index])
    assert rows(database, SHOWN) == [("future",)]

    for text in ("A", "B", "A"):
        post(database, source, model(at=moment(), description=text))
        post(database, source, said[2])
    assert rows(database, SHOWN) == [("A",)]


@pytest.mark.parametrize("turned", [False, True])
def test_ahead_between_sources(database: Database, *, turned: bool) -> None:
    """Of two sources of equal rank, the one with the fast clock does not win for ever."""
    one, other = make_source(database), make_source(database, "mlflow-other")
    if turned:
        one, other = other, one
    future = model(source=one.name, at=moment(864_000), description="future")
    post(database, one, future)
    post(database, other, model(source=other.name, at=moment(), description="real"))
    post(database, one, future)

    assert rows(database, SHOWN) == [("real",)]
    assert rows(database, "SELECT conflicts FROM model") == [(["description"],)]


def test_ahead_gone(database: Database) -> None:
    """A future word that something is gone does not outlast its being shown again."""
    source = make_source(database)
    post(database, source, model(at=moment(-60)))
    late = gone(model(), moment(864_000))
    post(database, source, late)
    assert rows(database, "SELECT gone_since IS NULL FROM entry") == [(False,)]

    post(database, source, model(at=moment()))
    post(database, source, late)
    assert rows(database, "SELECT gone_since IS NULL FROM entry") == [(True,)]


def test_ahead_is_told(database: Database) -> None:
    """The report of a harvest counts them; a few seconds are nobody's business."""
    source = make_source(database)
    sweep = Sweep(database, source)
    receipt = sweep.send(ten_days_ahead(), model("fraud", at=moment(20)), model("other"))
    report = sweep.close()

    assert (receipt.recorded, receipt.ahead, report.ahead) == (3, 1, 1)


def test_ahead_time_has_come(database: Database) -> None:
    """Repeated when its time has come, a statement is as old as it was."""
    source = make_source(database)
    future = model(at=moment(-60), description="future")
    post(database, source, future)
    with database.writing() as session:  # as if it had been recorded a day before its time
        session.execute(sa.text("UPDATE sighting SET effective_at = observed_at - interval '1 d'"))
    post(database, source, model(at=moment(-3_600), description="real"))
    post(database, source, future)

    assert rows(database, SHOWN) == [("real",)]
