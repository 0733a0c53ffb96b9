"""The outermost layer: problem+json for every error, headers, trace id, the last `except`."""

import re
import secrets
import time
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from typing import Any, Final
from urllib.parse import unquote, unquote_plus

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from schemas.strict import UNWANTED
from service.access.tokens import holds_token
from service.db import translated
from service.errors import (
    PROBLEM_JSON,
    BadRequest,
    CatalogError,
    HeadersTooLarge,
    NotFound,
    as_problem,
)
from service.routing import has_body

log = structlog.get_logger()

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "object-src 'none'"
)
HEADERS: Final = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
HSTS: Final = "max-age=31536000"
NAMED_HOST: Final = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^:\[\]@]+))(?::\d*)?")
MOST_HEADERS: Final = 100
LARGEST_HEADERS: Final = 32 * 1024

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Edge:
    """The ASGI wrapper around the finished stack."""

    def __init__(self, app: App, *, hosts: frozenset[str], https: bool) -> None:
        """Answer for these host names only."""
        self.app, self.hosts = app, hosts
        self.headers = HEADERS | ({"strict-transport-security": HSTS} if https else {})

    async def __call__(  # noqa: PLR0917  # ASGI servers call it like this
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Serve one request; whatever breaks is logged and answered, never raised."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace_id = secrets.token_hex(16)
        scope.setdefault("state", {})["trace_id"] = trace_id
        begun = time.monotonic()
        exchange = Exchange(scope, receive, send=send, headers=self.headers)
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                check_request(scope, self.hosts)
                scope["path"] = segmented(scope)
                with translated():
                    await self.app(scope, exchange.receive, exchange.send)
            except CatalogError as error:
                await exchange.fail(error)
            except Exception:  # the last one: logged, answered, never raised
                log.exception("unexpected")
                await exchange.fail(CatalogError())
            finally:
                log.info(
                    "answered",
                    method=scope["method"],
                    path=scope["path"][:500],
                    status=exchange.status,
                    milliseconds=round((time.monotonic() - begun) * 1_000, 1),
                )


class Exchange:
    """One request and its answer: completes the headers, knows what was sent and read."""

    def __init__(
        self, scope: Scope, receive: Receive, *, send: Send, headers: Mapping[str, str]
    ) -> None:
        """Nothing is answered yet."""
        self.scope, self._receive, self._send = scope, receive, send
        self.headers = {**headers, "x-trace-id": scope["state"]["trace_id"]}
        self.status: int | None = None
        self.unread = has_body(scope)

    async def receive(self) -> Message:
        """The next part of the request."""
        message = await self._receive()
        self.unread = self.unread and bool(message.get("more_body"))
        return message

    async def send(self, message: Message) -> None:
        """The next part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = list(self._completed(message["headers"]))
        await self._send(message)

    async def fail(self, error: CatalogError) -> None:
        """Answer an error, unless an answer has begun: a broken stream then lacks its end."""
        if self.status is not None:
            log.error("answer_cut", code=error.code(), facts=error.facts)
            return
        answer = answer_catalog_error(Request(self.scope), error)
        await answer(self.scope, self._receive, self.send)

    def _completed(self, given: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        stated = set()
        for name, value in given:
            if name.lower() != b"server":
                stated.add(name.lower())
                yield name, value
        for own, said in self.headers.items():
            if own.encode() not in stated:
                yield own.encode(), said.encode()
        if self.unread:  # what is left of the body would hold the connection without a deadline
            yield b"connection", b"close"


def answer_catalog_error(request: Request, error: CatalogError) -> JSONResponse:
    """Render a domain error as RFC 9457, and log its cause; the input is never echoed."""
    log.log(_level(error), "refused", code=error.code(), facts=error.facts)
    return rendered(request, error)


def rendered(request: Request, error: CatalogError) -> JSONResponse:
    """An error as RFC 9457."""
    problem = as_problem(error, trace_id=request.state.trace_id)
    return JSONResponse(
        problem.model_dump(mode="json"),
        error.status,
        media_type=PROBLEM_JSON,
        headers=dict(error.headers),
    )


def _level(error: CatalogError) -> int:
    return 40 if error.status >= 500 else 20  # noqa: PLR2004  # logging's ERROR and INFO


def check_request(scope: Scope, hosts: frozenset[str]) -> None:
    """Refuse what no route should see. Raises `HeadersTooLarge`, `BadRequest`, `NotFound`."""
    headers = scope["headers"]
    address = f"{scope['path']}?{unquote_plus(scope['query_string'].decode('latin-1'))}"
    read = len(address) + sum(len(name) + len(value) for name, value in headers)
    if len(headers) > MOST_HEADERS or read > LARGEST_HEADERS:
        raise HeadersTooLarge
    _check_host([value for name, value in headers if name == b"host"], hosts)
    if holds_token(address):  # addresses are logged and shared
        raise BadRequest(detail="A token stands in the address; send it in a header and revoke it.")
    if UNWANTED.search(scope["path"]):
        raise NotFound  # nothing has such a name, and PostgreSQL could not even look for it


def segmented(scope: Scope) -> str:
    """The path as routes match it: an encoded slash is part of a name and separates nothing.

    `CatalogRoute` decodes what it takes from it.
    """
    written: bytes = scope["raw_path"]
    parts = (unquote(part) for part in written.decode("latin-1").split("/"))
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in parts)


def _check_host(named: Sequence[bytes], hosts: frozenset[str]) -> None:
    if len(named) != 1:
        raise BadRequest(detail="A request names one host.")
    found = NAMED_HOST.fullmatch(named[0].decode("latin-1").lower())
    if found is None or (found["six"] or found["name"]) not in hosts:
        raise BadRequest(
            detail="The service does not answer under this host name; an operator can add it to "
            "MODEL_CATALOG_ALLOWED_HOSTS."
        )
