"""What became of each event for a receiver, and what is sent once more."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.events import EventType
from schemas.receivers import DeliveryFilters, OutgoingDelivery, ReplayDeliveries, Replayed
from service.access.accounts import Deed
from service.errors import NotFound
from service.ledger.change import record_changes
from service.outgoing.receivers import KIND, ReceiverDisabled, find_receiver
from service.outgoing.tables import EventRow, OutgoingDeliveryRow

OF_EVENT: Final = ("type", "subject", "namespace", "at")
OF_DELIVERY: Final = (
    "attempts", "last_at", "last_status", "last_error", "delivered_at",
)  # fmt: skip

delivery, event = OutgoingDeliveryRow.__table__, EventRow.__table__


class EventNotFound(NotFound):
    """No event with this id is meant for this receiver.

    Events are kept for 90 days; `GET /api/v1/receivers/{name}/deliveries` lists those that it got.
    """


def select_deliveries(session: Session, name: str, *, asked: DeliveryFilters) -> sa.Select[Any]:
    """A receiver's deliveries that match. Raises `ReceiverNotFound`."""
    query = _select().where(delivery.c.receiver_id == find_receiver(session, name).id)
    if asked.state is not None:
        query = query.where(delivery.c.state.in_([one.upper() for one in asked.state]))
    if asked.type is not None:
        query = query.where(event.c.type.in_(asked.type))
    if asked.since is not None:
        query = query.where(event.c.at >= asked.since)
    if asked.until is not None:
        query = query.where(event.c.at < asked.until)
    return query


def delivery_row(row: sa.RowMapping) -> OutgoingDelivery:
    """A delivery as it is shown."""
    shown = {name: row[name] for name in (*OF_EVENT, *OF_DELIVERY, "event", "next_at")}
    return OutgoingDelivery.model_validate(shown | {"state": row["state"].lower()})


def get_delivery(session: Session, name: str, *, event_id: UUID) -> OutgoingDelivery:
    """One delivery. Raises `ReceiverNotFound`, `EventNotFound`."""
    receiver_id = find_receiver(session, name).id
    one = _select().where(delivery.c.receiver_id == receiver_id, event.c.id == event_id)
    row = session.execute(one).mappings().one_or_none()
    if row is None:
        raise EventNotFound(receiver=name, event=event_id)
    return delivery_row(row)


def send_test(session: Session, name: str, *, deed: Deed) -> OutgoingDelivery:
    """Send an event to this receiver alone. Raises `ReceiverDisabled`."""
    found = _enabled(session, name)
    made = uuid7()
    data = {"receiver": name, "asked_by": deed.actor.id}
    session.execute(
        sa.insert(event).values(
            id=made, type=str(EventType.RECEIVER_TEST), subject=name, namespace=None,
            model_id=None, data=data, at=sa.func.clock_timestamp(),
        )
    )  # fmt: skip
    session.execute(
        sa.insert(delivery).values(
            event_id=made, receiver_id=found.id, state="WAITING", attempts=0,
            next_at=sa.func.clock_timestamp(),
        )
    )  # fmt: skip
    record_changes(session, [deed.change("test", KIND, new={"name": name, "event": str(made)})])
    return get_delivery(session, name, event_id=made)


def replay_event(session: Session, name: str, *, event_id: UUID, deed: Deed) -> OutgoingDelivery:
    """Send one event again, with the same id. Raises `EventNotFound`, `ReceiverDisabled`."""
    found = _enabled(session, name)
    one = sa.and_(event.c.id == event_id, _meant_for(found))
    if not session.execute(sa.select(event.c.id).where(one)).first():
        raise EventNotFound(receiver=name, event=event_id)
    _wait(session, found, which=one)
    said = {"name": name, "event": str(event_id)}
    record_changes(session, [deed.change("replay", KIND, new=said)])
    return get_delivery(session, name, event_id=event_id)


def replay_range(session: Session, name: str, *, asked: ReplayDeliveries, deed: Deed) -> Replayed:
    """Send all events of a time again, each with its id. Raises `ReceiverDisabled`."""
    found = _enabled(session, name)
    which = sa.and_(event.c.at >= asked.since, event.c.at < asked.until, _meant_for(found))
    if asked.failed_only:
        failed = sa.select(delivery.c.event_id).where(
            delivery.c.receiver_id == found.id, delivery.c.state == "FAILED"
        )
        which = sa.and_(which, event.c.id.in_(failed))
    count = _wait(session, found, which=which)
    said = asked.model_dump(mode="json", exclude={"reason"}) | {"name": name, "deliveries": count}
    record_changes(session, [deed.change("replay", KIND, new=said)])
    return Replayed(deliveries=count)


def _enabled(session: Session, name: str) -> sa.Row[Any]:
    found = find_receiver(session, name, lock=True)
    if not found.enabled:
        raise ReceiverDisabled(name=name)
    return found


def _meant_for(found: sa.Row[Any]) -> sa.ColumnElement[bool]:
    """What it asks for now; tests are each one receiver's own."""
    test = event.c.type == str(EventType.RECEIVER_TEST)
    wanted: list[sa.ColumnElement[bool]] = []
    if found.types:
        wanted.append(event.c.type.in_(found.types))
    if found.namespaces is not None:
        wanted.append(event.c.namespace.in_(found.namespaces))
    return sa.or_(sa.and_(~test, *wanted), sa.and_(test, event.c.subject == found.name))


def _wait(session: Session, found: sa.Row[Any], *, which: sa.ColumnElement[bool]) -> int:
    """Let these wait anew; what waits already, perhaps being sent this moment, is left alone."""
    now = sa.func.clock_timestamp()
    waiting = sa.select(
        event.c.id, sa.literal(found.id, sa.BigInteger), sa.literal("WAITING"), sa.literal(0), now
    ).where(which)
    names = ["event_id", "receiver_id", "state", "attempts", "next_at"]
    added = insert(delivery).from_select(names, waiting.order_by(event.c.id))
    again = added.on_conflict_do_update(
        index_elements=["event_id", "receiver_id"],
        set_={"state": "WAITING", "attempts": 0, "next_at": now, "delivered_at": sa.null()},
        where=delivery.c.state != "WAITING",
    )
    waits = again.returning(delivery.c.event_id).cte("waits")
    return int(session.execute(sa.select(sa.func.count()).select_from(waits)).scalar_one())


def _select() -> sa.Select[Any]:
    waits = delivery.c.state == "WAITING"
    return sa.select(
        event.c.id.label("event"),
        *event.c[*OF_EVENT],
        *delivery.c["state", *OF_DELIVERY],
        sa.case((waits, delivery.c.next_at)).label("next_at"),
    ).join_from(delivery, event, event.c.id == delivery.c.event_id)
