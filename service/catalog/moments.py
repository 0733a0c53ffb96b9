"""Which moments can be asked for: those that no open transaction can change any more."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.problem import FieldProblem
from schemas.strict import instant_text
from service.db import Timestamp
from service.errors import Conflict, Invalid

# Whoever writes began no later than the backend says. One that may not be looked at could have
# begun at any time: then no moment is settled.
FUNCTIONS: Final = """
CREATE FUNCTION settled_before() RETURNS timestamptz
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT least(statement_timestamp(), min(began)) FROM (
    SELECT CASE WHEN query = '<insufficient privilege>' THEN '-infinity' ELSE xact_start END
      FROM pg_stat_activity
     WHERE datname = current_database()
       AND (backend_xid IS NOT NULL OR query = '<insufficient privilege>')
    UNION ALL
    SELECT prepared FROM pg_prepared_xacts WHERE database = current_database()
  ) AS writers (began)
$$;
"""
DROP_FUNCTIONS: Final = "DROP FUNCTION settled_before();"
UNKNOWN: Final = sa.cast(sa.literal("-infinity", sa.Text), Timestamp)
ASKED: Final = sa.select(sa.func.nullif(sa.func.settled_before(), UNKNOWN), sa.func.now())


class MomentUnsettled(Conflict):
    """The catalog of that moment is not settled yet.

    Somebody is still writing what may become part of it. Ask for an earlier moment, or again in a
    few seconds.
    """


def check_moment(session: Session, as_of: datetime) -> None:
    """Refuse a moment whose catalog may still change. Raises `Invalid`, `MomentUnsettled`.

    What is selected afterwards needs a later snapshot, that shows all who have ended until now:
    the session's transaction ends here.
    """
    settled, now = session.execute(ASKED).one()
    session.rollback()
    if as_of > now:
        problem = FieldProblem(
            pointer="?as_of", message="lies in the future", fix="Leave it out for the present."
        )
        raise Invalid(problem)
    if settled is None or as_of >= settled:
        said = f"All is settled before {instant_text(settled)}." if settled else ""
        raise MomentUnsettled(detail=said)
