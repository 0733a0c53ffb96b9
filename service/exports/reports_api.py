"""Files of reports and of lists of operation: coverage, sources, harvests, quarantine, unknowns."""

from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from sqlmodel import Session

from schemas.operations import CoverageExport, HarvestExport, SourceExport
from schemas.quarantine import QuarantineExport
from schemas.report_columns import REPORTS
from schemas.reports import TimingExport, UnknownExport
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.named import check_names
from service.db import ReadSession
from service.deployments.counts import by_source
from service.errors import problems
from service.exports.answer import about, answer_export, check_dialect
from service.exports.api import NAMED, UNSAFE, Suffix
from service.exports.export import Export, Form, FormUnknown, Row, begin, read_form
from service.exports.sheet import TooManyRows
from service.ingest import listing, waiting
from service.ingest.coverage import coverage
from service.ingest.reports import flat, source_lines, time_to_catalog
from service.ingest.sources import SourceNotFound
from service.ingest.sources_api import check_own
from service.ingest.unknowns import select_unknowns, unknown_row, unknowns
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["operations"], route_class=CatalogRoute)
RESPONSES: Final = problems(FormUnknown, TooManyRows) | {200: NAMED[200]}


@router.get("/coverage.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_coverage(
    caller: Requester,
    form: Suffix,
    query: Annotated[CoverageExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """Every scope of every source, how fresh it is and what it leaves out, as a file."""
    check_names(session, query, caller=caller)
    found = coverage(query, caller=caller, counted=by_source(caller))
    return answer_list(session, found, name="coverage", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


@router.get("/sources.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("sources:read")
def export_sources(
    caller: Requester, form: Suffix, query: Annotated[SourceExport, Query()], session: ReadSession
) -> StreamingResponse:
    """Every source that is declared, and how its scopes stand, as a file."""
    return answer_list(session, source_lines(), name="sources", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


@router.get(
    "/sources/{source}/harvests.{form}",
    response_class=StreamingResponse,
    responses=RESPONSES | problems(SourceNotFound, FormUnknown),
)
@policy("sources:own")
def export_harvests(
    caller: Requester,
    source: str,
    form: Suffix,
    query: Annotated[HarvestExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The harvests of a source, with the figures of their reports, as a file."""
    check_own(caller, source)
    found = listing.harvests_of(session, source, asked=query)
    return answer_list(session, found, name="harvests", asked=query, caller=caller,
                       form=read_form(form), of=(source,))  # fmt: skip


@router.get("/quarantine.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("quarantine:read")
def export_quarantine(
    caller: Requester,
    form: Suffix,
    query: Annotated[QuarantineExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """Refused records and held-back harvests as a file; open ones unless told else."""
    check_names(session, query, caller=caller)
    return answer_list(session, waiting.quarantined(query), name="quarantine", asked=query,
                       caller=caller, form=read_form(form))  # fmt: skip


@router.get("/time-to-catalog.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_time_to_catalog(
    caller: Requester, form: Suffix, query: Annotated[TimingExport, Query()], session: ReadSession
) -> StreamingResponse:
    """How long events at the sources took to reach the catalog, as a file."""
    found = time_to_catalog(session, query, caller=caller)
    return answer_list(session, found, name="time-to-catalog", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


@router.get("/unknowns.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_unknowns(
    caller: Requester, form: Suffix, query: Annotated[UnknownExport, Query()], session: ReadSession
) -> StreamingResponse:
    """What no source could tell, and what would tell it, as a file."""
    found = Keyset(select_unknowns(unknowns(session, query, caller=caller)), (), unknown_row)
    return answer_list(session, found, name="unknowns", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


def answer_list(
    session: Session,
    found: Keyset,
    *,
    name: str,
    asked: BaseModel,
    caller: Caller,
    form: Form,
    of: tuple[str, ...] = (),
) -> StreamingResponse:
    """All rows of a list as one file; JSON Lines hold the items of its pages."""
    check_dialect(asked, form)
    as_of = begin(session)
    rows = found.query
    if found.order:
        rows = rows.order_by(None).order_by(*(key.ordered for key in found.order))

    def in_cells(row: sa.RowMapping) -> Row:
        return flat(found.as_row(row))

    as_row = found.as_row if form is Form.JSONL else in_cells
    title = UNSAFE.sub("-", "_".join((*of, name)))
    export = Export(title, REPORTS[name], as_of, rows, as_row, about(asked, caller))
    dialect: str = getattr(asked, "dialect", "plain")
    return answer_export(session, export, form=form, dialect=dialect)
