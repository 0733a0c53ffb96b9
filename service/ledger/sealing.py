"""Seals the ledger: gives every change its place in one order, and hashes that order.

Ids and transaction ids are no order to follow: whoever began first may commit last. A change gets
its `seq` when it is seen committed, so that nothing is ever put in front of what was read.
"""

from datetime import timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from service.db import Database
from service.ledger.notes import Keys, NoteUnreadable, read_note, write_note
from service.ledger.tables import ChangeRow, CheckpointRow, LeafRow, TileRow
from service.ledger.tree import Tree, missing, split, subroot
from service.roles import SEALER

MOST: Final = 5_000  # changes of one pass
EVERY: Final = timedelta(seconds=10)  # the shortest time between two checkpoints
ORIGIN: Final = "model-catalog.ledger/"  # a number follows that is made once, for ever

change, leaf, tile, checkpoint = (
    table.__table__ for table in (ChangeRow, LeafRow, TileRow, CheckpointRow)
)
# The snapshot is older than the lock, or as old: then what it takes for running may have ended
# meanwhile, and is looked at once more.
HOLD_LONGER: Final = sa.text("""
SELECT pg_try_advisory_xact_lock(hashtext('model-catalog:ledger')),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       set_config('statement_timeout', '10min', true)
""")
# Only a few are new, whatever the planner believes of a table that was filled just now.
HOLD_BRIEFLY: Final = sa.text("""
SELECT pg_try_advisory_xact_lock(hashtext('model-catalog:ledger')),
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true)
""")
SEAL: Final = sa.text("""
WITH next AS (
  SELECT id, xid, canon FROM change
   WHERE (xid, id) > (:xid, :id)
     AND NOT EXISTS (SELECT FROM ledger_leaf WHERE change_id = change.id)
   ORDER BY xid, id LIMIT :most
), last AS (SELECT xid, id FROM next ORDER BY xid DESC, id DESC LIMIT 1), placed AS (
  INSERT INTO ledger_leaf (seq, change_id, leaf)
  SELECT :size + row_number() OVER (ORDER BY xid, id), id,
         sha256('\\x00'::bytea || convert_to(canon, 'UTF8'))
    FROM next
  RETURNING seq, leaf
)
SELECT seq, leaf, xid, id FROM placed, last ORDER BY seq
""")


class LedgerDiffers(Exception):
    """The stored tree is not the one that was sealed; nothing is sealed on top of it."""


class Sealed(NamedTuple):
    """What a sealer knows between two passes: the newest checkpoint has the size `noted`.

    All changes up to `horizon`, (xid, id), are sealed, and nobody who may still commit is below.
    """

    tree: Tree
    horizon: tuple[int, int] = (0, 0)
    noted: int = 0


class Pass(NamedTuple):
    """What one pass did: `more` waits, or another sealer was `busy`."""

    state: Sealed | None
    sealed: int = 0
    more: bool = False
    busy: bool = False


def as_sealer(database: Database) -> Database:
    """The same database with the rights of whoever seals, where the login may have them."""
    return Database(database.url.render_as_string(hide_password=False), role=SEALER, pool=1)


def seal(database: Database, *, keys: Keys, every: timedelta = EVERY) -> int:
    """Seal all that is committed now; answers how many changes that were.

    Another one that is at it meanwhile does it instead. Raises `LedgerDiffers`.
    """
    state, sealed, more = None, 0, True
    while more:
        known = state
        done = database.transact(lambda s: seal_some(s, known, keys=keys, every=every))  # noqa: B023
        state, sealed, more = done.state, sealed + done.sealed, done.more
    return sealed


def newest_note(session: Session) -> str | None:
    """The newest checkpoint; None before the first."""
    newest = session.execute(_newest()).one_or_none()
    return None if newest is None else str(newest.note)


def find_origin(session: Session) -> str | None:
    """The name of this ledger, from its newest checkpoint; None when that cannot be read."""
    note = newest_note(session)
    try:
        return None if note is None else read_note(note).origin
    except NoteUnreadable:
        return None


def count_unsealed(session: Session) -> int:
    """How many changes are committed and not sealed."""
    return find_unsealed(session)[0]


def find_unsealed(session: Session) -> tuple[int, timedelta]:
    """How many changes wait to be sealed, and for how long the oldest has."""
    age = sa.func.clock_timestamp() - sa.func.min(change.c.recorded_at)
    sealed = sa.exists().where(leaf.c.change_id == change.c.id)
    query = sa.select(sa.func.count(), age).select_from(change).where(~sealed)
    count, oldest = session.execute(query).one()
    return int(count), oldest or timedelta(0)


