"""Routes of webhooks: taking deliveries, the hints they leave, and those that failed."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Any, NamedTuple

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, Path, Query, Response
from starlette.requests import Request

from schemas.deliveries import (
    Deliveries,
    Delivery,
    DeliveryDecision,
    DeliveryQuery,
    DeliveryTaken,
    Taken,
)
from schemas.hooks import Hints
from schemas.strict import LARGEST_COUNT
from service.access.policy import PUBLIC
from service.db import Database, ReadSession, WriteSession
from service.errors import BadRequest, TooLarge, UnsupportedMedia, problems
from service.hooks import deliveries, proofs
from service.hooks.admission import Admission, TooManyDeliveries
from service.hooks.arrive import MEDIA, DeliveryNotProved, take_delivery
from service.hooks.deliveries import DeliveryNotFound, DeliveryNotParked
from service.hooks.receivers import PROOFS
from service.ingest.sources import SourceNotFound
from service.ingest.sources_api import check_own
from service.routing import CatalogRequest, CatalogRoute, Requester, policy

router = APIRouter(tags=["webhooks"], route_class=CatalogRoute)
Number = Annotated[int, Path(ge=1, le=LARGEST_COUNT)]
SIGNED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "What the sender of the source's kind sends, signed by its secret.",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


class Arrival(NamedTuple):
    """A whole delivery, and who takes it: nothing of it waits for what other requests hold."""

    given: proofs.Delivery
    inbox: Database
    admission: Admission
    trace: str

    async def taken(self, source: str) -> Taken:
        """What became of it. Raises what `take_delivery` does."""
        work = partial(take_delivery, self.inbox, self.given, name=source, admission=self.admission)
        return await run_sync(work, limiter=self.admission.threads)


async def _arrived(request: Request) -> AsyncIterator[Arrival]:
    """The whole delivery, once there is room for it; without any proof its body is not read."""
    headers = {name: ", ".join(request.headers.getlist(name)) for name in request.headers}
    if not any(proof.header in headers for proof in PROOFS):
        raise DeliveryNotProved
    if isinstance(request, CatalogRequest):
        request.max_body = request.app.state.settings.hook_body_bytes
    state = request.app.state
    admission: Admission = state.admission
    with admission.room():
        given = proofs.Delivery(headers, await request.body())
        async with admission.lane:
            yield Arrival(given, state.inbox, admission, request.state.trace_id)


Arrived = Annotated[Arrival, Depends(_arrived, scope="function")]


@router.post(
    "/hooks/{source}",
    status_code=202,
    responses=problems(
        BadRequest, DeliveryNotProved, TooLarge, UnsupportedMedia, TooManyDeliveries
    ) | {200: {"model": DeliveryTaken, "description": "It came before, or only asked for us"}},
    openapi_extra=SIGNED,
)  # fmt: skip
@policy(PUBLIC, media=MEDIA)
async def receive_delivery(source: str, arrived: Arrived, response: Response) -> DeliveryTaken:
    """Take a webhook's delivery: proved by its signature, stored, and only a hint afterwards."""
    state = await arrived.taken(source)
    response.status_code = 202 if state == "stored" else 200
    return DeliveryTaken(state=state, trace_id=arrived.trace)


@router.get("/api/v1/sources/{source}/hints", responses=problems(SourceNotFound))
@policy("sources:own")
def list_hints(caller: Requester, source: str, session: ReadSession) -> Hints:
    """What webhooks said may have changed, and no harvest has looked at yet."""
    check_own(caller, source)
    return deliveries.open_hints(session, source)


@router.get("/api/v1/sources/{source}/deliveries", responses=problems(SourceNotFound))
@policy("quarantine:read")
def list_deliveries(
    caller: Requester, source: str, query: Annotated[DeliveryQuery, Query()], session: ReadSession
) -> Deliveries:
    """The webhook deliveries of a source, the newest first; `state=parked`: those that failed."""
    return deliveries.list_deliveries(session, source, states=query.state)


@router.post(
    "/api/v1/deliveries/{delivery}:replay", responses=problems(DeliveryNotFound, DeliveryNotParked)
)
@policy("quarantine:decide")
def replay_delivery(
    caller: Requester, delivery: Number, asked: DeliveryDecision, session: WriteSession
) -> Delivery:
    """Let a parked delivery be read again; repeating this changes nothing."""
    return deliveries.replay(session, delivery, reason=asked.reason, by=caller.actor)


@router.post(
    "/api/v1/deliveries/{delivery}:drop", responses=problems(DeliveryNotFound, DeliveryNotParked)
)
@policy("quarantine:decide")
def drop_delivery(
    caller: Requester, delivery: Number, asked: DeliveryDecision, session: WriteSession
) -> Delivery:
    """Give up a parked delivery."""
    return deliveries.drop(session, delivery, reason=asked.reason, by=caller.actor)
