"""Dry runs: the real route in a savepoint that is rolled back; only the plan is kept."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.harvest import PlannedChange
from schemas.identifiers import Identifier
from schemas.observation import Receipt
from service.catalog.tables import SubjectRow
from service.ingest.batch import read_batch
from service.ingest.harvests import LIMITS, OpenedHarvest, plan
from service.ingest.ingest import Recorded, count_batch, mark_known_seen, record_batch
from service.ingest.tables import SeenRow
from service.ledger.change import Cause, Change
from service.recordset import recordset

COLUMNS: Final = {
    "subject": sa.Text(),
    "digest": sa.Text(),
    "document": JSONB(),
    "changes": JSONB(),
}


def record_harvested(
    session: Session, opened: OpenedHarvest, *, documents: Sequence[Any], cause: Cause
) -> Receipt:
    """Record a harvest's batch, or only plan it: the same answer either way."""
    if opened.dry_run:
        return plan_batch(session, documents, opened=opened, cause=cause).receipt
    recorded = record_batch(session, documents, source=opened.source, cause=cause, opened=opened)
    return recorded.receipt


def plan_batch(
    session: Session, documents: Sequence[Any], *, opened: OpenedHarvest, cause: Cause
) -> Recorded:
    """What recording a batch would do, on top of what this dry run has planned before."""
    items, _ = read_batch(documents, opened.source)
    touched = {str(i) for item in items for i in (*item.claims, *item.observation.mentioned())}
    before = _planned(session, opened, subjects=touched)
    with session.begin_nested() as savepoint:
        record = partial(record_batch, source=opened.source, cause=cause, opened=opened)
        record(session, before)
        recorded = record(session, documents)
        savepoint.rollback()
    refused = {refusal.index for refusal in recorded.receipt.refused}
    items = [item for item in items if item.position not in refused]
    shown = [item.subject for item in items if not item.observation.gone]
    mark_known_seen(session, opened, identifiers=shown)
    changes = planned_changes(recorded.outcome.changes, recorded.subjects)
    rows: list[dict[str, Any]] = [
        {
            "subject": str(item.subject),
            "digest": item.digest,
            "document": item.observation.model_dump(mode="json", exclude_unset=True),
            "changes": [],
        }
        for item in items
    ]
    if rows:
        rows[0]["changes"] = [change.model_dump(mode="json") for change in changes]
        chosen = sa.select(sa.literal(opened.id, sa.Uuid()), recordset(rows, **COLUMNS))
        session.execute(sa.insert(plan).from_select(["harvest_id", *COLUMNS], chosen))
    count_batch(session, opened, recorded=recorded)
    return recorded


def planned_changes(
    changes: Iterable[Change], subjects: dict[Any, Identifier]
) -> list[PlannedChange]:
    """Ledger rows that would be written, as a plan lists them."""
    return [
        PlannedChange(
            entry=str(subjects.get(change.entry, change.entry)),
            kind=change.kind,
            field=change.field or change.op,
            old=change.old,
            new=change.new,
        )
        for change in changes
    ]


def plan_gone(session: Session, opened: OpenedHarvest, *, cause: Cause) -> None:
    """Say again what is gone, as a harvest does before it closes; the caller takes it back."""
    rows = session.execute(
        sa.select(plan.c.document)
        .where(plan.c.harvest_id == opened.id, plan.c.document["gone"].astext == "true")
        .order_by(plan.c.id)
    )
    said = list(rows.scalars())
    for start in range(0, len(said), LIMITS.observations):
        batch = said[start : start + LIMITS.observations]
        record_batch(session, batch, source=opened.source, cause=cause, opened=opened)


def planned_new(session: Session, opened: OpenedHarvest) -> int:
    """How many subjects the harvest showed that the catalog does not know yet."""
    subject, seen = SubjectRow.__table__, SeenRow.__table__
    text = subject.c.kind + ":" + subject.c.scheme + ":" + subject.c.value
    marked = (
        sa.select(text)
        .join(seen, seen.c.subject_id == subject.c.id)
        .where(seen.c.harvest_id == opened.id)
    )
    count: int = session.execute(
        sa.select(sa.func.count(plan.c.subject.distinct())).where(
            plan.c.harvest_id == opened.id, plan.c.subject.not_in(marked)
        )
    ).scalar_one()
    return count


def _planned(session: Session, opened: OpenedHarvest, *, subjects: set[str]) -> list[Any]:
    rows = session.execute(
        sa.select(plan.c.document)
        .where(plan.c.harvest_id == opened.id, plan.c.subject.in_(sorted(subjects)))
        .order_by(plan.c.id)
    )
    return list(rows.scalars())
