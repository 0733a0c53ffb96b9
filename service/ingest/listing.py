"""Harvests and refused records, as people look at them."""

from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from service.ingest.sources import get_source
from service.ingest.tables import HarvestRow, QuarantineRow, ScopeRow, SourceRow

MOST: Final = 1_000

harvest, scope, quarantine, source = (
    table.__table__ for table in (HarvestRow, ScopeRow, QuarantineRow, SourceRow)
)


def list_harvests(session: Session, name: str) -> list[dict[str, Any]]:
    """The newest harvests of a source, with their reports."""
    found = get_source(session, name)
    query = (
        sa.select(
            harvest.c["id", "coverage", "outcome", "opened_at", "closed_at", "dry_run", "report"],
            scope.c.name.label("scope"),
        )
        .join_from(harvest, scope, scope.c.id == harvest.c.scope_id)
        .where(scope.c.source_id == found.id)
        .order_by(harvest.c.opened_at.desc())
        .limit(MOST)
    )
    return [dict(row) for row in session.execute(query).mappings()]


def list_quarantine(session: Session) -> list[dict[str, Any]]:
    """What is refused or held back and not settled, newest first."""
    columns = (
        "id", "what", "subject", "pointer", "code", "message", "payload", "times", "first_at",
        "last_at", "harvest_id",
    )  # fmt: skip
    query = (
        sa.select(*(quarantine.c[name] for name in columns), source.c.name.label("source"))
        .join_from(quarantine, source, source.c.id == quarantine.c.source_id)
        .where(quarantine.c.resolved_at.is_(None))
        .order_by(quarantine.c.last_at.desc(), quarantine.c.id)
        .limit(MOST)
    )
    return [dict(row) for row in session.execute(query).mappings()]
