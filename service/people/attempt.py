"""Does one thing in a transaction of its own, or only tries it."""

from collections.abc import Callable
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from service.db import Database

Done = TypeVar("Done")
LONGER: Final = sa.text("SET LOCAL statement_timeout = '30s'")  # a batch is more than a question


def attempt(store: Database, work: Callable[[Session], Done], *, dry_run: bool) -> Done:
    """Do it, repeated when others were faster; a dry run answers the same and keeps nothing."""

    def unit(session: Session) -> Done:
        session.execute(LONGER)
        if not dry_run:
            return work(session)
        with session.begin_nested() as savepoint:
            done = work(session)
            savepoint.rollback()
        return done

    return store.transact(unit)
