"""A sealed ledger, step by step, and whether it is whole."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from service.db import Database
from service.ledger.notes import Keys, read_note
from service.ledger.sealing import Pass, Sealed, count_unsealed, seal_some
from service.ledger.tree import Tree, hash_leaf
from tests.support.catalog import rows

NOW: Final = timedelta(0)  # between two checkpoints
LEAVES: Final = "SELECT seq, change_id, leaf FROM ledger_leaf ORDER BY seq"
TEXTS: Final = "SELECT id, canon FROM change"
CHECKPOINTS: Final = "SELECT size, root, note FROM ledger_checkpoint ORDER BY size"
WRITE: Final = "INSERT INTO change (canon, kind) VALUES (:canon, 'source') RETURNING id"
CANON: Final = '{"kind":"source"}'


def check_sealed(database: Database) -> None:
    """Each change has one leaf, of its text; places have no gaps; checkpoints give its roots."""
    texts = dict(rows(database, TEXTS))
    leaves = rows(database, LEAVES)
    assert [seq for seq, *_ in leaves] == list(range(1, len(texts) + 1))
    assert sorted(one for _, one, _ in leaves) == sorted(texts)
    tree, roots = Tree(), {}
    for seq, one, leaf in leaves:
        assert leaf == hash_leaf(texts[one])
        tree.add(leaf)
        roots[seq] = tree.root()
    for size, root, note in rows(database, CHECKPOINTS):
        assert root == roots[size]
        assert read_note(note)[1:3] == (size, root)
    stored = rows(database, "SELECT level, count(*) FROM ledger_tile GROUP BY level ORDER BY level")
    assert dict(stored) == ({0: len(leaves) // 256} if len(leaves) >= 256 else {})


@contextmanager
def open_transaction(database: Database) -> Iterator[Callable[[], int]]:
    """A transaction that writes when told, and commits at the end of `with`."""
    with database.writing() as session:
        yield lambda: session.execute(sa.text(WRITE), {"canon": CANON}).scalar_one()


def one_pass(sealer: Database, state: Sealed | None, every: timedelta = NOW) -> Pass:
    """One pass of a sealer that goes on where it was."""
    return sealer.transact(lambda session: seal_some(session, state, keys=Keys(), every=every))


def count_of(database: Database) -> int:
    """How many committed changes are not sealed."""
    with database.reading() as session:
        return count_unsealed(session)
