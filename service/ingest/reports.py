"""Lists of the catalog's own operation as the rows of files, and how long it takes to know."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from pydantic import BaseModel
from sqlmodel import Session

from schemas.identifiers import fold_name
from schemas.operations import HarvestRow, SourceLine
from schemas.problem import FieldProblem
from schemas.reports import TimingFilters, TimingRow
from service.access.policy import Caller
from service.catalog import timing
from service.catalog.keyset import Keyset
from service.catalog.named import check_names
from service.catalog.sorting import Key
from service.errors import Invalid
from service.ingest.declare import standing
from service.ingest.tables import ScopeRow, SourceRow

scope, source = ScopeRow.__table__, SourceRow.__table__
WINDOW: Final = timedelta(weeks=12)
LONGEST: Final = timedelta(weeks=104)
LINES: Final = tuple(
    name
    for name in SourceLine.model_fields
    if name not in {"source", "scopes", "late_scopes", "last_complete_at"}
)


def source_lines() -> Keyset:
    """Every source that is declared, with how its scopes stand."""
    last, _, late = standing()
    late_ones = sa.func.array_agg(scope.c.name).filter(late.element)
    counted = (
        sa.select(
            sa.func.count().label("scopes"),
            sa.func.coalesce(late_ones, sa.cast([], sa.ARRAY(sa.Text))).label("late_scopes"),
            sa.func.max(last.element).label("last_complete_at"),
        )
        .where(scope.c.source_id == source.c.id)
        .correlate(source)
        .lateral("counted")
    )
    query = sa.select(source.c.name.label("source"), *source.c[*LINES], counted).join_from(
        source, counted, sa.true()
    )
    return Keyset(query, (Key(source.c.name.collate("C")),), _line)


def _line(row: sa.RowMapping) -> SourceLine:
    members = {name: row[name] for name in SourceLine.model_fields}
    return SourceLine.model_validate(members | {"late_scopes": sorted(row["late_scopes"])})


def flat(row: BaseModel) -> dict[str, Any]:
    """A row as plain values, so that a cell can show each; a harvest with its report's figures."""
    members = row.model_dump()
    if isinstance(row, HarvestRow):
        return _harvested(members)
    return members


def _harvested(members: dict[str, Any]) -> dict[str, Any]:
    report = members.pop("report") or {}
    codes = [one["code"] for one in report.get("skipped", ())]
    return {
        **dict.fromkeys(FIGURES),
        **{name: report[name] for name in FIGURES if name in report},
        "error": report.get("error"),
        "skipped": {code: codes.count(code) for code in sorted(set(codes))},
        "left_out": report.get("counts", {}),
        **members,
    }


FIGURES: Final = (
    "seen", "created", "changed", "unchanged", "unseen", "retired", "held_back", "conflicts",
    "refused", "ahead",
)  # fmt: skip


def time_to_catalog(session: Session, asked: TimingFilters, *, caller: Caller) -> Keyset:
    """Quantiles over all, by source and kind, and by week. Raises `Invalid`."""
    check_names(session, asked, caller=caller)
    since = _since(asked.since)
    if asked.namespace is not None:  # seen through one of these, as if the caller saw no other
        spaces = frozenset(map(fold_name, asked.namespace))
        seen = spaces if caller.namespaces is None else spaces & caller.namespaces
        caller = caller._replace(namespaces=seen)
    kinds = tuple(k for k in timing.EVENTS if asked.kind is None or k.value in asked.kind)
    events = timing.select_events(kinds, since=since, caller=caller)
    grouped = _grouped(events, asked).subquery("grouped")
    keys = [
        Key(sa.func.coalesce(grouped.c[name], "").collate("C"))
        for name in ("source", "kind", "week")
    ]
    return Keyset(sa.select(grouped), tuple(keys), _timing_row)


def _grouped(events: sa.Subquery, asked: TimingFilters) -> sa.Select[Any]:
    by = events.c["source", "kind", "week"]
    sets = sa.func.grouping_sets(sa.tuple_(*by), sa.tuple_(*by[:2]), sa.tuple_())
    query = sa.select(*by, *timing.figures(events)).group_by(sets)
    return query if asked.source is None else query.where(events.c.source.in_(asked.source))


def _timing_row(row: sa.RowMapping) -> TimingRow:
    members = {name: row[name] for name in TimingRow.model_fields if name in row}
    part = "week" if row["week"] else "source_and_kind" if row["source"] else "overall"
    return TimingRow.model_validate(members | {"part": part})


def _since(asked: datetime | None) -> datetime:
    """The Monday of the first of twelve weeks, or what is asked for within two years."""
    now = datetime.now(UTC)
    if asked is None:
        first = now - WINDOW
        monday = first - timedelta(days=first.weekday())
        return monday.replace(hour=0, minute=0, second=0, microsecond=0)
    if asked < now - LONGEST:
        fix = f"The earliest is {(now - LONGEST):%Y-%m-%d}."
        raise Invalid(FieldProblem(pointer="?since", message="lies too far back", fix=fix))
    return asked
