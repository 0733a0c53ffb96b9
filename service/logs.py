"""Structured logs, with one processor that takes secrets and control characters out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from schemas.masking import mask_secrets

HIDDEN: Final = re.compile(r"authorization|cookie|password|secret|token$|credential|dsn", re.IGNORECASE)
USERINFO: Final = re.compile(r"(?<=://)[^/\s@]+@")
BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}")
TOKEN: Final = re.compile(r"mcat[prs]_[0-9A-Za-z]+")
CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]")
DEEPEST: Final = 6


def set_up_logs(*, form: str, level: str) -> None:
    """Log to standard error; the libraries' own records pass through the same processor."""
    last = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=last)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out whatever is named or looks like a secret; one event stays one line."""
    return {name: _clean(name, value, 0) for name, value in event.items()}


def _clean(name: str, value: Any, depth: int) -> Any:
    if HIDDEN.search(name) and value is not None:
        return "[hidden]"
    if isinstance(value, str):
        return scrub(value)
    if depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {str(key): _clean(str(key), member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", member, depth + 1) for member in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return scrub(str(value))


def scrub(text: str) -> str:
    """A text without credentials and control characters."""
    text = USERINFO.sub("[hidden]@", BEARER.sub(r"\1 [hidden]", TOKEN.sub("[hidden]", text)))
    return CONTROLS.sub(lambda c: f"\\x{ord(c[0]):02x}", mask_secrets(text))
