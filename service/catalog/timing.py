"""Time to catalog: from an event at its source to the entry, as quantiles by source, kind and week.

An entry is there from `first_seen_at`, the beginning of the transaction that made it: at most a
batch before its commit. What the catalog knew before the event, such as a training run that had
not ended, counts from the ledger row that brought the event's own fact.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from schemas.harvest import Outcome
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import TYPED
from service.catalog.view import current, everyone, visible
from service.history import HISTORY
from service.ingest.tables import HarvestRow, ScopeRow, SightingRow, SourceRow
from service.ledger.tables import ChangeRow

EVENTS: Final[Mapping[Kind, str]] = {  # the fact that says when it happened
    Kind.MODEL: "created_at",
    Kind.VERSION: "created_at",
    Kind.TRAINING_RUN: "ended_at",
    Kind.REPOSITORY: "pushed_at",
    Kind.BUILD: "finished_at",
    Kind.DEPLOYMENT: "created_at",
}
QUANTILES: Final = (0.5, 0.9, 0.95, 0.99)
NAMES: Final = ("p50", "p90", "p95", "p99")
SKEW: Final = timedelta(seconds=5)  # two clocks: what lies so little ahead took no time

entry, source, scope, sighting, subject, harvest, change = (
    table.__table__
    for table in (Entry, SourceRow, ScopeRow, SightingRow, SubjectRow, HarvestRow, ChangeRow)
)


def select_events(kinds: tuple[Kind, ...], *, since: datetime, caller: Caller) -> sa.Subquery:
    """Every event since a moment of an entry that the caller may see, a row each."""
    known = _known_since().cte("known").prefix_with("MATERIALIZED")
    each = (_events(kind, known, since=since, caller=caller) for kind in kinds)
    return sa.union_all(*each).subquery("events")


def _events(kind: Kind, known: sa.CTE, *, since: datetime, caller: Caller) -> sa.Select[Any]:
    """Ids begin with the time at which they were made: the key finds what is new enough."""
    typed, fact = TYPED[kind], EVENTS[kind]
    event = typed.c[fact]
    floor = UUID(int=int(max(0.0, (since - timedelta(days=1)).timestamp()) * 1_000) << 80)
    first = typed.c.provenance[fact][0]
    said = typed.c.statements[sa.cast(first.astext, sa.Integer)]
    told = (
        sa.select(change.c.recorded_at)
        .where(
            change.c.entry_id == entry.c.id, change.c.field == fact, change.c.recorded_at >= event
        )
        .order_by(change.c.id)
        .limit(1)
        .correlate(entry, typed)
        .scalar_subquery()
    )
    came = sa.case((entry.c.first_seen_at >= event, entry.c.first_seen_at), else_=told)
    seconds = sa.extract("epoch", sa.func.coalesce(came, entry.c.first_seen_at) - event)
    backfilled = sa.case(
        (event >= known.c.latest, sa.false()),
        (event < known.c.declared_at, sa.true()),
        else_=event < _first_complete_of(kind, said, known=known),
    )
    return (
        sa.select(
            sa.literal(kind.value, sa.Text).label("kind"),
            known.c.name.label("source"),
            known.c.kind.label("source_kind"),
            sa.func.to_char(sa.func.timezone("UTC", event), 'IYYY-"W"IW').label("week"),
            seconds.label("seconds"),
            backfilled.label("backfilled"),
        )
        .select_from(typed)
        .join(entry, entry.c.id == typed.c.id)
        .join(known, known.c.name == said["source"].astext)
        .where(typed.c.id >= floor, event >= since, current(), visible(caller, kind=kind))
    )


def _known_since() -> sa.Select[Any]:
    """Since when each source is declared, and since when all of its scopes have been read once."""
    past = source.metadata.tables[f"{source.name}{HISTORY}"]
    earlier = sa.select(sa.func.min(past.c.valid_from)).where(past.c.id == source.c.id)
    latest = sa.select(sa.func.max(_first_complete())).where(scope.c.source_id == source.c.id)
    declared = sa.func.least(source.c.valid_from, earlier.scalar_subquery())
    return sa.select(
        *source.c["id", "name", "kind"],
        declared.label("declared_at"),
        sa.func.coalesce(latest.correlate(source).scalar_subquery(), declared).label("latest"),
    )


def _first_complete() -> sa.ColumnElement[datetime]:
    """When the first complete harvest of a scope ended; never is later than everything."""
    ended = (
        sa.select(harvest.c.closed_at)
        .where(
            harvest.c.scope_id == scope.c.id,
            harvest.c.outcome == Outcome.COMPLETE.value,
            ~harvest.c.dry_run,
        )
        .order_by(harvest.c.opened_at)
        .limit(1)
        .correlate(scope)
        .scalar_subquery()
    )
    return sa.func.coalesce(ended, sa.literal_column("'infinity'::timestamptz"))


def _first_complete_of(kind: Kind, said: Any, *, known: sa.CTE) -> sa.ColumnElement[datetime]:
    """That of the scope which a statement belongs to; what was pushed counts from the source's."""
    about = said["subject"].astext
    found = (
        sa.select(_first_complete())
        .select_from(subject)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .join(scope, scope.c.id == sighting.c.scope_id)
        .where(
            subject.c.kind == kind,
            subject.c.scheme == sa.func.split_part(about, ":", 1),
            subject.c.value == sa.func.regexp_replace(about, "^[^:]*:", ""),
            sighting.c.source_id == known.c.id,
        )
        .correlate(known, TYPED[kind])
        .scalar_subquery()
    )
    return sa.func.coalesce(found, known.c.declared_at)


def select_lately(since: datetime) -> sa.Select[Any]:
    """Of all that was measured since a moment, by kind of source and of entry."""
    events = select_events(tuple(EVENTS), since=since, caller=everyone())
    by = events.c["source_kind", "kind"]
    measured = sa.select(*by, *figures(events)).group_by(*by).subquery("measured")
    return sa.select(measured).where(measured.c.count > 0)


def figures(events: sa.Subquery) -> list[sa.ColumnElement[Any]]:
    """What is said of a group of events."""
    ahead = events.c.seconds < -SKEW.total_seconds()
    measured = sa.and_(~events.c.backfilled, ~ahead)
    taken = sa.func.greatest(0, events.c.seconds)
    quantiles = [
        sa.func.percentile_cont(quantile).within_group(taken).filter(measured)
        for quantile in QUANTILES
    ]
    return [
        sa.func.count().filter(measured).label("count"),
        *(_rounded(value).label(name) for name, value in zip(NAMES, quantiles, strict=True)),
        _rounded(sa.func.max(taken).filter(measured)).label("max"),
        sa.func.count().filter(events.c.backfilled).label("backfilled"),
        sa.func.count().filter(sa.and_(~events.c.backfilled, ahead)).label("ahead"),
    ]


def _rounded(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """To milliseconds."""
    return sa.cast(sa.func.round(sa.cast(value, sa.Numeric), 3), sa.Double)