def seal_some(
    session: Session, known: Sealed | None, *, keys: Keys, every: timedelta = EVERY
) -> Pass:
    """One pass, in the session's transaction; its state holds once that is committed.

    Without a state the stored tree is compared with its newest checkpoint, and every change is
    looked at. Raises `LedgerDiffers`.
    """
    brief = known is not None and known.horizon > (0, 0)
    held, running, *_ = session.execute(HOLD_BRIEFLY if brief else HOLD_LONGER).one()
    if not held:
        return Pass(known, busy=True)
    state = known or load(session)
    tree = _caught_up(session, state.tree)
    given = dict(zip(("xid", "id"), state.horizon, strict=True))
    rows = session.execute(SEAL, given | {"most": MOST, "size": tree.size}).all()
    tiles = [full for row in rows for full in tree.add(row.leaf)]
    if tiles:
        session.execute(
            sa.insert(tile),
            [{"level": one.level, "index": one.number, "hashes": one.hashes} for one in tiles],
        )
    settled = (running, 0)  # below it everybody has ended
    if len(rows) == MOST:
        horizon = min((rows[-1].xid, rows[-1].id), settled)
        return Pass(Sealed(tree, horizon, state.noted), len(rows), more=True)
    noted = state.noted
    if tree.size > noted:  # a checkpoint says that nothing older is missing: not while more waits
        noted = _note(session, tree, keys=keys, every=every)
    return Pass(Sealed(tree, settled, noted), len(rows))


def load(session: Session) -> Sealed:
    """The tree as its newest checkpoint has it. Raises `LedgerDiffers`."""
    newest = session.execute(_newest()).one_or_none()
    if newest is None:
        return Sealed(Tree())
    tree = Tree(read_edge(session, newest.size))
    if (tree.size, tree.root()) != (newest.size, newest.root):
        message = f"the stored hashes do not give the root of the checkpoint of size {newest.size}"
        raise LedgerDiffers(message)
    return Sealed(tree, noted=newest.size)


def read_edge(session: Session, size: int) -> list[list[bytes]]:
    """The right edge of the tree at an earlier size, from stored leaves and full tiles."""
    of_edge = missing(size)
    leaves = sa.select(leaf.c.leaf).where(leaf.c.seq > size - size % 256, leaf.c.seq <= size)
    edge = [list(session.execute(leaves.order_by(leaf.c.seq)).scalars())]
    edge += [[] for _ in of_edge]
    wanted = [
        sa.and_(tile.c.level == level - 1, tile.c.index >= found.start, tile.c.index < found.stop)
        for level, found in of_edge.items()
    ]
    stored = sa.select(tile.c.level, tile.c.hashes).where(sa.or_(sa.false(), *wanted))
    for level, hashes in session.execute(stored.order_by(tile.c.level, tile.c.index)):
        edge[level + 1].append(subroot(split(hashes)))
    return edge


def _caught_up(session: Session, tree: Tree) -> Tree:
    """The tree with what others have sealed since. Raises `LedgerDiffers` where a leaf is missing.

    Its own last leaf is read again: a ledger that became shorter is not written on.
    """
    grown = tree.copy()
    while True:
        begin = max(grown.size, 1)
        query = sa.select(leaf.c.seq, leaf.c.leaf).where(leaf.c.seq >= begin).order_by(leaf.c.seq)
        rows = session.execute(query.limit(MOST)).all()
        if [seq for seq, _ in rows] != list(range(begin, begin + len(rows))) or (
            grown.size and not rows
        ):
            message = f"a leaf is missing at {begin} or soon after it"
            raise LedgerDiffers(message)
        for _, hashed in rows[1 if grown.size else 0 :]:
            grown.add(hashed)
        if len(rows) < MOST:
            return grown


def _note(session: Session, tree: Tree, *, keys: Keys, every: timedelta) -> int:
    """A checkpoint, unless the newest one is too young; answers the size of the newest one."""
    newest = session.execute(_newest()).one_or_none()
    if newest is not None and (newest.size == tree.size or timedelta(0) <= newest.age < every):
        return int(newest.size)
    origin = origin_of(newest.note) if newest else f"{ORIGIN}{uuid7()}"
    root = tree.root()
    note = write_note(origin, tree.size, root=root, keys=keys)
    session.execute(sa.insert(checkpoint).values(size=tree.size, root=root, note=note))
    return tree.size


def origin_of(note: str) -> str:
    """Which ledger a checkpoint is of. Raises `LedgerDiffers` when it cannot be read."""
    try:
        return read_note(note).origin
    except NoteUnreadable as error:
        message = f"the newest checkpoint cannot be read: {error}"
        raise LedgerDiffers(message) from None


def _newest() -> sa.Select[Any]:
    """The newest checkpoint, and how old it is by the database's clock."""
    age = sa.func.clock_timestamp() - checkpoint.c.made_at
    columns = checkpoint.c["size", "root", "note", "made_at"]
    return sa.select(*columns, age.label("age")).order_by(checkpoint.c.size.desc()).limit(1)
