"""Routes of the way in: harvests, sightings, observations, and a single pushed batch."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar
from uuid import UUID

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
from schemas.strict import Closed
from service.access.policy import Caller
from service.db import ReadSession, Store
from service.errors import ForeignSource, Invalid, TooLarge, problems
from service.ingest import close, harvests, sightings
from service.ingest.dryrun import plan_batch
from service.ingest.ingest import record_batch
from service.ingest.project import Cause
from service.ingest.sources import SourceFacts, get_source
from service.invalid import field_problems, invalid
from service.ledger.change import Actor
from service.loader import load_json
from service.routing import (
    BATCH_BYTES,
    BatchBody,
    CatalogRoute,
    Requester,
    Trace,
    policy,
)

router = APIRouter(prefix="/api/v1", tags=["ingest"], route_class=CatalogRoute)
Read = TypeVar("Read", bound=BaseModel)
OVER = problems(harvests.HarvestNotFound, harvests.HarvestOver)


class DryRun(Closed):
    """Plan only: same answers, same report, nothing kept."""

    dry_run: bool = False


class PageAfter(Closed):
    """Where the next page begins."""

    page_token: Annotated[str, Query(pattern=r"^\d{1,18}$")] = "0"


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
) -> HarvestOpened:
    """Begin a harvest of one scope under the client's id."""
    return store.transact(
        lambda session: harvests.open_harvest(
            session, own_source(session, caller, source), asked, dry_run=query.dry_run
        )
    )


@router.post("/harvests/{harvest}/sightings", responses=OVER)
@policy("observations:write", max_body=BATCH_BYTES)
def post_sightings(caller: Requester, harvest: UUID, body: BatchBody, store: Store) -> Wanted:
    """Say what a full sweep saw; answers which observations are wanted."""
    batch = read_body(SightingBatch, body)
    return in_harvest(
        store,
        caller,
        harvest,
        lambda session, source, opened: sightings.record_sightings(
            session, source, opened, sightings=batch.sightings
        ),
    )


@router.post("/harvests/{harvest}/observations", responses=OVER)
@policy("observations:write", max_body=BATCH_BYTES)
def post_observations(
    caller: Requester, harvest: UUID, body: BatchBody, store: Store, trace: Trace
) -> Receipt:
    """Record a batch of a harvest; bad observations are refused one by one."""
    documents = read_documents(body)

    def record(session: Session, source: SourceFacts, opened: harvests.OpenedHarvest) -> Receipt:
        cause = Cause(actor_of(caller), source.name, opened.id, trace)
        if opened.dry_run:
            return plan_batch(
                session, documents, source=source, cause=cause, opened=opened
            ).receipt
        return record_batch(
            session, documents, source=source, cause=cause, opened=opened
        ).receipt

    return in_harvest(store, caller, harvest, record)


@router.get("/harvests/{harvest}/unseen", responses=OVER)
@policy("observations:write")
def list_unseen(
    caller: Requester, harvest: UUID, query: Annotated[PageAfter, Query()], session: ReadSession
) -> SubjectPage:
    """Live subjects of the scope that the sweep has not seen: ask the source for each by name."""
    opened = opened_harvest(session, caller, harvest)
    return sightings.unseen_page(session, opened, after=int(query.page_token))


@router.get("/harvests/{harvest}/known", responses=OVER)
@policy("observations:write")
def list_known(
    caller: Requester, harvest: UUID, query: Annotated[PageAfter, Query()], session: ReadSession
) -> SubjectPage:
    """All live subjects of the scope with digest and marker."""
    opened = opened_harvest(session, caller, harvest)
    return sightings.known_page(session, opened, after=int(query.page_token))


@router.post("/harvests/{harvest}:heartbeat", responses=OVER)
@policy("observations:write")
def extend_lease(caller: Requester, harvest: UUID, store: Store) -> HarvestOpened:
    """Keep a harvest alive while its source is slow."""
    return in_harvest(
        store, caller, harvest, lambda session, _, opened: harvests.alive(session, opened)
    )


@router.post("/harvests/{harvest}:close", responses=OVER)
@policy("observations:write", max_body=BATCH_BYTES)
def close_harvest(
    caller: Requester, harvest: UUID, body: BatchBody, store: Store, trace: Trace
) -> HarvestReport:
    """End a harvest; a complete full one decides what is absent."""
    asked = read_body(CloseHarvest, body)

    def end(session: Session) -> HarvestReport:
        source = own_source(session, caller, caller.source or "")
        cause = Cause(actor_of(caller), source.name, harvest, trace)
        return close.close_harvest(session, source, harvest, asked=asked, cause=cause)

    return store.transact(end)


@router.post("/sources/{source}/observations")
@policy("observations:write", max_body=BATCH_BYTES)
def push_observations(
    caller: Requester, source: str, body: BatchBody, store: Store, trace: Trace
) -> Receipt:
    """Record one batch without a harvest: what a deploy script posts with curl."""
    documents = read_documents(body)

    def record(session: Session) -> Receipt:
        speaking = own_source(session, caller, source)
        if not speaking.enabled:
            raise harvests.SourceDisabled(source=source)
        cause = Cause(actor_of(caller), speaking.name, None, trace)
        return record_batch(session, documents, source=speaking, cause=cause).receipt

    return store.transact(record)


def own_source(session: Session, caller: Caller, source: str) -> SourceFacts:
    """The caller's source; the token carries it, a path or body cannot name another."""
    if caller.source != source:
        raise ForeignSource(detail=f"This one speaks for {caller.source}.", asked=source)
    return get_source(session, source)


def opened_harvest(session: Session, caller: Caller, harvest: UUID) -> harvests.OpenedHarvest:
    """An open harvest of the caller's source, only read."""
    source = own_source(session, caller, caller.source or "")
    return harvests.as_opened(harvests.find_harvest(session, source, harvest))


def in_harvest(
    store: Store,
    caller: Caller,
    harvest: UUID,
    work: Callable[[Session, SourceFacts, harvests.OpenedHarvest], Any],
) -> Any:
    """Do one step of a harvest: locked, its lease extended, repeated when others were faster."""

    def step(session: Session) -> Any:
        source = own_source(session, caller, caller.source or "")
        return work(session, source, harvests.lock_harvest(session, source, harvest))

    return store.transact(step)


def actor_of(caller: Caller) -> Actor:
    """Who the ledger says it was."""
    return Actor(caller.kind, caller.id, authn="token", token=caller.token)


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
    if not isinstance(batch, dict) or batch.keys() - {"observations"} or not isinstance(
        documents, list
    ):
        wrong = {"loc": ("observations",), "msg": "must be a list of observations", "type": ""}
        raise Invalid(*field_problems([wrong]))
    if len(documents) > harvests.LIMITS.observations:
        raise TooLarge(detail=f"At most {harvests.LIMITS.observations} observations a batch.")
    return documents
