"""Dry runs: the real route in a savepoint that is rolled back; only the plan is kept."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.harvest import PlannedChange
from schemas.identifiers import Identifier
from service.ingest.batch import read_batch
from service.ingest.harvests import OpenedHarvest, harvest, plan
from service.ingest.ingest import Recorded, mark_known_seen, record_batch
from service.ingest.project import Cause
from service.ingest.sources import SourceFacts
from service.ledger.change import Change
from service.recordset import recordset

COLUMNS: Final = {"subject": sa.Text(), "digest": sa.Text(), "document": JSONB(), "changes": JSONB()}


def plan_batch(
    session: Session,
    documents: Sequence[Any],
    *,
    source: SourceFacts,
    cause: Cause,
    opened: OpenedHarvest,
) -> Recorded:
    """What recording a batch would do, on top of what this dry run has planned before."""
    items, _ = read_batch(documents, source)
    touched = {str(i) for item in items for i in (*item.claims, *item.observation.mentioned())}
    before = _planned(session, opened, touched)
    savepoint = session.begin_nested()
    record_batch(session, before, source=source, cause=cause)
    recorded = record_batch(session, documents, source=source, cause=cause)
    savepoint.rollback()
    mark_known_seen(session, source, opened, [item.subject for item in items])
    changes = planned_changes(recorded.outcome.changes, recorded.subjects)
    rows = [
        {
            "subject": str(item.subject),
            "digest": item.digest,
            "document": documents[item.index],
            "changes": [],
        }
        for item in items
    ]
    if rows:
        rows[0]["changes"] = [change.model_dump(mode="json") for change in changes]
        given = recordset(rows, **COLUMNS)
        session.execute(
            sa.insert(plan).from_select(
                ["harvest_id", *COLUMNS], sa.select(sa.literal(opened.id, sa.Uuid()), given)
            )
        )
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == opened.id)
        .values(
            created=harvest.c.created + len(recorded.outcome.created),
            changed=harvest.c.changed + len(recorded.outcome.changed),
            unchanged=harvest.c.unchanged + recorded.receipt.unchanged,
            conflicts=harvest.c.conflicts + recorded.outcome.conflicts,
            refused=harvest.c.refused + len(recorded.receipt.refused),
        )
    )
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


def _planned(session: Session, opened: OpenedHarvest, subjects: set[str]) -> list[Any]:
    rows = session.execute(
        sa.select(plan.c.document)
        .where(plan.c.harvest_id == opened.id, plan.c.subject.in_(sorted(subjects)))
        .order_by(plan.c.id)
    )
    return list(rows.scalars())
