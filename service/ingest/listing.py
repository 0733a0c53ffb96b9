"""Harvests and refused records, as people look at them."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlmodel import Session

from schemas.harvest import Outcome
from schemas.operations import HarvestFilters, HarvestRow
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.rows import API
from service.catalog.sorting import Key
from service.ingest import tables
from service.ingest.harvests import HarvestNotFound
from service.ingest.sources import get_source

harvest, scope, source = (
    table.__table__ for table in (tables.HarvestRow, tables.ScopeRow, tables.SourceRow)
)
EXPIRED: Final = harvest.c.closed_at.is_(None) & (harvest.c.lease_until < sa.func.clock_timestamp())
OUTCOME: Final = sa.case((EXPIRED, Outcome.FAILED.value), else_=harvest.c.outcome)
NEWEST_HARVEST: Final = (
    Key(harvest.c.opened_at, descending=True), Key(harvest.c.id, descending=True),
)  # fmt: skip


def harvests_of(session: Session, name: str, *, asked: HarvestFilters) -> Keyset:
    """The harvests of a source that match, the newest first. Raises `SourceNotFound`."""
    query = _select(_shortened(harvest.c.report)).where(
        scope.c.source_id == get_source(session, name).id
    )
    if asked.outcome is not None:
        query = query.where(sa.func.coalesce(OUTCOME, "running").in_(asked.outcome))
    if asked.scope is not None:
        query = query.where(scope.c.name.in_(asked.scope))
    if asked.since is not None:
        query = query.where(harvest.c.opened_at >= asked.since)
    return Keyset(query, NEWEST_HARVEST, _harvest)


def get_harvest(session: Session, harvest_id: UUID, *, caller: Caller) -> HarvestRow:
    """One harvest with its whole report; a source's token sees its own. Raises HarvestNotFound."""
    query = _select(harvest.c.report).where(harvest.c.id == harvest_id)
    if caller.source is not None:
        query = query.where(source.c.name == caller.source)
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise HarvestNotFound(harvest=harvest_id)
    return _harvest(row)


def _select(report: sa.ColumnElement[Any]) -> sa.Select[Any]:
    return (
        sa.select(
            *harvest.c["id", "coverage", "opened_at", "lease_until", "harvester_version"],
            harvest.c.dry_run,
            OUTCOME.label("outcome"),
            sa.case((EXPIRED, harvest.c.lease_until), else_=harvest.c.closed_at).label("closed_at"),
            report.label("report"),
            scope.c.name.label("scope"),
            source.c.name.label("source"),
        )
        .join_from(harvest, scope, scope.c.id == harvest.c.scope_id)
        .join(source, source.c.id == scope.c.source_id)
    )


def _harvest(row: sa.RowMapping) -> HarvestRow:
    members = {name: row[name] for name in HarvestRow.model_fields if name in row}
    return HarvestRow.model_validate(members | {"url": f"{API}/harvests/{row['id']}"})


def _shortened(report: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A report without its plan, and with the first ten of up to 10,000 that were skipped."""
    skipped = sa.func.jsonb_path_query_array(
        report, sa.cast("$.skipped[0 to 9]", JSONPATH), type_=JSONB
    )
    shown = sa.func.jsonb_build_object("skipped", skipped, "plan", sa.cast([], JSONB), type_=JSONB)
    return report.op("||", return_type=JSONB)(shown)
