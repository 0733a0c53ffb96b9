"""What a transaction does last: noted while it goes on, done once before it commits."""

from collections.abc import Callable
from copy import deepcopy
from typing import Final, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

AT_END: Final = "at_end"
BEFORE: Final = "at_end.before"
Noted = TypeVar("Noted")


def at_end(
    session: Session, work: Callable[[Session, Noted], None], *, noting: Callable[[], Noted]
) -> Noted:
    """Do this once before the transaction commits, after all that it does besides.

    Answers what the work will be given: begun by whoever asks first, forgotten by a rollback.
    """
    if AT_END not in session.info:
        session.info[AT_END] = {}
        sa.event.listen(session, "after_transaction_create", _remember)
        sa.event.listen(session, "after_soft_rollback", _take_back)
    noted: Noted = session.info[AT_END].setdefault(work, noting())
    return noted


def _remember(session: Session, began: SessionTransaction) -> None:
    """What a rollback to this savepoint leaves to be done."""
    if began.nested:
        session.info.setdefault(BEFORE, {})[began] = deepcopy(session.info[AT_END])


def _take_back(session: Session, ended: SessionTransaction) -> None:
    """What was to be done at the end belonged to what is taken back."""
    session.info[AT_END] = session.info.get(BEFORE, {}).pop(ended, {})


def finish(session: Session) -> None:
    """Do now what is to be done at the end of the transaction, also what that leads to."""
    while waiting := session.info.get(AT_END):
        work = next(iter(waiting))
        work(session, waiting.pop(work))
