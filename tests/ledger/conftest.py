"""A ledger to seal, and somebody with every right who changes what is sealed."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from service.db import Database
from service.ledger.change import Change, record_changes
from service.ledger.sealing import as_sealer
from tests.support.catalog import OPERATOR
from tests.support.forging import forge_ledger

Write = Callable[..., list[int]]
Forge = Callable[..., None]


@pytest.fixture
def sealer(database: Database) -> Iterator[Database]:
    """The test's database, with the rights of whoever seals."""
    opened = as_sealer(database)
    yield opened
    opened.dispose()


@pytest.fixture
def write(database: Database) -> Write:
    """Records changes in a transaction of their own; answers their ids."""

    def written(count: int = 1, *, kind: str = "source") -> list[int]:
        made = [Change("update", kind, OPERATOR, new=number) for number in range(count)]
        return database.transact(lambda session: record_changes(session, made))

    return written


@pytest.fixture
def forge(owner_database: Database) -> Forge:
    """Runs statements as a superuser who first turns off what refuses them."""
    return partial(forge_ledger, owner_database)
