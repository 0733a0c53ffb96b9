"""Sealing: every committed change gets one place, in an order that never changes afterwards."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from service.db import Database
from service.ledger import sealing
from service.ledger.notes import Keys, check, read_keys, read_note
from service.ledger.sealing import LedgerDiffers, seal, seal_some
from service.ledger.tree import hash_leaf
from tests.conftest import Statements
from tests.ledger.conftest import Forge, Write
from tests.support.catalog import rows
from tests.support.keys import private_pem
from tests.support.sealing import (
    CANON,
    CHECKPOINTS,
    LEAVES,
    NOW,
    TEXTS,
    WRITE,
    check_sealed,
    count_of,
    one_pass,
    open_transaction,
)


def test_seal_everything(database: Database, sealer: Database, write: Write) -> None:
    """All that is committed is sealed, in the order of its writing, once."""
    first = write(3)
    assert seal(sealer, keys=Keys(), every=NOW) == 3
    second = write(300)
    assert seal(sealer, keys=Keys(), every=NOW) == 300
    assert seal(sealer, keys=Keys(), every=NOW) == 0

    assert [one for _, one, _ in rows(database, LEAVES)] == first + second
    assert [size for size, *_ in rows(database, CHECKPOINTS)] == [3, 303]
    check_sealed(database)


def test_seal_in_parts(
    database: Database, sealer: Database, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pass takes a bounded number; a checkpoint is made when nothing waits any more."""
    monkeypatch.setattr(sealing, "MOST", 100)
    write(250)
    first = one_pass(sealer, None)
    between = rows(database, CHECKPOINTS)
    second = one_pass(sealer, first.state)
    third = one_pass(sealer, second.state)

    assert [(done.sealed, done.more) for done in (first, second, third)] == [
        (100, True), (100, True), (50, False),
    ]  # fmt: skip
    assert between == []
    check_sealed(database)
    assert [size for size, *_ in rows(database, CHECKPOINTS)] == [250]


def test_seal_late_commit(database: Database, sealer: Database, write: Write) -> None:
    """AUD-10: whoever began first and commits last is sealed last, by the same sealer."""
    with open_transaction(database) as insert:
        early = insert()
        later = write(2)
        done = one_pass(sealer, None)
        more = write(1)
        done = one_pass(sealer, done.state)
        assert count_of(database) == 0
    done = one_pass(sealer, done.state)

    assert done.sealed == 1
    assert [one for _, one, _ in rows(database, LEAVES)] == [*later, *more, early]
    check_sealed(database)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_seal_late_commit_in_parts(
    database: Database, sealer: Database, write: Write, monkeypatch: pytest.MonkeyPatch, passes: int
) -> None:
    """Whoever commits between two passes of a backlog, from before or within it, is not lost."""
    monkeypatch.setattr(sealing, "MOST", 100)
    state = None
    with open_transaction(database) as first:
        first()
        write(120)
        with open_transaction(database) as second:
            second()
            write(130)
            for _ in range(passes):
                state = one_pass(sealer, state).state
        state = one_pass(sealer, state).state
    for _ in range(4):
        state = one_pass(sealer, state).state

    assert count_of(database) == 0
    check_sealed(database)


def test_seal_rolled_back(database: Database, sealer: Database, write: Write) -> None:
    """What was rolled back leaves no place free."""
    write(1)
    with database.engine.connect() as connection:
        connection.execute(sa.text(WRITE), {"canon": CANON})
        connection.rollback()
    write(1)
    seal(sealer, keys=Keys())

    assert [one for _, one, _ in rows(database, LEAVES)] == [1, 3]
    check_sealed(database)


def test_seal_two_sealers(database: Database, sealer: Database, write: Write) -> None:
    """AUD-11: while one seals the other leaves it alone; in turns each goes on where it is."""
    write(1)
    with sealer.writing() as session:
        held = seal_some(session, None, keys=Keys())
        other = sealing.as_sealer(database)
        busy = one_pass(other, None)
        assert (held.sealed, busy) == (1, sealing.Pass(None, busy=True))
    one, two = held.state, None
    for count in (1, 300, 2, 5_001, 1):
        write(count)
        done = one_pass(sealer, one)
        one = done.state
        write(1)
        two = one_pass(other, two).state
    other.dispose()
    seal(sealer, keys=Keys())
    check_large(database)


def check_large(database: Database) -> None:
    """As `check_sealed`, for more than one level of tiles' worth of leaves."""
    texts, leaves = dict(rows(database, TEXTS)), rows(database, LEAVES)
    assert [seq for seq, *_ in leaves] == list(range(1, len(texts) + 1))
    assert {one: leaf for _, one, leaf in leaves} == {i: hash_leaf(t) for i, t in texts.items()}


