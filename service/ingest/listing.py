"""Harvests and refused records, as people look at them."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlmodel import Session

from schemas.harvest import Outcome
from service.ingest.sources import get_source
from service.ingest.tables import HarvestRow, QuarantineRow, ScopeRow, SourceRow

MOST: Final = 1_000
HARVESTS: Final = 100
LONGEST: Final = 65_536  # characters of a payload: a plan that was held back may be long

harvest, scope, quarantine, source = (
    table.__table__ for table in (HarvestRow, ScopeRow, QuarantineRow, SourceRow)
)


def list_harvests(session: Session, name: str) -> list[dict[str, Any]]:
    """The newest harvests of a source, with their reports."""
    found = get_source(session, name)
    expired = harvest.c.closed_at.is_(None) & (harvest.c.lease_until < sa.func.clock_timestamp())
    query = (
        sa.select(
            *harvest.c["id", "coverage", "opened_at", "dry_run"],
            sa.case((expired, Outcome.FAILED.value), else_=harvest.c.outcome).label("outcome"),
            sa.case((expired, harvest.c.lease_until), else_=harvest.c.closed_at).label("closed_at"),
            _shortened(harvest.c.report).label("report"),
            scope.c.name.label("scope"),
        )
        .join_from(harvest, scope, scope.c.id == harvest.c.scope_id)
        .where(scope.c.source_id == found.id)
        .order_by(harvest.c.opened_at.desc())
        .limit(HARVESTS)
    )
    return [dict(row) for row in session.execute(query).mappings()]


def _shortened(report: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A report without its plan, and with the first of up to 10,000 things that were skipped."""
    skipped = sa.func.jsonb_path_query_array(
        report, sa.cast("$.skipped[0 to 99]", JSONPATH), type_=JSONB
    )
    shown = sa.func.jsonb_build_object("skipped", skipped, "plan", sa.cast([], JSONB), type_=JSONB)
    return report.op("||", return_type=JSONB)(shown)


def list_quarantine(session: Session) -> list[dict[str, Any]]:
    """What is refused or held back and not settled, newest first."""
    columns = (
        "id", "what", "subject", "pointer", "code", "message", "times", "first_at", "last_at",
        "harvest_id",
    )  # fmt: skip
    payload = sa.func.left(quarantine.c.payload, LONGEST).label("payload")
    query = (
        sa.select(*quarantine.c[*columns], payload, source.c.name.label("source"))
        .join_from(quarantine, source, source.c.id == quarantine.c.source_id)
        .where(quarantine.c.resolved_at.is_(None))
        .order_by(quarantine.c.last_at.desc(), quarantine.c.id)
        .limit(MOST)
    )
    return [dict(row) for row in session.execute(query).mappings()]
