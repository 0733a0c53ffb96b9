"""How long deliveries and hints are kept."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from service.hooks.tables import HintRow, HookDeliveryRow
from service.ingest.hinting import SETTLED

BODIES: Final = timedelta(days=7)
DELIVERIES: Final = timedelta(days=30)  # so long a repeated one is known
OPEN: Final = timedelta(days=30)  # full harvests have looked at everything since
EXPIRED: Final = "nobody could read it for 7 days, and its body is kept no longer"

delivery, hint = HookDeliveryRow.__table__, HintRow.__table__


def drop_bodies(session: Session) -> int:
    """What was not read in time is not read any more."""
    old = delivery.c.received_at < sa.func.now() - BODIES
    reason = sa.func.concat_ws("; ", delivery.c.reason, EXPIRED)
    dropped = sa.update(delivery).where(delivery.c.body.is_not(None), old)
    return _count(session, dropped.values(state="dropped", body=None, reason=reason))


def forget_deliveries(session: Session) -> int:
    """Old ones; the newest of a source stays, for it says when the last one came."""
    newer = delivery.alias("newer")
    newest = ~sa.exists().where(
        newer.c.source_id == delivery.c.source_id, newer.c.received_at > delivery.c.received_at
    )
    old = delivery.c.received_at < sa.func.now() - DELIVERIES
    return _count(session, sa.delete(delivery).where(old, ~newest))


def forget_hints(session: Session) -> int:
    """Those that were followed a while ago, and those that nobody ever followed."""
    settled = hint.c.settled_at < sa.func.now() - SETTLED
    old = hint.c.received_at < sa.func.now() - OPEN
    return _count(session, sa.delete(hint).where(sa.or_(settled, old)))


def _count(session: Session, statement: Any) -> int:
    done: Any = session.execute(statement)
    return int(done.rowcount)
