"""Routes of receivers: where events go, their secrets, what became of deliveries, replay."""

from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse

from schemas.access import Tried, Why, Withdrawn
from schemas.catalog import Page, Paging
from schemas.receivers import (
    ChangeReceiver,
    MakeReceiver,
    OutgoingDelivery,
    OutgoingExport,
    OutgoingQuery,
    ReceiverName,
    ReceiverSecret,
    ReceiverShown,
    ReplayDeliveries,
    Replayed,
)
from service.access.accounts import Deed
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.keyset import Keyset, read_keyset
from service.catalog.pages import Paged
from service.catalog.sorting import Key
from service.db import ReadSession
from service.errors import problems
from service.etag import TagNeeded, TagStale, answer_tagged, tag_of
from service.exports.api import NAMED, Suffix
from service.exports.export import FormUnknown, read_form
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.outgoing import deliveries, receivers
from service.outgoing.deliveries import EventNotFound
from service.outgoing.receivers import Keeper, ReceiverDisabled, ReceiverExists, ReceiverNotFound
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1/receivers", tags=["receivers"], route_class=CatalogRoute)
Dry = Annotated[Tried, Query()]
Name = Annotated[ReceiverName, Path()]
MADE: Any = {"status_code": 201}
BY_NAME: Final = (Key(receivers.receiver.c.name.collate("C")),)
NEWEST: Final = (
    Key(deliveries.event.c.at, descending=True), Key(deliveries.event.c.id, descending=True),
)  # fmt: skip


@router.get("")
@policy("receivers:read")
def list_receivers(
    caller: Requester, query: Annotated[Paging, Query()], session: ReadSession, pages: Paged
) -> Page[ReceiverShown]:
    """Every receiver by name, disabled ones too; never a secret."""
    chosen = Keyset(receivers.select_receivers(), BY_NAME, receivers.receiver_shown)
    return read_keyset(session, chosen, asked=query, caller=caller, pages=pages)


