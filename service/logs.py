"""Structured logs, with one processor that takes secrets and control characters out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

from schemas.masking import mask_secrets

HIDDEN: Final = re.compile(
    r"authorization|cookie|passw|pwd|secret|tokens?$|credential|dsn|api[_-]?key|private[_-]?key"
    r"|database_url",
    re.IGNORECASE,
)
REPLACED: Final = tuple(  # in this order: a URL's user is gone before its parts are looked at
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"mcat[prs]_[0-9a-z]+", "[hidden]"),
        (r"\b(bearer|basic)\s+[a-z0-9._~+/=-]{6,}", r"\1 [hidden]"),
        (
            r"\b(postgres(?:ql)?(?:\+\w+)?://)\S{0,300}@",
            r"\1[hidden]@",
        ),  # a password may hold / and @
        (r"(?<=://)[^/\s]{0,300}@", "[hidden]@"),
        (
            r"((?:passw(?:or)?d|pwd|secret|token|api[_-]?key)['\"]?(?:=|: ?)['\"]?)[^\s&,;'\"]+",
            r"\1[hidden]",
        ),
    )
)
CONTROLS: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
DEEPEST: Final = 6
LONGEST: Final = 16_384  # of a text, its beginning and its end: a traceback says why at its end
SECRETIVE: Final = ("sqlalchemy", "httpcore2", "httpx2")  # in detail they log values and headers


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
    for name in SECRETIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out whatever is named or looks like a secret; one event stays one line."""
    return {name: _clean(name, value, depth=0) for name, value in event.items()}


def _clean(name: str, value: Any, *, depth: int) -> Any:
    if HIDDEN.search(name) and value is not None:
        return "[hidden]"
    if isinstance(value, str):
        return scrub(value)
    if depth > DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {
            scrub(str(key)): _clean(str(key), member, depth=depth + 1)
            for key, member in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", member, depth=depth + 1) for member in value]
    return value if isinstance(value, bool | int | float | None) else scrub(str(value))


def scrub(text: str) -> str:
    """A text without credentials and control characters."""
    if len(text) > LONGEST:
        begin, end = text[: LONGEST // 2], text[-LONGEST // 2 :]  # cut between words, not in a key
        text = f"{begin[: begin.rfind(' ') + 1]}… {end[end.find(' ') + 1 :]}"
    for pattern, instead in REPLACED:
        text = pattern.sub(instead, text)
    return CONTROLS.sub(_escaped, mask_secrets(text))


def _escaped(character: re.Match[str]) -> str:
    return character[0].encode("unicode_escape", "backslashreplace").decode()
