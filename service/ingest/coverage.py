"""What the catalog can see: every scope of every source, how fresh it is, what it leaves out."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.harvest import Outcome
from schemas.operations import CoverageFilters, CoverageRow
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.lateness import PUSHED
from service.catalog.sorting import Key
from service.ingest.declare import standing
from service.ingest.listing import EXPIRED, OUTCOME, harvest
from service.ingest.tables import QuarantineRow, ScopeRow, SourceRow

quarantine, scope, source = (table.__table__ for table in (QuarantineRow, ScopeRow, SourceRow))
REPORTED: Final = ("seen", "unseen", "held_back", "refused", "ahead")
COUNTED: Final = ("unregistered_deployments", "ghosts", "not_observable")  # of what it says
BY_NAME: Final = (
    Key(source.c.name.collate("C")), Key(sa.func.coalesce(scope.c.name, "").collate("C")),
)  # fmt: skip


def namespace_of_scope() -> sa.ColumnElement[Any]:
    """That of the workspace which a scope names, else the source's own."""
    workspace = sa.func.split_part(scope.c.name, "/", 2)
    return sa.func.coalesce(source.c.namespaces[workspace].astext, source.c.namespace)


def visible_sources(caller: Caller) -> sa.ColumnElement[bool]:
    """Sources, beside their scopes if they have any, of the namespaces that the caller may read."""
    if caller.namespaces is None:
        return sa.true()
    return namespace_of_scope().in_(sorted(caller.namespaces))


def coverage(asked: CoverageFilters, *, caller: Caller, counted: sa.Subquery) -> Keyset:
    """Every scope that the caller may know of, and sources that have none yet.

    `counted` holds by `source` how much of what it says is not accounted for (`COUNTED`).
    """
    numbers = (sa.func.coalesce(counted.c[name], 0).label(name) for name in COUNTED)
    query = select_coverage(caller).outerjoin(counted, counted.c.source == source.c.name)
    query = query.add_columns(*numbers)
    if asked.source is not None:
        query = query.where(source.c.name.in_(asked.source))
    if asked.state is not None:
        query = query.where(_state().in_(asked.state))
    return Keyset(query, BY_NAME, coverage_row)


def select_coverage(caller: Caller) -> sa.Select[Any]:
    """Scopes with their last complete harvest and what their last report says."""
    last, due, _ = standing()
    ended, reported, waiting = _ended(), _reported(), _waiting()
    age = sa.extract("epoch", sa.func.now() - _last())
    return (
        sa.select(
            source.c.name.label("source"),
            source.c.kind.label("source_kind"),
            namespace_of_scope().label("namespace"),
            scope.c.name.label("scope"),
            _state().label("state"),
            source.c.expected_interval_seconds,
            last,
            scope.c.full_closed_at.label("last_full_at"),
            due,
            sa.cast(age, sa.BigInteger).label("age_seconds"),
            ended.c.outcome.label("last_outcome"),
            ended.c.closed_at.label("last_closed_at"),
            reported.c.report,
            reported.c.skipped,
            *waiting.c["held_back_open", "refused_open", "pushed_refused_open"],
        )
        .select_from(source)
        .outerjoin(scope, scope.c.source_id == source.c.id)
        .outerjoin(ended, sa.true())
        .outerjoin(reported, sa.true())
        .join(waiting, sa.true())
        .where(visible_sources(caller))
        .order_by(*(key.ordered for key in BY_NAME))
    )


def coverage_row(row: sa.RowMapping) -> CoverageRow:
    """A scope as readers see it; what `COUNTED` names only where it was counted."""
    report = row["report"] or {}
    counts = {name: report.get(name, 0) for name in REPORTED}
    said = {
        "left_out": report.get("counts", {}),
        "skipped": row["skipped"] or {},
        "error": report.get("error") if row["last_outcome"] == Outcome.FAILED else None,
    }
    numbers = {name: row.get(name) for name in COUNTED}
    more = counts | said | numbers
    beside = CoverageRow.model_fields.keys() - more.keys()
    return CoverageRow.model_validate({name: row[name] for name in beside} | more)


def _last() -> sa.ColumnElement[Any]:
    return sa.func.greatest(scope.c.full_closed_at, scope.c.delta_closed_at)


def _state() -> sa.ColumnElement[str]:
    *_, late = standing()
    return sa.case(
        (~source.c.enabled, "disabled"),
        (sa.and_(scope.c.id.is_(None), source.c.kind.in_(PUSHED)), "pushed"),
        (_last().is_(None), "never"),
        (late.element, "late"),
        else_="on_time",
    )


def _ended() -> sa.FromClause:
    """The newest harvest that is over, however it ended."""
    closed = sa.case((EXPIRED, harvest.c.lease_until), else_=harvest.c.closed_at)
    over = sa.or_(harvest.c.closed_at.is_not(None), EXPIRED)
    return (
        sa.select(OUTCOME.label("outcome"), closed.label("closed_at"))
        .where(harvest.c.scope_id == scope.c.id, ~harvest.c.dry_run, over)
        .order_by(harvest.c.opened_at.desc())
        .limit(1)
        .lateral("ended")
    )


def _reported() -> sa.FromClause:
    """The newest report, and what it skipped, counted by code."""
    each = sa.func.jsonb_array_elements(harvest.c.report["skipped"]).table_valued("value")
    code = sa.cast(each.c.value, JSONB)["code"].astext.label("code")
    counted = sa.select(code, sa.func.count().label("number")).select_from(each).group_by(code)
    skipped = counted.correlate(harvest).subquery("by_code")
    by_code = sa.select(sa.func.jsonb_object_agg(skipped.c.code, skipped.c.number))
    slim = harvest.c.report.op("-", return_type=JSONB)("skipped").op("-", return_type=JSONB)("plan")
    return (
        sa.select(slim.label("report"), by_code.scalar_subquery().label("skipped"))
        .where(harvest.c.scope_id == scope.c.id, ~harvest.c.dry_run, harvest.c.report.is_not(None))
        .order_by(harvest.c.opened_at.desc())
        .limit(1)
        .lateral("reported")
    )


def _waiting() -> sa.FromClause:
    """What of a scope, and of pushes to its source, waits in quarantine."""
    here = harvest.c.scope_id == scope.c.id
    held = quarantine.c.what == "held_back"
    return (
        sa.select(
            sa.func.count().filter(here, held).label("held_back_open"),
            sa.func.count().filter(here, ~held).label("refused_open"),
            sa.func.count().filter(quarantine.c.harvest_id.is_(None)).label("pushed_refused_open"),
        )
        .select_from(quarantine)
        .outerjoin(harvest, harvest.c.id == quarantine.c.harvest_id)
        .where(quarantine.c.source_id == source.c.id, quarantine.c.resolved_at.is_(None))
        .correlate(source, scope)
        .lateral("waiting")
    )
