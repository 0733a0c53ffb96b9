"""Reads the sealed ledger again and says where it is not what was sealed; changes nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from service.ledger.notes import Keys, Note, check
from service.ledger.sealing import (
    change,
    checkpoint,
    find_origin,
    leaf,
    read_edge,
    tile,
)
from service.ledger.tree import WIDTH, Tile, Tree
from service.ledger.walk import LONGEST, MOST, Checkpoint, Fault, Row, Walk

FETCHED: Final = 2_000
STREAMED: Final = {"yield_per": FETCHED}
ONE_SNAPSHOT: Final = sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
UNBOUND: Final = sa.text(
    "SELECT set_config(name, '0', true) FROM unnest(ARRAY['statement_timeout',"
    " 'idle_in_transaction_session_timeout']) AS name"
)


class Verdict(NamedTuple):
    """What was read, and what was found: without faults the ledger is intact."""

    size: int
    root: str
    read: int  # changes whose text was hashed again
    checkpoints: int
    signed: int  # checkpoints whose signature was looked at and holds
    unsealed: int  # changes that wait to be sealed
    faults: tuple[Fault, ...]


def verify(
    session: Session,
    *,
    keys: Keys,
    full: bool = False,
    since: Note | None = None,
    tell: Callable[[int], None] = lambda _: None,
) -> Verdict:
    """Hash every change again, build the tree, compare it with tiles and checkpoints.

    `since` is a checkpoint that was kept elsewhere: the ledger must continue it, and only what
    came later is read. `full` reads all the same, and looks at every signature.
    """
    session.execute(ONE_SNAPSHOT)
    session.execute(UNBOUND)
    walk = _begun(session, keys=keys, full=full, since=since)
    if not walk.faults:
        _walked(session, walk, full=full, tell=tell)
    unsealed = _look_for_unsealed(session, walk)
    found = walk.found(_known(session, walk.strays.values()))
    root = walk.tree.root().hex()
    return Verdict(walk.tree.size, root, walk.read, walk.checkpoints, walk.signed, unsealed, found)


def _begun(session: Session, *, keys: Keys, full: bool, since: Note | None) -> Walk:
    """At the first change, or at the checkpoint that is given."""
    if since is None:
        return Walk(Tree(), keys=keys)
    walk = Walk(Tree(), keys=keys, kept=since)
    if find_origin(session) not in {None, since.origin}:
        walk.fault("checkpoint", "the given checkpoint is of another ledger", seq=since.size)
    if check(since, keys.public).bad:
        walk.fault("signature", "the signature of the given checkpoint is wrong", seq=since.size)
    if not full:
        walk.tree = Tree(read_edge(session, since.size))
        if walk.tree.size != since.size:
            said = "the ledger has not as many changes as the given checkpoint"
            walk.fault("gap", said, seq=walk.tree.size + 1)
    return walk


def _walked(session: Session, walk: Walk, *, full: bool, tell: Callable[[int], None]) -> None:
    """Every leaf in order, beside the checkpoints."""
    newest = session.execute(sa.select(sa.func.max(checkpoint.c.size))).scalar_one()
    begin = walk.tree.size
    walk.meet()
    with (
        session.execute(_checkpoints(begin), execution_options=STREAMED) as stored,
        session.execute(_rows(begin), execution_options=STREAMED) as rows,
    ):
        checkpoints = (Checkpoint(*one) for one in stored)
        upcoming = next(checkpoints, None)
        for row in (Row(*one) for one in rows):
            if not walk.follows(row):
                return
            if built := walk.add(row, upcoming):
                walk.compare(built, _tiles(session, built))
            if upcoming is not None and upcoming.size == walk.tree.size:
                walk.pass_checkpoint(upcoming, newest=upcoming.size == newest, full=full)
                upcoming = next(checkpoints, None)
            walk.meet()
            if walk.read % FETCHED == 0:
                tell(FETCHED)
        walk.end(upcoming)
    _look_behind(session, walk)


def _look_behind(session: Session, walk: Walk) -> None:
    """Whoever cut off the end with its checkpoints may have left a part of the tree."""
    whole = walk.tree.size // WIDTH
    longer = sa.select(sa.exists().where(tile.c.level == 0, tile.c.index >= whole))
    if not walk.faults and session.execute(longer).scalar_one():
        said = "the ledger ends before this; the stored tree has more changes"
        walk.fault("gap", said, seq=walk.tree.size + 1)


def _rows(begin: int) -> sa.Select[Any]:
    """Leaves with their changes, in the sealed order."""
    columns = change.c["canon", "kind", "entry_id", "field", "recorded_at"]
    return (
        sa.select(leaf.c.seq, leaf.c.change_id, leaf.c.leaf, *columns)
        .outerjoin_from(leaf, change, change.c.id == leaf.c.change_id)
        .where(leaf.c.seq > begin)
        .order_by(leaf.c.seq)
    )


def _checkpoints(begin: int) -> sa.Select[Any]:
    """Checkpoints of larger trees, in their order."""
    columns = checkpoint.c["size", "root", "made_at", "note"]
    return sa.select(*columns).where(checkpoint.c.size > begin).order_by(checkpoint.c.size)


def _tiles(session: Session, built: Sequence[Tile]) -> Mapping[tuple[int, int], bytes]:
    """The stored tiles of these places."""
    places = sa.tuple_(tile.c.level, tile.c.index).in_([(one.level, one.number) for one in built])
    rows = session.execute(sa.select(tile.c.level, tile.c.index, tile.c.hashes).where(places))
    return {(level, index): hashes for level, index, hashes in rows}


def _known(session: Session, hashes: Iterable[bytes]) -> set[bytes]:
    """Which of these are leaves somewhere; looked for only where something is wrong."""
    wanted = list(hashes)
    if not wanted:
        return set()
    return set(session.execute(sa.select(leaf.c.leaf).where(leaf.c.leaf.in_(wanted))).scalars())


def _look_for_unsealed(session: Session, walk: Walk) -> int:
    """Changes without a leaf: how many; those that should have one long since are faults.

    A checkpoint is made when nothing older waits. So what says that it was recorded well before
    one, and has no leaf, was put in later.
    """
    newest = session.execute(sa.select(sa.func.max(checkpoint.c.made_at))).scalar_one()
    now = session.execute(sa.select(sa.func.now())).scalar_one()
    lacks = ~sa.exists().where(leaf.c.change_id == change.c.id)
    counted = sa.select(sa.func.count()).select_from(change).where(lacks)
    count = session.execute(counted).scalar_one()
    overdue = (
        sa.select(change.c.id, change.c.recorded_at)
        .where(lacks, change.c.recorded_at < now - LONGEST)
        .order_by(change.c.id)
        .limit(MOST)
    )
    for found, recorded_at in session.execute(overdue):
        if newest is not None and recorded_at < newest - LONGEST:
            walk.fault("inserted", "it was put in where all was sealed already", change=found)
        else:
            walk.fault("unsealed", "it waits to be sealed for over an hour", change=found)
    return int(count)
