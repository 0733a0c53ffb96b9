"""Who seals: the thread beside the API and the worker, and the rights of its role."""

import threading
import time
from typing import Final

import pytest
import sqlalchemy as sa

from service.db import Database, RightMissing
from service.ledger.notes import Keys
from service.ledger.sealer import Sealer
from service.ledger.sealing import seal
from tests.ledger.conftest import Forge, Write
from tests.support.catalog import rows
from tests.support.http import logged
from tests.support.sealing import LEAVES, NOW, check_sealed, count_of

ROOT: Final = "UPDATE ledger_checkpoint SET root = sha256('x')"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger_leaf (seq, change_id, leaf) VALUES (1, 1, sha256('x'))",
        "INSERT INTO ledger_tile (level, index, hashes) VALUES (0, 0, 'x')",
        "INSERT INTO ledger_checkpoint (size, root, note) VALUES (1, sha256('x'), 'x')",
        "UPDATE ledger_leaf SET seq = 2",
        "DELETE FROM ledger_checkpoint",
        "TRUNCATE ledger_tile",
    ],
)
def test_service_does_not_seal(database: Database, write: Write, statement: str) -> None:
    """AUD-06: the service reads the sealed order and writes none of it."""
    write(1)

    with pytest.raises(RightMissing), database.writing() as session:
        session.execute(sa.text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO change (canon, kind) VALUES ('{}', 'model')",
        "UPDATE change SET canon = ''",
        "DELETE FROM change",
        "UPDATE ledger_leaf SET leaf = sha256('x')",
        "DELETE FROM ledger_leaf",
        "TRUNCATE ledger_leaf",
        "DELETE FROM ledger_tile",
        "UPDATE ledger_checkpoint SET note = ''",
        "INSERT INTO ledger_checkpoint VALUES (9, sha256('x'), 'epoch', 'x')",
        "SELECT count(*) FROM model",
        "SELECT count(*) FROM token",
    ],
)
def test_sealer_only_seals(sealer: Database, write: Write, statement: str) -> None:
    """Whoever seals reads changes and appends to the tree; nothing else of the catalog."""
    write(1)
    seal(sealer, keys=Keys(), every=NOW)

    with pytest.raises(RightMissing), sealer.writing() as session:
        session.execute(sa.text(statement))


def test_seal_without_the_right(database: Database, write: Write) -> None:
    """A login that may not become the sealer cannot seal, and changes nothing."""
    write(1)

    with pytest.raises(RightMissing):
        seal(database, keys=Keys())
    assert rows(database, LEAVES) == []


def test_seal_single_role(owner_database: Database, write: Write) -> None:
    """In single-role mode the login seals by itself."""
    write(2)

    assert seal(owner_database, keys=Keys(), every=NOW) == 2
    check_sealed(owner_database)


def test_sealer_runs(database: Database, write: Write) -> None:
    """The thread seals what comes, and ends when it is told to."""
    before = threading.active_count()
    with Sealer(database, Keys()):
        for _ in range(3):
            write(1)
            while count_of(database):
                time.sleep(0.01)

    assert threading.active_count() == before
    check_sealed(database)


def test_sealer_outage(database: Database, write: Write) -> None:
    """What fails is said once however often it is tried; then it says that it goes on."""
    sealer = Sealer(database, Keys())
    broken = Database("postgresql://catalog@127.0.0.1:1/catalog", pool=1)
    sealer.database, real = broken, sealer.database
    write(1)
    with logged() as events:
        waits = [sealer.turn() for _ in range(3)]
        sealer.database = real
        after = sealer.turn()
        sealer.turn()
    broken.dispose()
    real.dispose()

    assert waits == sorted(set(waits))
    assert after < waits[-1]
    assert [(one["event"], one["level"]) for one in events] == [
        ("sealing_fails", "error"), ("sealing_goes_on", "info"),
    ]  # fmt: skip
    assert events[0]["code"] == "database_unavailable"
    check_sealed(database)


def test_sealer_differs(database: Database, sealer: Database, write: Write, forge: Forge) -> None:
    """A changed tree stops it with one line in the log; it looks again after a while."""
    write(1)
    seal(sealer, keys=Keys(), every=NOW)
    forge(ROOT)
    runs = Sealer(database, Keys())
    write(1)
    with logged() as events:
        waits = [runs.turn(), runs.turn()]
    runs.database.dispose()

    assert min(waits) > 10
    assert [one["code"] for one in events] == ["ledger_differs"]
    assert count_of(database) == 1


def test_sealer_read_only(database: Database, owner_database: Database, write: Write) -> None:
    """A database that takes no writes is said once, however often it is tried."""
    write(1)
    name = database.url.database
    with owner_database.writing() as session:
        session.execute(
            sa.text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = true')
        )
    runs = Sealer(database, Keys())
    with logged() as events:
        waits = [runs.turn() for _ in range(3)]
    runs.database.dispose()

    assert waits == sorted(set(waits))
    assert len(events) == 1
    assert events[0]["event"] == "sealing_fails"


def test_sealer_looks_at_all_again(
    database: Database, write: Write, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came in below the horizon, as from a copy restored under it, is found after a while."""
    runs = Sealer(database, Keys())
    write(1)
    runs.turn()
    forge("INSERT INTO change (canon, kind, xid) VALUES ('{\"kind\":\"source\"}', 'source', 3)")
    runs.turn()
    left = count_of(database)
    monkeypatch.setattr("service.ledger.sealer.LOOK_SECONDS", 0.0)
    runs.turn()
    runs.database.dispose()

    assert (left, count_of(database)) == (1, 0)
    check_sealed(database)
