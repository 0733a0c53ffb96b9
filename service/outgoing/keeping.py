"""How long events and their deliveries are kept."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from service.outgoing.tables import EventRow, OutgoingDeliveryRow
from service.recordset import among

KEPT: Final = timedelta(days=90)  # so long they may be replayed
AT_ONCE: Final = 10_000

event, delivery = EventRow.__table__, OutgoingDeliveryRow.__table__


def forget_events(session: Session, *, held: sa.ColumnElement[bool] | None = None) -> int:
    """Let go of old events, with what became of them; the rest goes the next time.

    What is `held` stays.
    """
    old = (
        sa.select(event.c.id)
        .where(event.c.at < sa.func.now() - KEPT, ~held if held is not None else sa.true())
        .order_by(event.c.at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = session.execute(old).scalars().all()
    if not ids:
        return 0
    session.execute(sa.delete(delivery).where(among(delivery.c.event_id, ids)))
    done: Any = session.execute(sa.delete(event).where(among(event.c.id, ids)))
    return int(done.rowcount)
