"""Which moments can be asked for: those that no open transaction can change any more."""

from datetime import datetime, timedelta
from typing import Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlmodel import Session

from schemas.problem import FieldProblem
from schemas.strict import instant_text
from service.catalog.select import one_snapshot
from service.db import Timestamp
from service.errors import Conflict, Invalid

# Whoever writes began no later than the backend says. One that may not be looked at could have
# begun at any time, as could what waits for the second phase of its commit: then no moment is
# settled.
FUNCTIONS: Final = """
CREATE FUNCTION settled_before() RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT least(statement_timestamp(), min(began)) FROM (
    SELECT CASE WHEN query = '<insufficient privilege>' THEN '-infinity' ELSE xact_start END
      FROM pg_stat_activity
     WHERE datname = current_database()
       AND (backend_xid IS NOT NULL OR query = '<insufficient privilege>')
    UNION ALL
    SELECT '-infinity' FROM pg_prepared_xacts WHERE database = current_database()
  ) AS writers (began)
$$;
"""
DROP_FUNCTIONS: Final = "DROP FUNCTION settled_before();"
UNKNOWN: Final = sa.cast(sa.literal("-infinity", sa.Text), Timestamp)
SETTLED: Final = WeakKeyDictionary[sa.Engine, datetime]()  # before which all was, when last seen
POINTER: Final = "?as_of"
UNSEEN: Final = (
    "When those who write began cannot be seen: an operator runs `model-catalog doctor`, and ends "
    "prepared transactions."
)
ASKED: Final = sa.select(sa.func.nullif(sa.func.settled_before(), UNKNOWN), sa.func.now())


class MomentUnsettled(Conflict):
    """The catalog of that moment is not settled yet.

    Somebody is still writing what may become part of it. Ask for the moment that is named, or again
    in a few seconds.
    """


def begin_at(session: Session, as_of: datetime | None) -> None:
    """Let a session that has not begun see one state: that of the moment, else the present.

    Raises `Invalid`, `MomentUnsettled`.
    """
    if as_of is not None:
        check_moment(session, as_of)
    one_snapshot(session)


def check_moment(session: Session, as_of: datetime) -> None:
    """Refuse a moment whose catalog may still change. Raises `Invalid`, `MomentUnsettled`.

    What is selected afterwards needs a later snapshot, that shows all who have ended until now:
    the session's transaction ends here.
    """
    settled, now = read_settled(session)
    session.rollback()
    if as_of > now:
        problem = FieldProblem(
            pointer=POINTER, message="lies in the future", fix="Leave it out for the present."
        )
        raise Invalid(problem)
    check_settled(as_of, settled)


def read_settled(session: Session) -> tuple[datetime | None, datetime]:
    """Before which moment nothing changes any more, None where that cannot be seen; and now."""
    settled, now = session.execute(ASKED).one()
    return _remembered(session, settled), now


def latest_settled(session: Session) -> datetime:
    """The latest moment of which everything is settled. Raises `MomentUnsettled`.

    No full second: that could lie between two rows which one transaction has written.

    The session's transaction ends here, as after `check_moment`.
    """
    settled, _ = session.execute(ASKED).one()
    session.rollback()
    settled = _remembered(session, settled)
    if settled is None:
        raise MomentUnsettled(detail=UNSEEN)
    return settled - timedelta(microseconds=1)


def _remembered(session: Session, settled: datetime | None) -> datetime | None:
    """What was settled once stays so: who began earlier and writes only now, writes later rows."""
    database = session.get_bind().engine
    known = [one for one in (settled, SETTLED.get(database)) if one is not None]
    if known:
        SETTLED[database] = max(known)
    return max(known, default=None)


def check_settled(as_of: datetime, settled: datetime | None, *, pointer: str = POINTER) -> None:
    """Refuse a moment that is not before the one from which on anything may still change."""
    if settled is None:
        raise MomentUnsettled(detail=UNSEEN)
    if as_of >= settled:
        latest = instant_text(settled - timedelta(microseconds=1))
        problem = FieldProblem(
            pointer=pointer, message="is not settled yet", fix=f"The latest that is: {latest}."
        )
        raise MomentUnsettled(problem, detail=f"All is settled before {instant_text(settled)}.")
