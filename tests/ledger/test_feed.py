"""The feed under many writers: nothing is lost, nothing comes twice, all in the sealed order."""

import random
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import pytest
import sqlalchemy as sa

from service.db import Database
from service.ledger.feed import BEGIN, Part, cursor_of, find_part, select_feed, unsealed_since
from service.ledger.notes import Keys
from service.ledger.sealing import EVERY, as_sealer, seal
from tests.ledger.conftest import Forge, Write
from tests.support.sealing import check_sealed, one_pass, open_transaction

WRITERS: Final = 16
RECORDED_AT: Final = sa.text("SELECT recorded_at FROM change WHERE id = :id")


def read_to_end(database: Database, since: str) -> list[tuple[int, int]]:
    """(seq, id) of everything after a cursor, in pages of seven."""
    found: list[tuple[int, int]] = []
    while True:
        with database.reading() as session:
            part = find_part(session, since)
            page = session.execute(select_feed(part).limit(7)).all()
        if not page:
            return found
        found += [(row.seq, row.id) for row in page]
        since = f"{cursor_of(page[-1].seq)}"


class Crowd:
    """Sixteen who write, two who seal, one who reads; all at once, on a database of their own."""

    def __init__(self, url: str) -> None:
        """Nobody has begun."""
        self.database = Database(url, pool=WRITERS + 3)
        self.sealers = [as_sealer(self.database) for _ in range(2)]
        self.ids: list[int] = []
        self.seen: list[tuple[int, int]] = []
        self._over = threading.Event()

    def write(self, seed: int) -> None:
        """Transactions of random length with some changes each."""
        chance = random.Random(seed)  # noqa: S311  # no secret
        for _ in range(12):
            with open_transaction(self.database) as insert:
                mine = []
                for _ in range(chance.randint(1, 5)):
                    mine.append(insert())
                    time.sleep(chance.uniform(0, 0.01))
            self.ids += mine

    def seal(self, sealer: Database) -> None:
        """As the sealer's thread does, without a rest."""
        state = None
        while not self._over.is_set():
            state = one_pass(sealer, state, EVERY).state

    def follow(self) -> None:
        """Read whatever there is, again and again."""
        while not self._over.is_set():
            self.read_to_end()

    def read_to_end(self) -> None:
        """Follow the cursor as long as there is anything."""
        since = cursor_of(self.seen[-1][0]) if self.seen else BEGIN
        self.seen += read_to_end(self.database, f"{since}")

    def work(self) -> None:
        """All of them, until everything is written."""
        writers = [threading.Thread(target=self.write, args=(seed,)) for seed in range(WRITERS)]
        beside = [threading.Thread(target=self.seal, args=(one,)) for one in self.sealers]
        beside.append(threading.Thread(target=self.follow))
        for thread in (*writers, *beside):
            thread.start()
        for thread in writers:
            thread.join()
        self._over.set()
        for thread in beside:
            thread.join()

    def leave(self) -> None:
        """Close all connections."""
        for opened in (*self.sealers, self.database):
            opened.dispose()


@pytest.fixture
def crowd(database_url: str) -> Iterator[Crowd]:
    """On the test's database."""
    made = Crowd(database_url)
    yield made
    made.leave()


def check_feed(crowd: Crowd) -> None:
    """After the last seal every change was seen once, in the sealed order, which is not by id."""
    seal(crowd.sealers[0], keys=Keys())
    crowd.read_to_end()

    assert sorted(one for _, one in crowd.seen) == sorted(crowd.ids)
    assert [seq for seq, _ in crowd.seen] == list(range(1, len(crowd.ids) + 1))
    assert any(after < before for (_, before), (_, after) in pairwise(crowd.seen))
    check_sealed(crowd.database)


def test_feed_sixteen_writers(crowd: Crowd) -> None:
    """The feed loses nothing with 16 concurrent writers: the count and every id."""
    crowd.work()

    check_feed(crowd)


def test_feed_oldest_commits_last(crowd: Crowd) -> None:
    """Nor when the oldest transaction of all commits last: its change comes at the very end."""
    with open_transaction(crowd.database) as insert:
        oldest = insert()
        crowd.work()
        seal(crowd.sealers[0], keys=Keys())
        crowd.read_to_end()
        before = len(crowd.seen)
    crowd.ids.append(oldest)

    check_feed(crowd)
    assert before == len(crowd.ids) - 1
    assert crowd.seen[-1][1] == oldest == min(crowd.ids)


def test_feed_part(database: Database, sealer: Database, write: Write) -> None:
    """A cursor names a place; the end is what was sealed when it was asked."""
    write(5)
    seal(sealer, keys=Keys())
    with database.reading() as session:
        assert find_part(session, "seq-2") == Part(2, 5)
        assert find_part(session, BEGIN) == Part(0, 5)


def test_unsealed_since_oldest_last(database: Database, sealer: Database, write: Write) -> None:
    """What commits last is waited for, though its transaction is older than what is sealed."""
    state = None
    with open_transaction(database) as insert:
        mine = insert()
        write(3)
        state = one_pass(sealer, state).state
        with database.reading() as session:
            assert unsealed_since(session) is None
    with database.reading() as session:
        (recorded_at,) = session.execute(RECORDED_AT, {"id": mine}).one()
        assert unsealed_since(session) == recorded_at
    one_pass(sealer, state)
    with database.reading() as session:
        assert unsealed_since(session) is None


def test_unsealed_since_restored(
    database: Database, sealer: Database, write: Write, forge: Forge
) -> None:
    """In a copy on a new server transactions are numbered from the beginning again."""
    write(3)
    forge("UPDATE change SET xid = xid + 1000000")
    state = one_pass(sealer, None).state
    with database.reading() as session:
        assert unsealed_since(session) is None
    write()
    with database.reading() as session:
        assert unsealed_since(session) is not None
    one_pass(sealer, state)
    with database.reading() as session:
        assert unsealed_since(session) is None