def test_seal_killed(database: Database, sealer: Database, write: Write) -> None:
    """AUD-11: a sealer that dies before it commits leaves nothing; the next one seals it all."""
    write(300)

    def die(session: Session) -> None:
        seal_some(session, None, keys=Keys(), every=NOW)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sealer.transact(die)

    assert rows(database, LEAVES) == []
    assert seal(sealer, keys=Keys(), every=NOW) == 300
    check_sealed(database)


def test_seal_clock_goes_back(
    database: Database, sealer: Database, write: Write, forge: Forge
) -> None:
    """AUD-11: a checkpoint from the future does not end all checkpoints."""
    write(1)
    seal(sealer, keys=Keys(), every=NOW)
    forge("UPDATE ledger_checkpoint SET made_at = made_at + interval '1 year'")
    write(1)
    seal(sealer, keys=Keys())

    assert [size for size, *_ in rows(database, CHECKPOINTS)] == [1, 2]


def test_seal_checkpoints_are_rare(database: Database, sealer: Database, write: Write) -> None:
    """One in ten seconds at most; a later pass makes the one that is due, of what is there then."""
    state = None
    for _ in range(3):
        write(1)
        state = one_pass(sealer, state, sealing.EVERY).state
    young = [size for size, *_ in rows(database, CHECKPOINTS)]
    one_pass(sealer, state, NOW)
    one_pass(sealer, state, NOW)

    assert young == [1]
    assert [size for size, *_ in rows(database, CHECKPOINTS)] == [1, 3]
    check_sealed(database)


def test_seal_origin(database: Database, sealer: Database, write: Write) -> None:
    """The ledger's name is made once, with its first checkpoint."""
    for _ in range(2):
        write(1)
        seal(sealer, keys=Keys(), every=NOW)
    first, second = (read_note(note).origin for *_, note in rows(database, CHECKPOINTS))

    assert first == second
    assert first.startswith(sealing.ORIGIN)


def test_seal_signed(database: Database, sealer: Database, write: Write, tmp_path: Any) -> None:
    """With a key checkpoints are signed."""
    file = tmp_path / "key.pem"
    file.write_bytes(private_pem())
    keys = read_keys(str(file))
    write(1)
    seal(sealer, keys=keys, every=NOW)
    ((_, _, note),) = rows(database, CHECKPOINTS)

    assert check(read_note(note), keys.public) == (1, 0, 0)


def test_seal_empty(database: Database, sealer: Database) -> None:
    """Nothing is sealed where nothing was written."""
    assert seal(sealer, keys=Keys(), every=NOW) == 0
    assert rows(database, CHECKPOINTS) == []


DAMAGE = {
    "root": "UPDATE ledger_checkpoint SET root = sha256('x')",
    "leaf": "UPDATE ledger_leaf SET leaf = sha256('x') WHERE seq = 299",
    "tile": "UPDATE ledger_tile SET hashes = overlay(hashes placing sha256('x') from 1)",
    "no tile": "DELETE FROM ledger_tile",
    "shorter": "DELETE FROM ledger_leaf WHERE seq = 300",
    "note": "UPDATE ledger_checkpoint SET note = 'nothing'",
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
def test_seal_refuses_a_changed_tree(
    database: Database, sealer: Database, write: Write, forge: Forge, damage: str
) -> None:
    """At its start it compares the tree with its last checkpoint; nothing is sealed on top."""
    write(300)
    seal(sealer, keys=Keys(), every=NOW)
    forge(DAMAGE[damage])
    write(1)

    with pytest.raises(LedgerDiffers):
        seal(sealer, keys=Keys(), every=NOW)
    assert [size for size, *_ in rows(database, CHECKPOINTS)] == [300]
    assert count_of(database) >= 1


@pytest.mark.parametrize("seq", [2, 3])
def test_seal_notices_later(
    database: Database, sealer: Database, write: Write, forge: Forge, seq: int
) -> None:
    """A ledger that became shorter, or that has a gap ahead, is not written on by one that runs."""
    write(2)
    state = one_pass(sealer, None).state
    write(3)
    seal(sealer, keys=Keys())
    forge("DELETE FROM ledger_leaf WHERE seq = :seq OR seq >= :seq AND :seq < 3", seq=seq)

    with pytest.raises(LedgerDiffers):
        one_pass(sealer, state)
    del database


def test_seal_statements(sealer: Database, write: Write, statements: Statements) -> None:
    """A pass costs the same statements, whether it seals nothing or a thousand changes."""
    write(1)
    state = one_pass(sealer, None).state
    counts = []
    for count in (0, 1, 1_000, 0):
        if count:
            write(count)
        with statements() as said:
            state = one_pass(sealer, state, sealing.EVERY).state
        counts.append(len([one for one in said if "ledger_tile" not in one]))

    assert counts == [3, 4, 4, 4]  # the lock, others' leaves, sealing; is a checkpoint due?
