"""Routes with a declared access policy, checked before the body is read or a session opens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, MutableMapping
from functools import partial
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import unquote

import structlog
from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from service.access import holders, tokens
from service.access.policy import CAPABILITIES, PUBLIC, Caller
from service.db import Database
from service.errors import (
    CatalogError,
    InsufficientScope,
    Invalid,
    NotAuthenticated,
    RequestTimedOut,
    TooLarge,
    UnsupportedMedia,
)
from service.invalid import field_problems
from service.loader import load_json

log = structlog.get_logger()

POLICY: Final = "__catalog_policy__"
BATCH_BYTES: Final = 8 * 1024 * 1024
JSON_ALONE: Final = frozenset({"application/json"})
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Policy:
    """What a route asks of its caller, and what body it takes."""

    def __init__(
        self, capability: str, *, max_body: int | None = None, media: frozenset[str] = JSON_ALONE
    ) -> None:
        """Refuse capabilities that no token can hold."""
        if capability not in CAPABILITIES:
            message = f"{capability!r} is no capability; add it to service/access/policy.py"
            raise ValueError(message)
        self.capability, self.max_body, self.media = capability, max_body, media


def policy(capability: str, **body: Any) -> Callable[[Endpoint], Endpoint]:
    """Declare what a route's caller must be able to do, and what body it takes (`Policy`)."""

    def mark(endpoint: Endpoint) -> Endpoint:
        if hasattr(endpoint, POLICY):
            message = f"{endpoint.__name__} has two policies; keep one"
            raise ValueError(message)
        setattr(endpoint, POLICY, Policy(capability, **body))
        return endpoint

    return mark


def policy_of(endpoint: Callable[..., Any]) -> Policy | None:
    """The policy that a route's function declares."""
    found: Policy | None = getattr(endpoint, POLICY, None)
    return found


class CatalogRequest(Request):
    """A request whose body is bounded in size and time, and read as strict JSON."""

    max_body: int = 0
    body_seconds: float = 30

    async def body(self) -> bytes:
        """The whole body. Raises `TooLarge` and `RequestTimedOut`."""
        if not hasattr(self, "_body"):
            if _declared_length(self) > self.max_body:
                raise TooLarge(limit=self.max_body)
            try:
                async with asyncio.timeout(self.body_seconds):
                    chunks = [chunk async for chunk in self._bounded()]
            except TimeoutError:
                raise RequestTimedOut from None
            self._body = b"".join(chunks)
        return self._body

    async def _bounded(self) -> AsyncIterator[bytes]:
        read = 0
        async for chunk in self.stream():
            read += len(chunk)
            if read > self.max_body:
                raise TooLarge(limit=self.max_body)
            yield chunk

    async def json(self) -> Any:
        """The body as strict JSON."""
        if not hasattr(self, "_json"):
            self._json = load_json(await self.body())
        return self._json


class CatalogRoute(APIRoute):
    """A route that cannot be defined without exactly one policy."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Refuse an endpoint without a policy; name the operation after its function."""
        declared = policy_of(endpoint)
        if declared is None:
            message = f"{endpoint.__name__} ({path}) declares no policy; add @policy(…)"
            raise ValueError(message)
        self.declared = declared
        options["operation_id"] = options.get("operation_id") or endpoint.__name__
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Check the caller, then the form of what was sent, then hand on."""
        inner = super().get_route_handler()
        declared, parameters = self.declared, self.parameters()

        async def handle(request: Request) -> Response:
            settings = request.app.state.settings
            named = request.path_params.items()  # still encoded: see `service.edge.segmented`
            request.scope["path_params"] = {name: unquote(str(value)) for name, value in named}
            bounded = CatalogRequest(request.scope, request.receive)
            bounded.body_seconds = settings.body_seconds
            bounded.max_body = declared.max_body or settings.max_body_bytes
            bounded.state.caller = caller = await check(bounded, declared)
            if caller is not None and caller.account is not None:  # see `Database.guarded`
                bounded.state.guard = partial(holders.hold, caller=caller)
            _check_query(bounded, parameters)
            if has_body(bounded.scope):
                _check_content(bounded, declared.media)
            if self.body_field is not None and await bounded.body():
                await bounded.json()  # read by FastAPI, every refusal would be the same 400
            return await inner(bounded)

        return handle

    def parameters(self) -> frozenset[str]:
        """The query parameters that the route knows: the fields of its one query model."""
        models = (field.field_info.annotation for field in self.dependant.query_params)
        return frozenset(name for model in models for name in getattr(model, "model_fields", ()))


async def check(request: Request, declared: Policy) -> Caller | None:
    """Who asks, if the policy lets them; the connection is given back at once."""
    if declared.capability == PUBLIC:
        return None
    presented = _presented(request)
    database: Database = request.app.state.database
    caller = await run_in_threadpool(_identify, database, presented)
    if not caller.may(declared.capability):
        raise InsufficientScope(
            detail=f"It lacks {declared.capability}.", capability=declared.capability
        )
    return caller


def _identify(database: Database, presented: tokens.Presented) -> Caller:
    with database.reading() as session:
        caller, unnoted = holders.find_caller(session, presented)
    if unnoted:
        try:
            database.transact(lambda session: holders.note_use(session, presented.public_id))
        except CatalogError as error:  # a full or read-only database is still read
            log.warning("use_not_noted", code=error.code(), facts=error.facts)
    return caller


def _presented(request: Request) -> tokens.Presented:
    """The one bearer token of a request, by its form alone."""
    sent = request.headers.getlist("authorization")
    if len(sent) != 1:
        raise NotAuthenticated
    scheme, _, text = sent[0].partition(" ")
    presented = tokens.read_token(text) if scheme.lower() == "bearer" else None
    if presented is None:
        raise NotAuthenticated
    return presented


def _check_query(request: Request, known: frozenset[str]) -> None:
    """Each parameter is known and given once: what is ignored would mislead."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    wrong = [
        {"loc": ("query", name), "msg": "is not known here", "type": "extra_forbidden"}
        for name in given.keys() - known
    ]
    wrong += [
        {"loc": ("query", name), "msg": "is given more than once", "type": "repeated"}
        for name, times in given.items()
        if times > 1 and name in known
    ]
    if wrong:
        raise Invalid(*field_problems(wrong, known=sorted(known)))


def has_body(scope: MutableMapping[str, Any]) -> bool:
    """Does a request announce a body?"""
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def _declared_length(request: Request) -> int:
    stated = request.headers.get("content-length", "0")
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def _check_content(request: Request, media: frozenset[str]) -> None:
    read = f"Here it is {' or '.join(sorted(media))}."
    if "content-encoding" in request.headers:
        raise UnsupportedMedia(detail=read)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in media:
        raise UnsupportedMedia(detail=read)


def _caller(request: Request) -> Caller:
    caller: Caller | None = request.state.caller
    if caller is None:
        raise NotAuthenticated
    return caller


async def _body(request: Request) -> AsyncIterator[bytes]:
    body = await request.body()
    async with request.app.state.limits.batch():  # once it is there: a slow line takes no lane
        yield body


def _trace(request: Request) -> str:
    trace: str = request.state.trace_id
    return trace


Requester = Annotated[Caller, Depends(_caller)]
BatchBody = Annotated[bytes, Depends(_body, scope="function")]
Trace = Annotated[str, Depends(_trace)]
