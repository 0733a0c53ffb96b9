"""Routes of what people enter: models that no machine can see, and inventories from files."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from schemas.canonical import fold_name
from schemas.imports import (
    Entered,
    EnteredQuery,
    EnterModel,
    ImportQuery,
    ImportReport,
    ReadQuery,
    ReplaceEntered,
    WithdrawQuery,
)
from service.db import ReadSession, Store
from service.errors import problems
from service.etag import TagNeeded, TagStale, answer_tagged, tag_of
from service.people import enter
from service.people.attempt import attempt
from service.people.importing import import_file
from service.people.source import NamespaceNotYours, Speaker
from service.people.table import CSV, LARGEST, XLSX, Sent
from service.routing import BatchBody, CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=CatalogRoute)
ENTERED: Final = "/models/{namespace}/{name}/entered"
CHANGED = problems(enter.EnteredNotFound, TagNeeded, TagStale)
FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            media: {"schema": {"type": "string", "format": "binary"}} for media in (CSV, XLSX)
        },
    }
}


@router.post(
    "/models",
    status_code=201,
    response_model=Entered,
    responses=problems(enter.AlreadyEntered, NamespaceNotYours),
)
@policy("models:enter")
def enter_model(
    caller: Requester,
    asked: EnterModel,
    query: Annotated[EnteredQuery, Query()],
    store: Store,
    trace: Trace,
) -> Response:
    """Enter a model that no machine can see. The same again answers 200 and changes nothing."""
    speaker = Speaker(caller, query.source, trace)
    found, new = attempt(
        store, partial(enter.enter_model, speaker=speaker, asked=asked), dry_run=query.dry_run
    )
    return answer(found, status=201 if new else 200)


@router.get(ENTERED, response_model=Entered, responses=problems(enter.EnteredNotFound))
@policy("entries:read")
def get_entered(
    caller: Requester,
    namespace: str,
    name: str,
    query: Annotated[ReadQuery, Query()],
    session: ReadSession,
    request: Request,
) -> Response:
    """What people state about a model, with the tag that changing it needs."""
    found = enter.get_entered(session, query.source, named=address(namespace, name), caller=caller)
    return answer_tagged(request, found)


@router.put(ENTERED, response_model=Entered, responses=CHANGED)
@policy("models:enter")
def replace_entered(
    caller: Requester,
    namespace: str,
    name: str,
    asked: ReplaceEntered,
    query: Annotated[EnteredQuery, Query()],
    store: Store,
    trace: Trace,
    request: Request,
) -> Response:
    """State something else about a model, in place of all that was entered. Needs `If-Match`."""
    speaker = Speaker(caller, query.source, trace, read_tags(request))
    named = address(namespace, name)
    work = partial(enter.replace_entered, speaker=speaker, named=named, asked=asked)
    return answer(attempt(store, work, dry_run=query.dry_run))


@router.delete(ENTERED, status_code=204, responses=CHANGED)
@policy("models:enter")
def withdraw_entered(
    caller: Requester,
    namespace: str,
    name: str,
    query: Annotated[WithdrawQuery, Query()],
    store: Store,
    trace: Trace,
    request: Request,
) -> None:
    """Take back what was entered; what other sources say of the model stays. Needs `If-Match`."""
    speaker = Speaker(caller, query.source, trace, read_tags(request))
    named = address(namespace, name)
    work = partial(enter.withdraw_entered, speaker=speaker, named=named, reason=query.reason)
    attempt(store, work, dry_run=query.dry_run)


@router.post("/imports", openapi_extra=FILE, responses=problems(NamespaceNotYours))
@policy("models:enter", max_body=LARGEST, media=frozenset({CSV, XLSX}))
def import_models(
    caller: Requester,
    query: Annotated[ImportQuery, Query()],
    body: BatchBody,
    store: Store,
    trace: Trace,
    request: Request,
) -> ImportReport:
    """Enter the models of a CSV or XLSX file, one a row; says what became of each."""
    sent = Sent(body, request.headers.get("content-type", ""), query.sheet)
    return import_file(store, Speaker(caller, query.source, trace), sent=sent, asked=query)


def address(namespace: str, name: str) -> str:
    """A model's name as its `url` writes it, compared without case."""
    return f"{fold_name(namespace)}/{fold_name(name)}"


def read_tags(request: Request) -> tuple[str, ...]:
    """The states that the caller has read and wants to change."""
    return tuple(request.headers.getlist("if-match"))


def answer(found: Entered, *, status: int = 200) -> Response:
    """What is stated now, with its tag."""
    headers = {"ETag": tag_of(found)} | ({"Location": f"{found.url}/entered"} if found.url else {})
    return Response(found.model_dump_json(), status, headers, "application/json")
