"""Takes what may be secret out of a payload before it is stored."""

import json
import re
from typing import Any, Final

from schemas.masking import mask_secrets

NAMED: Final = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|authorization"
    r"|cookie|^variables$",
    re.IGNORECASE,
)
USERINFO: Final = re.compile(r"(?<=://)[^\s/@]{1,1024}(?=@)")
MASKED: Final = "[masked by its name]"


def masked(document: Any) -> str:
    """The payload as JSON in ASCII: no NUL, no half character, and no secret that can be told."""
    return json.dumps(_masked(document), separators=(",", ":"))


def _masked(value: Any) -> Any:
    """The loader bounds how deep it can go."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return [_masked(one) for one in value]
    if isinstance(value, dict):
        return {_text(name): _member(name, one) for name, one in value.items()}
    return value


def _member(name: str, value: Any) -> Any:
    """Numbers and flags say nothing: `"tokens": 3` is a figure."""
    holds = isinstance(value, str | list | dict) and bool(value)
    return MASKED if holds and NAMED.search(name) else _masked(value)


def _text(value: str) -> str:
    return USERINFO.sub("[masked]", mask_secrets(value)) if "://" in value else mask_secrets(value)
