"""Writes events in the transaction that made them happen, one delivery for each receiver."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session
from uuid_utils.compat import uuid7

from service.outgoing.tables import EventRow, OutgoingDeliveryRow, ReceiverRow
from service.recordset import recordset

event, delivery, receiver = (
    table.__table__ for table in (EventRow, OutgoingDeliveryRow, ReceiverRow)
)


class Event(NamedTuple):
    """Something other systems may want to know: what, about which thing, of which namespace."""

    type: str
    subject: str
    namespace: str | None
    model: UUID | None
    data: Mapping[str, Any]


def announce(session: Session, events: Sequence[Event]) -> None:
    """Keep the events; each receiver that asked for such gets a delivery. Two statements."""
    if not events:
        return
    rows = [
        {"id": uuid7(), "type": one.type, "subject": one.subject, "namespace": one.namespace,
         "model_id": one.model, "data": dict(one.data)}
        for one in events
    ]  # fmt: skip
    given = recordset(rows, id=sa.Uuid(), type=sa.Text(), subject=sa.Text(), namespace=sa.Text(),
                      model_id=sa.Uuid(), data=JSONB())  # fmt: skip
    kept = sa.insert(event).from_select(
        [*given.c.keys(), "at"], sa.select(given, sa.func.clock_timestamp())
    )
    session.execute(kept)
    wanted = sa.and_(
        receiver.c.enabled,
        sa.or_(receiver.c.types == sa.cast([], JSONB), receiver.c.types.has_key(given.c.type)),
        sa.or_(receiver.c.namespaces.is_(None), receiver.c.namespaces.has_key(given.c.namespace)),
    )
    waiting = sa.select(
        given.c.id, receiver.c.id, sa.literal("WAITING"), sa.literal(0), sa.func.now()
    ).join_from(given, receiver, wanted)
    names = ["event_id", "receiver_id", "state", "attempts", "next_at"]
    session.execute(sa.insert(delivery).from_select(names, waiting))
