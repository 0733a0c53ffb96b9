"""Masks a whole document: keys wherever they stand, and members that are named like a secret."""

import re
from collections.abc import Mapping
from typing import Final

from schemas.masking import mask_secrets

NAMED: Final = re.compile(
    r"passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credential|authorization"
    r"|cookie|(?:access|account)[_-]?key|connection[_-]?string|(?:^|_)(?:pass|pwd|dsn)$|^variables$",
    re.IGNORECASE,
)
USERINFO: Final = re.compile(r"(?<=://)[^\s/@]{1,1024}(?=@)")
MASKED: Final = "[masked by its name]"


def mask_document(value: object) -> object:
    """A parsed JSON document without any secret that can be told; whoever read it bounds its depth.

    GitLab's hooks hold `variables`, Jenkins' builds parameters, addresses of clones tokens.
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return [mask_document(one) for one in value]
    if isinstance(value, dict):
        told = _pair_named(value)
        return {
            _text(str(name)): _member(told if told and name == "value" else str(name), one)
            for name, one in value.items()
        }
    return value


def _pair_named(document: Mapping[str, object]) -> str | None:
    """The name in `{"name": "PASSWORD", "value": "…"}`, as parameters and variables are listed."""
    texts = (document.get(one) for one in ("name", "key"))
    return next((one for one in texts if isinstance(one, str) and NAMED.search(one)), None)


def _member(name: str, value: object) -> object:
    """Numbers and flags say nothing: `"tokens": 3` is a figure."""
    holds = isinstance(value, str | list | dict) and bool(value)
    return MASKED if holds and NAMED.search(name) else mask_document(value)


def _text(value: str) -> str:
    return USERINFO.sub("[masked]", mask_secrets(value)) if "://" in value else mask_secrets(value)
