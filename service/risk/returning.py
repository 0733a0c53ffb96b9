"""How models stood that come back after they were merged into others: they go on from there."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session

from service.history import HISTORY
from service.recordset import among
from service.risk.tables import AssessmentRow, ModelRiskRow

Row = Mapping[str, Any]


class Earlier(NamedTuple):
    """Where models stood last, and the clocks of their uses."""

    models: Mapping[UUID, Row]
    uses: Mapping[UUID, Row]


NOTHING = Earlier({}, {})


def read_earlier(session: Session, models: Iterable[UUID]) -> Earlier:
    """Of models that stand nowhere now: mostly they are new. One statement, two for others."""
    ids = set(models)
    if not ids:
        return NOTHING
    stood = _last(session, ModelRiskRow.__table__, key="model_id", models=ids)
    if not stood:
        return NOTHING
    return Earlier(stood, _last(session, AssessmentRow.__table__, key="use_id", models=set(stood)))


def _last(
    session: Session, table: sa.Table, *, key: str, models: Iterable[UUID]
) -> dict[UUID, Row]:
    past = table.metadata.tables[f"{table.name}{HISTORY}"]
    rows = session.execute(
        sa.select(past)
        .where(among(past.c.model_id, models))
        .ext(distinct_on(past.c[key]))
        .order_by(past.c[key], past.c.valid_to.desc())
    )
    return {row[key]: dict(row) for row in rows.mappings()}
