"""Secrets of webhooks: from the service's environment, by the name that a source states."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

PREFIX: Final = "MODEL_CATALOG_HOOK_SECRET_"
FILE: Final = "_FILE"
PREVIOUS: Final = "_PREVIOUS"  # goes on being accepted, while both ends change
SHORTEST: Final = 16  # characters: shorter ones are guessed from one captured delivery
NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,60}")


def hook_secrets(name: str, environ: Mapping[str, str]) -> tuple[SecretStr, ...]:
    """The secrets that prove a source's deliveries, the current one first; none: nothing is proved.

    Files are read each time, so that a changed one counts at once.
    """
    if not NAME.fullmatch(name):
        return ()
    return tuple(SecretStr(text) for text in _found(PREFIX + name, environ))


def _found(variable: str, environ: Mapping[str, str]) -> Iterator[str]:
    for one in (variable, variable + PREVIOUS):
        path = environ.get(one + FILE)
        text = _contents(path) if path else environ.get(one, "").strip()
        if len(text) >= SHORTEST:
            yield text


def _contents(path: str) -> str:
    """What is unreadable is no secret: `doctor` says so, a sender learns nothing."""
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
