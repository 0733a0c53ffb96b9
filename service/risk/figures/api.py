"""Routes of figures for leadership, and of what several models rest on."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.kpis import (
    FIGURES,
    KpiExport,
    KpiFilters,
    KpiRow,
    Kpis,
    SharedExport,
    SharedFilters,
    SharedRow,
    SharedThings,
)
from schemas.reports import TimingFilters
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.moments import MomentUnsettled, begin_at
from service.catalog.sorting import Key
from service.db import ReadSession
from service.deployments.api import approved
from service.deployments.counts import Tallied, tally_unregistered, tally_unseen
from service.errors import problems
from service.exports.api import NAMED, Suffix
from service.exports.export import FormUnknown, begin, read_form
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.ingest.reports import time_to_catalog
from service.recordset import recordset
from service.risk.figures.kpis import Group, figure, read_now, risk_figures
from service.risk.figures.selects import ground, shared
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["figures"], route_class=CatalogRoute)
READ: Final = problems(MomentUnsettled)
RESPONSES: Final = problems(FormUnknown, TooManyRows, MomentUnsettled) | {200: NAMED[200]}
COLUMNS: Final[dict[str, Any]] = {
    "place": sa.Integer(), "figure": sa.Text(), "by": sa.Text(), "group": sa.Text(),
    "unit": sa.Text(), "numerator": sa.BigInteger(), "denominator": sa.BigInteger(),
    "unknown": sa.BigInteger(), "value": sa.Float(), "url": sa.Text(), "meaning": sa.Text(),
}  # fmt: skip


@router.get("/kpis", responses=READ)
@policy("entries:read")
def get_kpis(
    caller: Requester,
    query: Annotated[KpiFilters, Query()],
    session: ReadSession,
    request: Request,
) -> Kpis:
    """Every figure with what it is a part of, what is unknown, and where its list is."""
    begin_at(session, query.as_of)
    now = begin(session)
    rows = read_kpis(session, query, caller=caller, blueprints=approved(request))
    told = {one.figure for one in rows}
    missing = tuple(one for one in FIGURES if one not in told)
    return Kpis(as_of=query.as_of or now, items=tuple(rows), left_out=missing)


@router.get("/kpis.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_kpis(
    caller: Requester,
    form: Suffix,
    query: Annotated[KpiExport, Query()],
    session: ReadSession,
    request: Request,
) -> StreamingResponse:
    """The same as a file."""
    begin_at(session, query.as_of)
    rows = read_kpis(session, query, caller=caller, blueprints=approved(request))
    return answer_list(session, _in_order(rows), name="kpis", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


@router.get("/kpis/shared", responses=READ)
@policy("entries:read")
def get_shared(
    caller: Requester, query: Annotated[SharedFilters, Query()], session: ReadSession
) -> SharedThings:
    """Datasets, base models and vendors that two models or more rest on; at most 1,000."""
    begin_at(session, query.as_of)
    now = begin(session)
    found = _shared(session, query, caller=caller)
    ordered = found.query.order_by(*(key.ordered for key in found.order)).limit(1_000)
    items = tuple(map(found.as_row, session.execute(ordered).mappings()))
    return SharedThings(as_of=query.as_of or now, items=items)


@router.get("/kpis/shared.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_shared(
    caller: Requester, form: Suffix, query: Annotated[SharedExport, Query()], session: ReadSession
) -> StreamingResponse:
    """All of them as a file."""
    begin_at(session, query.as_of)
    found = _shared(session, query, caller=caller)
    return answer_list(session, found, name="shared", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


def read_kpis(
    session: Session, asked: KpiFilters, *, caller: Caller, blueprints: tuple[str, ...]
) -> list[KpiRow]:
    """Every figure in its order, the totals first."""
    now = read_now(session)
    rows = list(risk_figures(session, asked, caller=caller, now=now))
    if asked.as_of is None:  # deployments are judged as they are, and events as they came
        rows += _of_deployments(session, asked, caller=caller, blueprints=blueprints)
        rows += _timed(session, caller=caller)
    order = {name: place for place, name in enumerate(FIGURES)}
    return sorted(rows, key=lambda one: (one.by is not None, order[one.figure]))


def _of_deployments(
    session: Session, asked: KpiFilters, *, caller: Caller, blueprints: tuple[str, ...]
) -> Iterator[KpiRow]:
    """In all, and by namespace: what nothing accounts for has no tier and no line of business."""
    tallies = {
        "unregistered_deployments": tally_unregistered(session, caller, approved=blueprints),
        "ghosts": tally_unseen(session, caller),
    }
    for name, rows in tallies.items():
        found, whole = sum(one.found for one in rows), sum(one.all for one in rows)
        total = Tallied(None, found, whole, sum(one.unknown for one in rows))
        yield _tallied(name, total, of=Group())
        if asked.by == "namespace":
            for one in rows:
                yield _tallied(name, one, of=Group("namespace", one.namespace))


def _tallied(name: str, row: Tallied, *, of: Group) -> KpiRow:
    return figure(name, of, part=row.found, whole=row.all, unknown=row.unknown)


def _timed(session: Session, *, caller: Caller) -> Iterator[KpiRow]:
    each = time_to_catalog(session, TimingFilters(), caller=caller).query.subquery("each")
    overall = [each.c[name].is_(None) for name in ("source", "kind", "week")]
    row = session.execute(sa.select(each).where(*overall)).mappings().one_or_none()
    if row is not None:
        yield figure("time_to_catalog_p95", Group(), whole=row["count"], value=row["p95"])


def _shared(session: Session, asked: SharedFilters, *, caller: Caller) -> Keyset:
    on = ground(caller, by=None, as_of=asked.as_of, now=read_now(session))
    found = shared(on).subquery("shared")
    names = (Key(found.c[name].collate("C")) for name in ("what", "name"))
    order = (Key(found.c.models, descending=True), *names)
    return Keyset(sa.select(found), order, _shared_row)


def _in_order(rows: Sequence[KpiRow]) -> Keyset:
    """What was read already, as a list that a file is made of."""
    told = [one.model_dump() | {"place": place} for place, one in enumerate(rows)]
    given = recordset(told, **COLUMNS)
    names = [name for name in COLUMNS if name != "place"]
    return Keyset(sa.select(*given.c[*names]), (Key(given.c.place),), _figure)


def _figure(row: sa.RowMapping) -> KpiRow:
    return KpiRow.model_validate(dict(row))


def _shared_row(row: sa.RowMapping) -> SharedRow:
    return SharedRow.model_validate(dict(row))
