"""Routes of the way in: harvests, sightings, observations, and a single pushed batch."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

import sqlalchemy as sa
import structlog
from fastapi import APIRouter, Query
from pydantic import BaseModel, ValidationError
from sqlmodel import Session

from schemas.harvest import (
    CloseHarvest,
    HarvestOpened,
    HarvestReport,
    OpenHarvest,
    SubjectPage,
)
from schemas.observation import Receipt, SightingBatch, Wanted
from schemas.quarantine import Retried
from schemas.strict import Closed
from service.access.policy import Caller
from service.db import Database, Store
from service.errors import CatalogError, ForeignSource, Invalid, TooLarge, problems
from service.ingest import close, harvests, sightings
from service.ingest.dryrun import record_harvested
from service.ingest.proved import BindingGone, ProofDiffers, push_proved
from service.ingest.retry import retry_displaced, retry_of_scope
from service.ingest.sources import SourceFacts, get_source
from service.invalid import field_problems, invalid
from service.ledger.change import Cause
from service.loader import load_json
from service.routing import (
    BATCH_BYTES,
    BatchBody,
    CatalogRoute,
    Requester,
    Trace,
    policy,
)

log = structlog.get_logger()
router = APIRouter(prefix="/api/v1", tags=["ingest"], route_class=CatalogRoute)
Read = TypeVar("Read", bound=BaseModel)
Done = TypeVar("Done")
FIRST: Final = "0"  # ids begin at 1
LONGER: Final = sa.text("SET LOCAL statement_timeout = '30s'")  # a batch is more than a question
OVER = problems(harvests.HarvestNotFound, harvests.HarvestOver)


class DryRun(Closed):
    """Answer what would be, keep nothing."""

    dry_run: bool = False


class PageAfter(Closed):
    """Where the next page begins."""

    page_token: Annotated[str, Query(pattern=r"^\d{1,18}$")] = FIRST


@router.post(
    "/sources/{source}/harvests", status_code=201, responses=problems(harvests.HarvestRunning)
)
@policy("observations:write")
def open_harvest(
    caller: Requester,
    source: str,
    asked: OpenHarvest,
    query: Annotated[DryRun, Query()],
    store: Store,
    trace: Trace,
) -> HarvestOpened:
    """Begin a harvest of one scope under the client's id."""
    begin = partial(harvests.open_harvest, asked=asked, dry_run=query.dry_run)
    opened = for_source(store, caller, begin, named=source)
    if not query.dry_run:
        _retry_older(store, caller, asked.harvest, trace=trace)
    return opened


@router.post("/harvests/{harvest}/sightings", responses=OVER)
@policy("observations:write", max_body=BATCH_BYTES)
def post_sightings(caller: Requester, harvest: UUID, body: BatchBody, store: Store) -> Wanted:
    """Say what a full sweep saw; answers which observations are wanted."""
    seen = read_body(SightingBatch, body).sightings
    return in_harvest(store, caller, harvest, partial(sightings.record_sightings, sightings=seen))


@router.post("/harvests/{harvest}/observations", responses=OVER)
@policy("observations:write", max_body=BATCH_BYTES)
def post_observations(
    caller: Requester, harvest: UUID, body: BatchBody, store: Store, trace: Trace
) -> Receipt:
    """Record a batch of a harvest; bad observations are refused one by one."""
    cause = cause_of(caller, trace, harvest)
    record = partial(record_harvested, documents=read_documents(body), cause=cause)
    return in_harvest(store, caller, harvest, record)


@router.get("/harvests/{harvest}/unseen", responses=OVER)
@policy("observations:write")
def list_unseen(
    caller: Requester, harvest: UUID, query: Annotated[PageAfter, Query()], store: Store
) -> SubjectPage:
    """Live subjects of the scope that the sweep has not seen: ask the source for each by name."""
    page = partial(sightings.unseen_page, after=int(query.page_token))
    return in_harvest(store, caller, harvest, page)


@router.get("/harvests/{harvest}/known", responses=OVER)
@policy("observations:write")
def list_known(
    caller: Requester, harvest: UUID, query: Annotated[PageAfter, Query()], store: Store
) -> SubjectPage:
    """All live subjects of the scope with digest and marker."""
    page = partial(sightings.known_page, after=int(query.page_token))
    return in_harvest(store, caller, harvest, page)


