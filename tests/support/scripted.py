"""A server that answers each request as a test tells it, and a clock that only sleeping moves."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from harvesters.http import PoliteClient
from harvesters.manners import Clock
from tests.outbound.servers import Source

NOON: Final = datetime(2026, 11, 27, 12, tzinfo=UTC)
LOOPBACK: Final = "127.0.0.1/32"
SECRET: Final = "canary-4711"  # noqa: S105  # looked for in errors
Say = Callable[[int, bytes, dict[str, str]], None]
Script = Callable[[str, BaseHTTPRequestHandler], None]
Asked = Callable[..., tuple[PoliteClient, Source]]


class Slept:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        """It is noon."""
        self.seconds: list[float] = []

    @property
    def passed(self) -> float:
        """In all."""
        return sum(self.seconds)

    def clock(self) -> Clock:
        """For a client."""
        return Clock(
            lambda: NOON + timedelta(seconds=self.passed),
            lambda: self.passed,
            self.seconds.append,
        )


def answer(
    handler: BaseHTTPRequestHandler, body: Any, *, status: int = 200, **headers: str
) -> None:
    """Answer with JSON, or with bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    said = {"Content-Type": "application/json", "Connection": "close"}
    for name, value in (said | {n.replace("_", "-"): v for n, v in headers.items()}).items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(raw)))
    handler.end_headers()
    handler.wfile.write(raw)
