"""Routes by which events of others come in: OpenLineage, and CloudEvents with CDEvents."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request

from schemas.lineage import EventFailure, EventReceipt, LineageReceipt
from schemas.problem import FieldProblem
from service.access.policy import Caller
from service.db import Database, Store
from service.errors import Invalid, problems
from service.ingest.api import cause_of, for_source, own_source
from service.ingest.harvests import SourceDisabled
from service.lineage import events, intake
from service.lineage.cloudevents import BATCH, MEDIA, STRUCTURED, read_request
from service.loader import load_json
from service.routing import BATCH_BYTES, BatchBody, CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["ingest"], route_class=CatalogRoute)


def _body(said: str, **content: str) -> dict[str, Any]:
    """A body that is read by hand: what it is, and the type of each form of it."""
    forms = {media: {"schema": {"type": kind}} for media, kind in content.items()}
    return {"requestBody": {"required": True, "description": said, "content": forms}}


EVENT: Final = _body("A run, job or dataset event, 2-0-2.", **{"application/json": "object"})
EVENTS: Final = _body("A list of such events.", **{"application/json": "array"})
CLOUD: Final = _body(
    f"A CloudEvent 1.0; a list of them as `{BATCH}`; or its data, with `ce-…` headers.",
    **{STRUCTURED: "object"},
)


@router.post("/lineage", status_code=201, openapi_extra=EVENT, responses=problems(SourceDisabled))
@policy("observations:write")
def post_lineage(caller: Requester, body: BatchBody, store: Store, trace: Trace) -> LineageReceipt:
    """Record one event of OpenLineage: what a run read and wrote, or what a dataset is."""
    return _take(store, caller, sent=[load_json(body)], alone=True, trace=trace)


@router.post("/lineage/batch", openapi_extra=EVENTS, responses=problems(SourceDisabled))
@policy("observations:write", max_body=BATCH_BYTES)
def post_lineage_batch(
    caller: Requester, body: BatchBody, store: Store, trace: Trace
) -> LineageReceipt:
    """Record a list of events of OpenLineage; those that are refused do not stop the others."""
    return _take(store, caller, sent=intake.read_batch(body), alone=False, trace=trace)


@router.post("/events", status_code=202, openapi_extra=CLOUD, responses=problems(SourceDisabled))
@policy("observations:write", max_body=BATCH_BYTES, media=MEDIA)
def post_events(
    caller: Requester, request: Request, body: BatchBody, store: Store, trace: Trace
) -> EventReceipt:
    """Record CloudEvents that carry CDEvents of builds and deployments; pass over all others."""
    media = request.headers["content-type"].partition(";")[0].strip().lower()
    sent = read_request(body, media=media, headers=request.headers)
    return _take_cloudevents(store, caller, sent=sent, alone=media != BATCH, trace=trace)


def _take(
    store: Database, caller: Caller, *, sent: Sequence[Any], alone: bool, trace: str
) -> LineageReceipt:
    """Read events of OpenLineage, and record what they say in one transaction."""
    sender = _sender(store, caller)
    reading = intake.read_events(sent, sender, now=datetime.now(UTC))
    _refuse(reading.failed if alone else ())
    cause = cause_of(caller, trace)
    work = partial(intake.record, reading=reading, sender=sender, cause=cause)
    return intake.receipt_of(sent, reading=reading, added=for_source(store, caller, work))


def _take_cloudevents(
    store: Database, caller: Caller, *, sent: Sequence[Any], alone: bool, trace: str
) -> EventReceipt:
    intake.check_number(sent)
    opened = events.read_events(sent, _sender(store, caller), now=datetime.now(UTC))
    _refuse(opened.failed if alone else ())
    work = partial(events.record, opened=opened, cause=cause_of(caller, trace))
    return events.receipt_of(sent, opened=opened, added=for_source(store, caller, work))


def _sender(store: Database, caller: Caller) -> intake.Sender:
    with store.reading() as session:
        return intake.read_sender(session, own_source(session, caller))


def _refuse(failed: Sequence[EventFailure]) -> None:
    """An event that came alone is refused as a whole request is. Raises `Invalid`."""
    if failed:
        told = failed[0]
        raise Invalid(FieldProblem(pointer=told.pointer, message=told.reason, fix=told.fix))
