"""Hints of webhooks as harvests follow them, and how the webhooks of a source stand."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.hooks import WebhookState
from service.hooks.tables import HintRow, HookDeliveryRow
from service.ingest.hinting import SETTLED, is_open
from service.recordset import among

hint, delivery = HintRow.__table__, HookDeliveryRow.__table__


def settle_hints(session: Session, source_id: int, *, hints: Sequence[int], harvest: UUID) -> None:
    """A complete harvest has followed them; those of other sources are theirs."""
    if hints:
        session.execute(
            sa.update(hint)
            .where(among(hint.c.id, hints), hint.c.source_id == source_id)
            .where(hint.c.settled_at.is_(None))
            .values(settled_at=sa.func.clock_timestamp(), harvest_id=harvest)
        )


def webhook_states(session: Session, sources: Sequence[int]) -> dict[int, WebhookState]:
    """How the webhooks of each source stand."""
    waiting, parked = (delivery.c.state == state for state in ("waiting", "parked"))
    standing = sa.select(
        delivery.c.source_id,
        sa.func.max(delivery.c.received_at),
        sa.func.count().filter(waiting),
        sa.func.count().filter(parked),
    ).group_by(delivery.c.source_id)
    nobody = sa.and_(hint.c.harvest_id.is_(None), ~is_open())
    lately = hint.c.received_at > sa.func.now() - SETTLED
    unsettled = sa.select(
        hint.c.source_id,
        sa.func.count().filter(is_open()),
        sa.func.count().filter(nobody, lately),
    ).group_by(hint.c.source_id)
    came = _by_source(session, sources, query=standing)
    hinted = _by_source(session, sources, query=unsettled)
    found = {}
    for one in sources:
        last, waits, failed = came.get(one, (None, 0, 0))
        waiting_for, nobodys = hinted.get(one, (0, 0))
        found[one] = WebhookState(
            last_delivery_at=last, waiting=waits, parked=failed, open_hints=waiting_for,
            unfollowed=nobodys,
        )  # fmt: skip
    return found


def _by_source(
    session: Session, sources: Sequence[int], *, query: sa.Select[Any]
) -> dict[int, tuple[Any, ...]]:
    owner = query.selected_columns[0]
    rows = session.execute(query.where(among(owner, sources)))
    return {row[0]: tuple(row)[1:] for row in rows}