@router.post(
    "", response_model=ReceiverSecret, responses=problems(ReceiverExists, *REPEATED), **MADE
)
@policy("receivers:write")
def create_receiver(
    caller: Requester,
    asked: MakeReceiver,
    query: Dry,
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Let events go somewhere. The secret that proves them is answered once and stored nowhere."""
    by = _keeper(request, Deed(caller.actor, asked.reason, trace))
    work = partial(receivers.make_receiver, asked=asked, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run, unkept=("secret",))


@router.get("/{name}", response_model=ReceiverShown, responses=problems(ReceiverNotFound))
@policy("receivers:read")
def get_receiver(caller: Requester, name: Name, session: ReadSession, request: Request) -> Response:
    """One receiver, and how its deliveries stand."""
    return answer_tagged(request, receivers.get_receiver(session, name))


@router.put(
    "/{name}",
    response_model=ReceiverShown,
    responses=problems(ReceiverNotFound, TagNeeded, TagStale, *REPEATED),
)
@policy("receivers:write")
def change_receiver(
    caller: Requester,
    name: Name,
    asked: ChangeReceiver,
    query: Dry,
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Change where events go and which, or enable it again. Needs `If-Match`."""
    deed = Deed(caller.actor, asked.reason, trace)
    match = tuple(request.headers.getlist("if-match"))
    work = partial(receivers.change_receiver, name=name, asked=asked, deed=deed, match=match)
    return repeatable(repeat, lambda session: _tagged(work(session)), dry_run=query.dry_run)


@router.delete("/{name}", status_code=204, responses=problems(ReceiverNotFound))
@policy("receivers:write")
def disable_receiver(
    caller: Requester,
    name: Name,
    query: Annotated[Withdrawn, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Send it nothing more. Nothing is lost: what waits goes out once it is enabled again."""
    deed = Deed(caller.actor, query.reason, trace)
    work = partial(receivers.disable_receiver, name=name, deed=deed)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.post(
    "/{name}:rotate",
    response_model=ReceiverSecret,
    responses=problems(ReceiverNotFound, *REPEATED),
)
@policy("receivers:write")
def rotate_receiver(
    caller: Requester,
    name: Name,
    asked: Why,
    query: Dry,
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Sign by another secret, for 24 hours by the one before too. It is answered once."""
    by = _keeper(request, Deed(caller.actor, asked.reason, trace))
    work = partial(receivers.rotate_secret, name=name, by=by)
    return repeatable(repeat, work, dry_run=query.dry_run, unkept=("secret",))


@router.post(
    "/{name}:test",
    response_model=OutgoingDelivery,
    responses=problems(ReceiverNotFound, ReceiverDisabled, *REPEATED),
    status_code=202,
)
@policy("receivers:write")
def test_receiver(
    caller: Requester, name: Name, asked: Why, query: Dry, repeat: Repeat, trace: Trace
) -> Response:
    """Send it an event that says nothing; its deliveries show what it answered."""
    deed = Deed(caller.actor, asked.reason, trace)
    work = partial(deliveries.send_test, name=name, deed=deed)
    return repeatable(repeat, work, status=202, dry_run=query.dry_run)


@router.get("/{name}/deliveries", responses=problems(ReceiverNotFound))
@policy("receivers:read")
def list_outgoing_deliveries(
    caller: Requester,
    name: Name,
    query: Annotated[OutgoingQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[OutgoingDelivery]:
    """What became of each event for a receiver, the newest first."""
    found = deliveries.select_deliveries(session, name, asked=query)
    chosen = Keyset(found, NEWEST, deliveries.delivery_row)
    return read_keyset(session, chosen, asked=query, caller=caller, pages=pages)


@router.get(
    "/{name}/deliveries.{form}",
    response_class=StreamingResponse,
    responses=problems(ReceiverNotFound, FormUnknown, TooManyRows) | {200: NAMED[200]},
)
@policy("receivers:read")
def export_outgoing_deliveries(
    caller: Requester,
    name: Name,
    form: Suffix,
    query: Annotated[OutgoingExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    found = deliveries.select_deliveries(session, name, asked=query)
    return answer_list(session, Keyset(found, NEWEST, deliveries.delivery_row), name="deliveries",
                       asked=query, caller=caller, form=read_form(form), of=(name,))  # fmt: skip


@router.post(
    "/{name}/deliveries/{event}:replay",
    response_model=OutgoingDelivery,
    responses=problems(ReceiverNotFound, EventNotFound, ReceiverDisabled, *REPEATED),
    status_code=202,
)
@policy("receivers:write")
def replay_outgoing_delivery(
    caller: Requester,
    name: Name,
    event: UUID,
    asked: Why,
    query: Dry,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Send one event to a receiver again, with the same id; what waits already is left alone."""
    deed = Deed(caller.actor, asked.reason, trace)
    work = partial(deliveries.replay_event, name=name, event_id=event, deed=deed)
    return repeatable(repeat, work, status=202, dry_run=query.dry_run)


@router.post(
    "/{name}/deliveries:replay",
    response_model=Replayed,
    responses=problems(ReceiverNotFound, ReceiverDisabled, *REPEATED),
    status_code=202,
)
@policy("receivers:write")
def replay_outgoing_deliveries(
    caller: Requester,
    name: Name,
    asked: ReplayDeliveries,
    query: Dry,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Send every event of a time again that it asks for now, each with its id."""
    deed = Deed(caller.actor, asked.reason, trace)
    work = partial(deliveries.replay_range, name=name, asked=asked, deed=deed)
    return repeatable(repeat, work, status=202, dry_run=query.dry_run)


def _keeper(request: Request, deed: Deed) -> Keeper:
    return Keeper(deed, request.app.state.settings.secret_key.get_secret_value())


def _tagged(found: ReceiverShown) -> Response:
    return Response(found.model_dump_json(), 200, {"ETag": tag_of(found)}, "application/json")
