"""What stands between a thing and the catalog: held-back plans, and what harvests passed over."""

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.explain import ExplainedPlan, ExplainedSkip
from schemas.identifiers import Identifier, Kind
from service.catalog.tables import SubjectRow
from service.ingest.batch import registry_model
from service.ingest.tables import (
    HarvestRow,
    HeldSubjectRow,
    QuarantineRow,
    ScopeRow,
    SourceRow,
)
from service.recordset import among

MOST: Final = 100
harvest, held, item, scope, source, subject = (
    table.__table__
    for table in (HarvestRow, HeldSubjectRow, QuarantineRow, ScopeRow, SourceRow, SubjectRow)
)


def plans_for(session: Session, entries: Sequence[UUID]) -> tuple[ExplainedPlan, ...]:
    """Held-back plans that would retire an identifier of these entries."""
    concerned = (
        sa.select(held.c.quarantine_id)
        .join(subject, subject.c.id == held.c.subject_id)
        .where(among(subject.c.entry_id, entries))
    )
    return _plans(session, item.c.id.in_(concerned))


def plans_of(session: Session, name: str, *, scopes: Collection[str]) -> tuple[ExplainedPlan, ...]:
    """Held-back plans of some scopes of a source: those that the caller may know of."""
    if not scopes:
        return ()
    of_scopes = item.c.plan["scope"].astext.in_(scopes)
    return _plans(session, sa.and_(source.c.name == name, of_scopes))


def _plans(session: Session, chosen: sa.ColumnElement[bool]) -> tuple[ExplainedPlan, ...]:
    query = (
        sa.select(
            item.c.id.label("item"), source.c.name.label("source"),
            item.c.plan["scope"].astext.label("scope"), item.c.harvest_id.label("harvest"),
            item.c.first_at.label("held_at"),
        )
        .join_from(item, source, source.c.id == item.c.source_id)
        .where(item.c.what == "held_back", item.c.resolved_at.is_(None), chosen)
        .order_by(item.c.id)
        .limit(MOST)
    )  # fmt: skip
    return tuple(
        ExplainedPlan.model_validate(dict(row)) for row in session.execute(query).mappings()
    )


def passed_over(
    session: Session, source_id: int, *, identifiers: Sequence[Identifier]
) -> tuple[ExplainedSkip, ...]:
    """What the newest report of each scope of a source says of these, or of their models."""
    named = (*identifiers, *map(registry_model, identifiers))
    about = [one.model_dump(mode="json") for one in named if one is not None]
    within = [one.value for one in identifiers if one.kind is Kind.REPOSITORY]
    newest = _newest_reports(source_id)
    each = sa.func.jsonb_array_elements(newest.c.report["skipped"]).table_valued("value")
    said = sa.cast(each.c.value, JSONB)
    query = (
        sa.select(
            newest.c.source, newest.c.scope, newest.c.harvest, newest.c.closed_at,
            said["code"].astext.label("code"), said["message"].astext.label("message"),
        )
        .select_from(newest)
        .join(each, sa.true())
        .where(
            sa.or_(
                *(said["subject"] == sa.cast(one, JSONB) for one in about),
                sa.func.split_part(said["subject"]["value"].astext, "#", 1).in_(within),
            )
        )
        .order_by(newest.c.closed_at.desc())
        .limit(MOST)
    )  # fmt: skip
    return tuple(
        ExplainedSkip.model_validate(dict(row)) for row in session.execute(query).mappings()
    )


def _newest_reports(source_id: int) -> sa.FromClause:
    newest = (
        sa.select(harvest.c.id, harvest.c.report, harvest.c.closed_at)
        .where(harvest.c.scope_id == scope.c.id, ~harvest.c.dry_run, harvest.c.report.is_not(None))
        .order_by(harvest.c.opened_at.desc())
        .limit(1)
        .lateral("newest")
    )
    columns: list[Any] = [
        source.c.name.label("source"), scope.c.name.label("scope"), newest.c.id.label("harvest"),
        newest.c.report, newest.c.closed_at,
    ]  # fmt: skip
    return (
        sa.select(*columns)
        .join_from(source, scope, scope.c.source_id == source.c.id)
        .join(newest, sa.true())
        .where(source.c.id == source_id)
        .subquery("reports")
    )
