"""Routes of quarantine: what was refused or held back, and what people decide about it."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from schemas.catalog import Page
from schemas.quarantine import (
    Decide,
    DecideQuery,
    PlannedEntry,
    PlanQuery,
    QuarantineQuery,
    QuarantineRow,
    Released,
    Retried,
    RetryQuery,
)
from schemas.strict import LARGEST_COUNT
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.ingest import retry, waiting
from service.ingest.harvests import SourceDisabled
from service.ingest.moved import PlanStale
from service.ingest.release import AlreadyResolved, Decision, drop_item, release_plan
from service.ingest.retry import NotRetriable
from service.ingest.sources import SourceNotFound
from service.ingest.waiting import ItemNotFound, NotHeldBack
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["operations"], route_class=CatalogRoute)
Item = Annotated[int, Path(ge=1, le=LARGEST_COUNT)]
DECIDED = (ItemNotFound, AlreadyResolved, *REPEATED)  # errors of every decision


@router.get("/quarantine")
@policy("quarantine:read")
def list_quarantine(
    caller: Requester,
    query: Annotated[QuarantineQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[QuarantineRow]:
    """Refused records and held-back harvests, the newest first; open ones unless told else."""
    found = waiting.quarantined(query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/quarantine/{item}", responses=problems(ItemNotFound))
@policy("quarantine:read")
def get_quarantined(caller: Requester, item: Item, session: ReadSession) -> QuarantineRow:
    """One refused record or held-back harvest, open or resolved."""
    return waiting.get_item(session, item)


@router.get("/quarantine/{item}/plan", responses=problems(ItemNotFound, NotHeldBack))
@policy("quarantine:read")
def list_planned(
    caller: Requester,
    item: Item,
    query: Annotated[PlanQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[PlannedEntry]:
    """The entries that a held-back harvest concerns, with every field that would change."""
    found = waiting.plan_of(session, item)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.post(
    "/quarantine/{item}:release",
    response_model=Released,
    responses=problems(PlanStale, NotHeldBack, *DECIDED),
)
@policy("quarantine:decide")
def release_plan_held_back(
    caller: Requester,
    item: Item,
    asked: Decide,
    query: Annotated[DecideQuery, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Retire exactly what the plan says, if nothing of it has moved since."""
    by = Decision(caller, asked.reason, trace)
    work = partial(release_plan, item_id=item, decision=by, dry_run=query.dry_run)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.post("/quarantine/{item}:drop", response_model=QuarantineRow, responses=problems(*DECIDED))
@policy("quarantine:decide")
def drop_quarantined(
    caller: Requester,
    item: Item,
    asked: Decide,
    query: Annotated[DecideQuery, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Forget a plan or a refused record, with a reason."""
    by = Decision(caller, asked.reason, trace)
    work = partial(drop_item, item_id=item, decision=by)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.post(
    "/quarantine/{item}:retry",
    response_model=QuarantineRow,
    responses=problems(NotRetriable, SourceDisabled, *DECIDED),
)
@policy("quarantine:decide")
def retry_quarantined(
    caller: Requester,
    item: Item,
    asked: Decide,
    query: Annotated[DecideQuery, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Try one refused record again, as its source sent it."""
    by = Decision(caller, asked.reason, trace)
    work = partial(retry.retry_item, item_id=item, decision=by)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.post(
    "/quarantine:retry",
    response_model=Retried,
    responses=problems(SourceNotFound, SourceDisabled, *REPEATED),
)
@policy("quarantine:decide")
def retry_refused_records(
    caller: Requester,
    asked: Decide,
    query: Annotated[RetryQuery, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Try again what a source had refused, 500 records a request."""
    by = Decision(caller, asked.reason, trace)
    work = partial(retry.retry_many, asked=query, decision=by)
    return repeatable(repeat, work, dry_run=query.dry_run)
