"""Writes reviews of many models at once, each change with its row of the ledger."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from schemas.strict import instant_text
from service.recordset import recordset
from service.risk.batch import Batch
from service.risk.decided_tables import ReviewRow
from service.risk.sample_tables import SampleDrawRow

review, draw = ReviewRow.__table__, SampleDrawRow.__table__
KIND: Final = "review"
SOFTWARE: Final = "software"
CHANGED: Final = ("state", "due_at", "reminded", "closed_at", "successor_id")
OPS: Final = {"CANCELLED": "cancel", "SUPERSEDED": "supersede"}


def open_reviews(batch: Batch, rows: Sequence[Mapping[str, Any]]) -> None:
    """Open these. One statement."""
    if not rows:
        return
    columns = {one.name: one.type for one in review.c if one.name in rows[0]}
    given = recordset(rows, **columns)
    batch.session.execute(sa.insert(review).from_select([*columns], sa.select(given)))
    for row in rows:
        batch.tell("open", KIND, model=row["model_id"], field=str(row["id"]), new={
            "kind": row["kind"], "version": str(row["version_id"]), "cause": row["cause"],
            "due_at": _text(row["due_at"]),
        })  # fmt: skip


def change_reviews(
    batch: Batch,
    changes: Mapping[UUID, Mapping[str, Any]],
    *,
    before: Mapping[UUID, Mapping[str, Any]],
    reasons: Mapping[UUID, str],
) -> None:
    """Change these. Two statements: a draw of a sample follows its review."""
    if not changes:
        return
    columns = {"id": review.c.id.type, **{name: review.c[name].type for name in CHANGED}}
    rows = [
        {"id": one, **{name: changes[one].get(name, before[one][name]) for name in CHANGED}}
        for one in sorted(changes)
    ]
    given = recordset(rows, **columns)
    values = {name: given.c[name] for name in CHANGED}
    batch.session.execute(sa.update(review).where(review.c.id == given.c.id).values(values))
    moved = sa.and_(draw.c.review_id == given.c.id, given.c.successor_id.is_not(None))
    batch.session.execute(sa.update(draw).where(moved).values(review_id=given.c.successor_id))
    for row in rows:
        _tell(batch, row, before=before[row["id"]], reason=reasons.get(row["id"]))


def _tell(
    batch: Batch, row: Mapping[str, Any], *, before: Mapping[str, Any], reason: str | None
) -> None:
    """Reminders alone are told by their events."""
    told = [name for name in ("state", "due_at", "successor_id") if row[name] != before[name]]
    if told:
        old, new = ({name: _text(of[name]) for name in told} for of in (before, row))
        batch.tell(OPS.get(row["state"], "update"), KIND, model=before["model_id"],
                   field=str(row["id"]), old=old, new=new,
                   **({"reason": reason} if reason else {}))  # fmt: skip


def _text(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return instant_text(value)
    return str(value) if isinstance(value, UUID) else value
