"""The lock under which models are evaluated and decided about: their rows of `risk_clock`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from service.recordset import recordset
from service.risk.tables import RiskClockRow

clock: Final = RiskClockRow.__table__


def lock_models(session: Session, models: Iterable[UUID]) -> datetime:
    """Wait for others who evaluate or decide about one of these; the time since nobody else does.

    After all entries that the transaction locks, and before reviews, findings and whatever else
    belongs to a model: in id order, so that nobody waits in a circle.
    """
    hold_models(session, models)
    now: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now


def hold_models(session: Session, models: Iterable[UUID]) -> None:
    """As `lock_models`, for whoever reads the clock by itself afterwards. One statement."""
    given = recordset([{"model_id": one} for one in sorted(models)], model_id=sa.Uuid())
    new = insert(clock).from_select(
        ["model_id"], sa.select(given.c.model_id).order_by(given.c.model_id)
    )
    nothing = {"model_id": new.excluded.model_id}  # a row that conflicts is locked, not written
    session.execute(
        new.on_conflict_do_update(index_elements=["model_id"], set_=nothing, where=sa.false())
    )
