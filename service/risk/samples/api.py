"""Routes of samples: cycles with what they prove, their draws, and their frames."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse

from schemas.catalog import Page
from schemas.samples import (
    CycleName,
    DrawExport,
    DrawQuery,
    DrawRow,
    FrameExport,
    FrameQuery,
    FrameRow,
    SampleExport,
    SampleQuery,
    SampleRow,
    SampleShown,
)
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.catalog.select import one_snapshot
from service.db import ReadSession
from service.errors import problems
from service.exports.api import NAMED, Suffix
from service.exports.export import FormUnknown, read_form
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.risk.samples import reading as samples
from service.risk.samples.reading import FrameNotYours, SampleNotFound
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["samples"], route_class=CatalogRoute)
RESPONSES: Final = problems(FormUnknown, TooManyRows) | {200: NAMED[200]}
OF_FRAME: Final = problems(FormUnknown, TooManyRows, SampleNotFound, FrameNotYours)
Cycle = Annotated[CycleName, Path()]


@router.get("/samples")
@policy("entries:read")
def list_samples(
    caller: Requester, query: Annotated[SampleQuery, Query()], session: ReadSession, pages: Paged
) -> Page[SampleRow]:
    """The samples of models that are reviewed by chance alone, and what each proves."""
    one_snapshot(session)
    found = samples.samples(session, query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/samples.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_samples(
    caller: Requester, form: Suffix, query: Annotated[SampleExport, Query()], session: ReadSession
) -> StreamingResponse:
    """The same as a file."""
    one_snapshot(session)
    found = samples.samples(session, query)
    return answer_list(session, found, name="samples", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


@router.get("/samples/{cycle}", responses=problems(SampleNotFound))
@policy("entries:read")
def get_sample(caller: Requester, cycle: Cycle, session: ReadSession) -> SampleShown:
    """The samples of a cycle, and how anybody computes them again."""
    one_snapshot(session)
    return samples.get_sample(session, cycle)


@router.get("/samples/{cycle}/draws")
@policy("entries:read")
def list_draws(
    caller: Requester,
    cycle: Cycle,
    query: Annotated[DrawQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[DrawRow]:
    """The models that were drawn, by rank, with their reviews."""
    found = samples.draws(cycle, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/samples/{cycle}/draws.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_draws(
    caller: Requester,
    cycle: Cycle,
    form: Suffix,
    query: Annotated[DrawExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    found = samples.draws(cycle, query, caller=caller)
    return answer_list(session, found, name="draws", asked=query, caller=caller,
                       form=read_form(form), of=(cycle,))  # fmt: skip


@router.get("/samples/{cycle}/frame", responses=problems(SampleNotFound, FrameNotYours))
@policy("entries:read")
def list_frame(
    caller: Requester,
    cycle: Cycle,
    query: Annotated[FrameQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[FrameRow]:
    """Whom a cycle could draw, by id; for readers of every namespace."""
    found = samples.frame(session, cycle, tier=query.tier, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get(
    "/samples/{cycle}/frame.{form}",
    response_class=StreamingResponse,
    responses=OF_FRAME | {200: NAMED[200]},
)
@policy("exports:read")
def export_frame(
    caller: Requester,
    cycle: Cycle,
    form: Suffix,
    query: Annotated[FrameExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    found = samples.frame(session, cycle, tier=query.tier, caller=caller)
    return answer_list(session, found, name="frame", asked=query, caller=caller,
                       form=read_form(form), of=(cycle,))  # fmt: skip
