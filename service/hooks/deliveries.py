"""Deliveries as admins see them, and what they decide about those that could not be read."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.deliveries import Deliveries, Delivery, DeliveryState
from schemas.hooks import Hint, Hints
from schemas.identifiers import Identifier, Kind
from schemas.masking import mask_secrets
from service.errors import Conflict, NotFound
from service.hooks.tables import HintRow, HookDeliveryRow
from service.ingest.hinting import is_open
from service.ingest.sources import get_source
from service.ingest.tables import SourceRow
from service.ledger.change import Actor

MOST: Final = 1_000
HINTED: Final = (
    "id", "about", "event", "scheme", "value", "thing_kind", "thing_scheme", "thing_value", "url",
    "received_at",
)  # fmt: skip
delivery, hint, source = (t.__table__ for t in (HookDeliveryRow, HintRow, SourceRow))


class DeliveryNotFound(NotFound):
    """No delivery has this number.

    `GET /api/v1/sources/{source}/deliveries` lists those of a source; they are kept for 30 days.
    """


class DeliveryNotParked(Conflict):
    """The delivery is not parked.

    Only what was given up can be replayed or dropped: what waits is tried again by itself, and
    what is done or dropped has no body any more.
    """


def list_deliveries(
    session: Session, name: str, *, states: Sequence[DeliveryState] | None
) -> Deliveries:
    """The newest first. Raises `SourceNotFound`."""
    query = _select().where(delivery.c.source_id == get_source(session, name).id)
    if states is not None:
        query = query.where(delivery.c.state.in_(states))
    rows = session.execute(query.order_by(delivery.c.id.desc()).limit(MOST)).mappings()
    return Deliveries(deliveries=tuple(Delivery.model_validate(dict(row)) for row in rows))


def open_hints(session: Session, name: str) -> Hints:
    """What may have changed and nobody has looked at yet, the oldest first.

    Raises `SourceNotFound`.
    """
    query = (
        sa.select(*hint.c[HINTED])
        .where(hint.c.source_id == get_source(session, name).id, is_open())
        .order_by(hint.c.id)
        .limit(MOST)
    )
    return Hints(hints=tuple(_hint(row) for row in session.execute(query)))


def replay(session: Session, number: int, *, reason: str, by: Actor) -> Delivery:
    """Let a parked one be read again, five times at most; one that waits already goes on waiting.

    Raises `DeliveryNotFound`, `DeliveryNotParked`.
    """
    found = _locked(session, number, fine=("parked", "waiting"))
    if found.state == "parked":
        values = {"state": "waiting", "tries": 0, "next_try_at": sa.func.clock_timestamp()}
        _decide(session, number, values=values, reason=reason, by=by)
    return _get(session, number)


def drop(session: Session, number: int, *, reason: str, by: Actor) -> Delivery:
    """Give a parked one up. Raises `DeliveryNotFound`, `DeliveryNotParked`."""
    found = _locked(session, number, fine=("parked", "dropped"))
    if found.state == "parked":
        values = {"state": "dropped", "body": None, "processed_at": sa.func.clock_timestamp()}
        _decide(session, number, values=values, reason=reason, by=by)
    return _get(session, number)


def _decide(
    session: Session, number: int, *, values: dict[str, Any], reason: str, by: Actor
) -> None:
    said = {"reason": mask_secrets(reason), "decided_by": f"{by.kind}:{by.id}"}
    session.execute(sa.update(delivery).where(delivery.c.id == number).values(values | said))


def _locked(session: Session, number: int, *, fine: tuple[DeliveryState, ...]) -> Any:
    query = sa.select(delivery.c.state).where(delivery.c.id == number).with_for_update()
    found = session.execute(query).one_or_none()
    if found is None:
        raise DeliveryNotFound(delivery=number)
    if found.state not in fine:
        raise DeliveryNotParked(detail=f"It is {found.state}.", delivery=number)
    return found


def _get(session: Session, number: int) -> Delivery:
    row = session.execute(_select().where(delivery.c.id == number)).mappings().one()
    return Delivery.model_validate(dict(row))


def _select() -> sa.Select[Any]:
    own = [delivery.c[name] for name in Delivery.model_fields if name != "source"]
    return sa.select(source.c.name.label("source"), *own).join_from(
        delivery, source, source.c.id == delivery.c.source_id
    )


def _hint(row: Any) -> Hint:
    known = None
    if row.scheme is not None:
        known = Identifier(kind=Kind.REPOSITORY, scheme=row.scheme, value=row.value)
    thing = None
    if row.thing_scheme is not None:
        thing = Identifier(kind=row.thing_kind, scheme=row.thing_scheme, value=row.thing_value)
    return Hint(
        id=row.id, about=row.about, event=row.event, repository=known, thing=thing, url=row.url,
        received_at=row.received_at,
    )  # fmt: skip
