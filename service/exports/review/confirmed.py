"""When sources last confirmed what the catalog says, by the moment."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.harvest import Coverage, Outcome
from schemas.identifiers import Kind
from service.catalog.tables import SubjectRow
from service.catalog.typed import TYPED
from service.db import Timestamp
from service.exports.review.reading import Reading
from service.exports.statement import Value
from service.ingest.tables import AbsenceRow, HarvestRow, ObservationRow, SourceRow

absence, harvest, observation, source, subject = (
    table.__table__ for table in (AbsenceRow, HarvestRow, ObservationRow, SourceRow, SubjectRow)
)
COLON: Final = ":"


def confirmed_of(
    reading: Reading, kind: Kind, *, among: sa.Select[Any] | None = None
) -> sa.Subquery:
    """When each entry of a kind was last confirmed: the entry's id is `of`, `at` when.

    A statement is confirmed when it is observed, and by every complete full harvest of the scope
    that brought it, as of its opening, until one misses it. What was only pushed has no scope.
    `among` selects the ids of the entries that are asked for; else all are.
    """
    said, by, known, missed = (
        _said(reading, kind, among=among),
        *(reading.at(table).alias(f"its_{table.name}") for table in (source, subject, absence)),
    )
    brought = _brought(reading, said, by=by, known=known)
    swept = _swept(reading, scope_id=brought.c.scope_id, missed=missed)
    seen = sa.func.greatest(sa.func.least(said.c.observed_at, reading.now), swept.c.at)
    same = (missed.c.source_id == by.c.id, missed.c.subject_id == known.c.id)
    return (
        sa.select(said.c.of, sa.func.max(seen).label("at"))
        .select_from(said)
        .join(by, by.c.name == said.c.source)
        .outerjoin(known, _named(known, said, kind=kind))
        .outerjoin(missed, sa.and_(*same))
        .outerjoin(brought, sa.true())
        .outerjoin(swept, sa.true())
        .group_by(said.c.of)
        .subquery()
    )


def _said(reading: Reading, kind: Kind, *, among: sa.Select[Any] | None) -> sa.Subquery:
    """What sources say of the entries, a row each; what people pinned is no sighting."""
    typed = reading.at(TYPED[kind]).alias("of_kind")
    each: Any = sa.func.jsonb_array_elements(typed.c.statements)
    said = each.table_valued(sa.column("value", JSONB), name="said").render_derived()
    value = said.c.value
    rows = sa.select(
        typed.c.id.label("of"),
        value["source"].astext.label("source"),
        sa.func.split_part(value["subject"].astext, COLON, 1).label("scheme"),
        sa.func.regexp_replace(value["subject"].astext, "^[^:]*:", "").label("named"),
        value["digest"].astext.label("digest"),
        sa.cast(value["observed_at"].astext, Timestamp).label("observed_at"),
    ).select_from(typed.join(said, sa.true()))
    rows = rows.where(~value.has_key("by"))
    return (rows if among is None else rows.where(typed.c.id.in_(among))).subquery("every_said")


def _named(known: sa.FromClause, said: sa.FromClause, *, kind: Kind) -> sa.ColumnElement[bool]:
    """The subject that a statement is about."""
    return sa.and_(
        known.c.kind == kind.value,
        known.c.scheme == said.c.scheme,
        known.c.value == said.c.named,
    )


def _brought(
    reading: Reading, said: sa.FromClause, *, by: sa.FromClause, known: sa.FromClause
) -> Any:
    """The scope whose harvest brought what is said."""
    return (
        sa.select(harvest.c.scope_id)
        .join_from(observation, harvest, harvest.c.id == observation.c.harvest_id)
        .where(
            observation.c.source_id == by.c.id,
            observation.c.subject_id == known.c.id,
            observation.c.digest == said.c.digest,
            reading.past(observation.c.recorded_at),
        )
        .order_by(observation.c.observed_at.desc(), observation.c.id.desc())
        .limit(1)
        .lateral("brought")
    )


def _swept(reading: Reading, *, scope_id: Value, missed: sa.FromClause) -> Any:
    """When the last complete full harvest of a scope was opened that did not miss it."""
    before = sa.or_(missed.c.unseen_since.is_(None), harvest.c.opened_at < missed.c.unseen_since)
    return (
        sa.select(harvest.c.opened_at.label("at"))
        .where(
            harvest.c.scope_id == scope_id,
            harvest.c.coverage == Coverage.FULL.value,
            harvest.c.outcome == Outcome.COMPLETE.value,
            ~harvest.c.dry_run,
            reading.past(harvest.c.closed_at),
            before,
        )
        .order_by(harvest.c.opened_at.desc())
        .limit(1)
        .lateral("swept")
    )