@router.post("/harvests/{harvest}:heartbeat", responses=OVER)
@policy("observations:write")
def extend_lease(caller: Requester, harvest: UUID, store: Store) -> HarvestOpened:
    """Keep a harvest alive while its source is slow."""
    return in_harvest(store, caller, harvest, harvests.alive)


@router.post("/harvests/{harvest}:close", responses=OVER)
@policy("observations:write", max_body=BATCH_BYTES)
def close_harvest(
    caller: Requester, harvest: UUID, body: BatchBody, store: Store, trace: Trace
) -> HarvestReport:
    """End a harvest; a complete full one decides what is absent."""
    asked, cause = read_body(CloseHarvest, body), cause_of(caller, trace, harvest)
    end = partial(close.close_harvest, harvest_id=harvest, asked=asked, cause=cause)
    report = for_source(store, caller, end)
    if not report.dry_run and (report.created or report.retired or report.refused):
        _retry(store, caller, partial(retry_displaced, cause=cause))
    return report


@router.post("/sources/{source}/observations", responses=problems(BindingGone, ProofDiffers))
@policy("observations:push", max_body=BATCH_BYTES)
def push_observations(
    caller: Requester, source: str, body: BatchBody, store: Store, trace: Trace
) -> Receipt:
    """Record one batch without a harvest: what a deploy script posts with curl.

    A CI job's token speaks only about what was proved of the job.
    """
    documents, cause = read_documents(body), cause_of(caller, trace)
    push = partial(push_proved, documents=documents, cause=cause, proved=caller.proved)
    return for_source(store, caller, push, named=source)


def _retry_older(store: Database, caller: Caller, harvest: UUID, *, trace: str) -> None:
    """What an older harvester had refused is tried again."""
    cause = cause_of(caller, trace, harvest)
    _retry(store, caller, partial(retry_of_scope, opened=harvest, cause=cause))


def _retry(
    store: Database, caller: Caller, work: Callable[[Session, SourceFacts], Retried]
) -> None:
    """Try again what was refused; if that fails, all else goes on."""
    try:
        for_source(store, caller, work)
    except CatalogError as error:
        log.warning("not_retried", code=error.code(), facts=error.facts)


def own_source(session: Session, caller: Caller, named: str | None = None) -> SourceFacts:
    """The caller's source; the token carries it, a path or body cannot name another."""
    asked = named if named is not None else caller.source or ""
    if caller.source != asked:
        raise ForeignSource(detail=f"This one speaks for {caller.source}.", asked=asked)
    return get_source(session, asked)


def for_source(
    store: Store,
    caller: Caller,
    work: Callable[[Session, SourceFacts], Done],
    *,
    named: str | None = None,
) -> Done:
    """Do one thing in the name of the caller's source, repeated when others were faster."""

    def unit(session: Session) -> Done:
        session.execute(LONGER)
        return work(session, own_source(session, caller, named))

    return store.transact(unit)


def in_harvest(
    store: Store,
    caller: Caller,
    harvest: UUID,
    work: Callable[[Session, harvests.OpenedHarvest], Done],
) -> Done:
    """Do one step of a harvest: locked, its lease extended, repeated when others were faster."""

    def step(session: Session, source: SourceFacts) -> Done:
        return work(session, harvests.lock_harvest(session, source, harvest_id=harvest))

    return for_source(store, caller, step)


def cause_of(caller: Caller, trace: str, harvest: UUID | None = None) -> Cause:
    """Why entries change, for the ledger: what the caller's source posted."""
    return Cause(caller.actor, caller.source, harvest, trace)


def read_body(model: type[Read], body: bytes) -> Read:
    """Validate a body in the worker thread, where it stalls nobody else."""
    try:
        return model.model_validate(load_json(body))
    except ValidationError as error:
        raise invalid(error, model=model) from None


def read_documents(body: bytes) -> list[Any]:
    """The records of a batch, each still unread: one bad record must not refuse the others."""
    batch = load_json(body)
    documents = batch.get("observations") if isinstance(batch, dict) else None
    if (
        not isinstance(batch, dict)
        or batch.keys() - {"observations"}
        or not isinstance(documents, list)
    ):
        wrong = {"loc": ("observations",), "msg": "must be a list of observations", "type": ""}
        raise Invalid(*field_problems([wrong]))
    if len(documents) > harvests.LIMITS.observations:
        raise TooLarge(detail=f"At most {harvests.LIMITS.observations} observations a batch.")
    return documents
