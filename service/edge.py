"""The outermost layer: problem+json for every error, headers, trace id, the last `except`."""

import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse

from schemas.problem import FieldProblem
from service.db import translated
from service.errors import (
    PROBLEM_JSON,
    BadRequest,
    CatalogError,
    HeadersTooLarge,
    as_problem,
)

log = structlog.get_logger()

CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever breaks is logged and answered, never raised."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        trace_id = secrets.token_hex(16)
        scope.setdefault("state", {})["trace_id"] = trace_id
        begun, started = time.monotonic(), False
        status = 500

        async def answer(message: Message) -> None:
            nonlocal started, status
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                message["headers"] = self._headers(message["headers"], trace_id)
            await send(message)

        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            try:
                _check_headers(scope, self.hosts)
                with translated():
                    await self.app(scope, receive, answer)
            except CatalogError as error:
                log.log(_level(error), "refused", code=error.code(), facts=error.facts)
                if not started:
                    await answer_catalog_error(Request(scope), error)(scope, receive, answer)
            except Exception:  # noqa: BLE001  # the last one: logged, answered, never raised
                log.exception("unexpected")
                if not started:
                    lost = answer_catalog_error(Request(scope), CatalogError())
                    await lost(scope, receive, answer)
            finally:
                log.info(
                    "answered",
                    method=scope["method"],
                    path=scope["path"][:500],
                    status=status,
                    milliseconds=round((time.monotonic() - begun) * 1_000, 1),
                )

    def _headers(self, given: list[tuple[bytes, bytes]], trace_id: str) -> list[tuple[bytes, bytes]]:
        own = self.headers | {"x-trace-id": trace_id}
        stated = {name.lower() for name, _ in given}
        added = [(n.encode(), v.encode()) for n, v in own.items() if n.encode() not in stated]
        return [(name, value) for name, value in given if name.lower() != b"server"] + added


def answer_catalog_error(request: Request, error: CatalogError) -> JSONResponse:
    """Render a domain error as RFC 9457; the input is never echoed."""
    problem = as_problem(error, trace_id=request.state.trace_id)
    return JSONResponse(
        problem.model_dump(mode="json"),
        error.status,
        media_type=PROBLEM_JSON,
        headers=dict(error.headers),
    )


def field_problem(pointer: str, message: str, fix: str = "") -> FieldProblem:
    """One thing that is wrong, its place escaped and cut."""
    shown = pointer.encode("ascii", "backslashreplace").decode()[:500]
    return FieldProblem(pointer=shown, message=message[:500], fix=fix)


def _level(error: CatalogError) -> int:
    return 40 if error.status >= 500 else 20  # noqa: PLR2004  # logging's ERROR and INFO


def _check_headers(scope: Scope, hosts: frozenset[str]) -> None:
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in headers) > LARGEST_HEADERS:
        raise HeadersTooLarge
    named = [value for name, value in headers if name == b"host"]
    if len(named) != 1:
        raise BadRequest(detail="A request names one host.")
    host = named[0].decode("latin-1").lower()
    name = host[: host.index("]") + 1].strip("[]") if host.startswith("[") else host.split(":")[0]
    if name not in hosts:
        raise BadRequest(
            detail="The service does not answer under this host name; an operator can add it to "
            "MODEL_CATALOG_ALLOWED_HOSTS."
        )
