"""Turns of the workers: shared, held, given back, and when a source is due."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest
import sqlalchemy as sa

from service.db import Database
from service.operation.turns import Turn, end_turn, hold_turns, take_turn
from tests.support.catalog import Sweep, make_source, model, rows

KINDS: Final = frozenset({"mlflow"})
TURNS_EARLIER: Final = """UPDATE turn SET held_until = held_until - CAST(:by AS interval),
  begun_at = begun_at - CAST(:by AS interval), ended_at = ended_at - CAST(:by AS interval)"""
SCOPES_EARLIER: Final = "UPDATE scope SET full_closed_at = full_closed_at - CAST(:by AS interval)"


def take(database: Database, worker: str = "one", **but: Any) -> str | None:
    """The name of the source whose turn it is."""
    turn = database.transact(lambda session: take_turn(session, worker, kinds=KINDS, **but))
    return turn.source if turn else None


def end(
    database: Database, code: int | None, worker: str = "one", name: str = "mlflow-prod"
) -> None:
    """Give a source back."""
    ((number,),) = rows(database, "SELECT id FROM source WHERE name = :name", name=name)
    database.transact(lambda session: end_turn(session, worker, source_id=number, exit_code=code))


def earlier(owner: Database, interval: str) -> None:
    """As if everything about turns had happened so much earlier."""
    with owner.writing() as session:
        for statement in (TURNS_EARLIER, SCOPES_EARLIER):
            session.execute(sa.text(statement), {"by": interval})


def test_turn_once(database: Database) -> None:
    """A source that one worker has is not given to another; nor what is pushed or disabled."""
    make_source(database)
    make_source(database, "pushed", kind="ci")
    make_source(database, "off", enabled=False)

    assert [take(database), take(database, "two")] == ["mlflow-prod", None]


def test_turn_side_by_side(database: Database) -> None:
    """Workers that ask at the same moment never get the same source."""
    for number in range(12):
        make_source(database, f"mlflow-{number}")

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda number: take(database, f"worker {number}"), range(24)))

    found = [name for name in taken if name]
    assert len(found) == len(set(found))
    while name := take(database, "last"):  # who met a lock had left it to the other
        found.append(name)
    assert sorted(found) == sorted(f"mlflow-{number}" for number in range(12))


def test_turn_due_after_interval(database: Database, owner_database: Database) -> None:
    """After a success it is due again when its interval is over, not before."""
    make_source(database, expected_interval=3_600)
    take(database)
    end(database, 0)

    assert take(database) is None
    earlier(owner_database, "59 min")
    assert take(database) is None
    earlier(owner_database, "2 min")
    assert take(database) == "mlflow-prod"


@pytest.mark.parametrize(("failures", "waits"), [(1, 1), (2, 2), (4, 8), (12, 60)])
def test_turn_backs_off(
    database: Database, owner_database: Database, failures: int, waits: int
) -> None:
    """After each failure in a row it waits twice as long, at most its interval."""
    make_source(database, expected_interval=3_600)
    for _ in range(failures):
        earlier(owner_database, "2 hours")
        assert take(database) == "mlflow-prod"
        end(database, 6)

    earlier(owner_database, f"{waits * 60 - 20} s")
    assert take(database) is None
    earlier(owner_database, "30 s")
    assert take(database) == "mlflow-prod"


def test_turn_harvested_by_others(database: Database, owner_database: Database) -> None:
    """What cron has read completely is not due before its interval is over."""
    source = make_source(database, expected_interval=3_600)
    sweep = Sweep(database, source)
    sweep.send(model())
    sweep.close()

    assert take(database) is None
    earlier(owner_database, "61 min")
    assert take(database) == "mlflow-prod"


def test_turn_of_a_dead_worker(database: Database, owner_database: Database) -> None:
    """A worker that does not hold on for a minute has died: another takes its source at once."""
    make_source(database)
    take(database)
    earlier(owner_database, "55 s")
    ((held,),) = rows(database, "SELECT source_id FROM turn")
    database.transact(lambda session: hold_turns(session, "one", sources=[held]))

    earlier(owner_database, "55 s")
    assert take(database, "two") is None
    earlier(owner_database, "10 s")
    assert take(database, "two") == "mlflow-prod"


def test_turn_given_back(database: Database) -> None:
    """A stopped harvest leaves its source due; somebody else's turn is not given back."""
    make_source(database)
    take(database)
    end(database, 0, worker="two")
    assert take(database) is None

    end(database, None)

    turn = database.transact(lambda session: take_turn(session, "two", kinds=KINDS))
    ((number,),) = rows(database, "SELECT id FROM source")
    assert turn == Turn(number, "mlflow-prod", None)
    assert take(database, but=[number]) is None
