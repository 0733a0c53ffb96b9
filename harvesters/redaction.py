"""Takes secrets out of what is recorded, so that mapping code reads it as it read the original."""

import base64
import re
from collections.abc import Mapping
from typing import Any, Final

from harvesters.codec import MARK
from schemas.canonical import CONTAINER_SCHEMES
from schemas.masking import ADDRESS, mask_named, mask_secrets

MASKED: Final = "[masked by its name]"
TELLING: Final = (
    r"passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?(?:key|token)|auth[_-]?token"
    r"|private[_-]?key|credentials?|(?<![a-z])token(?![a-z_])"
)
UNHIDDEN: Final = ("time", "float")  # they say no secret, and must read as what they are
NAME: Final = re.compile(TELLING, re.IGNORECASE)
ASSIGNED: Final = re.compile(  # `db_password=…`, `secret: …`: of tags, and in files
    rf"((?<![\w.-])[\w.-]{{0,100}}(?:{TELLING})[\w.-]{{0,100}}[ \t]{{0,8}}[=:][ \t]{{0,8}})"
    r"(?![\s\"'\[{])[^\s]+",
    re.IGNORECASE,
)


def redact(document: Any) -> Any:
    """A JSON document without what looks like a secret; twice changes nothing more."""
    if isinstance(document, str):
        return redact_text(document)
    if isinstance(document, list):
        return [redact(item) for item in document]
    if not isinstance(document, dict):
        return document
    if document.get(MARK) == "bytes":
        return {MARK: "bytes", "value": _redact_bytes(document["value"])}
    if document.get(MARK) == "map":
        return {MARK: "map", "items": [_redact_pair(*pair) for pair in document["items"]]}
    told = document.get("key", document.get("name"))  # beside a value, as tags of inputs are
    cleaned: dict[str, Any] = {}
    for name, value in document.items():
        hidden = NAME.search(name) or (
            name == "value" and isinstance(told, str) and NAME.search(told)
        )
        cleaned[redact_text(name)] = _hide(value) if hidden else redact(value)
    return cleaned


def _redact_pair(name: Any, value: Any) -> list[Any]:
    """A member of a mapping that is no plain object, because of one of its names."""
    hidden = isinstance(name, str) and NAME.search(name)
    return [redact(name), _hide(value) if hidden else redact(value)]


def redact_text(text: str) -> str:
    """A text without keys, credentials in addresses, or values whose name says what they are."""
    if NAME.search(text):
        text = ASSIGNED.sub(rf"\1{MASKED}", mask_named(text))
    parts, done = [], 0
    for found in ADDRESS.finditer(text) if "://" in text else ():
        parts += [mask_secrets(text[done : found.start()]), _without_credential(found)]
        done = found.end()
    return "".join((*parts, mask_secrets(text[done:])))


def _without_credential(found: re.Match[str]) -> str:
    """An address keeps its shape: what reads it still sees that there was a credential.

    Of some stores what stands there is the container, and no secret.
    """
    scheme, info = found.groups()
    name, colon, _ = info.partition(":")
    kept = name if scheme.lower() in CONTAINER_SCHEMES else "masked"
    return f"{scheme}://{kept}{':masked' if colon else ''}@"


def _hide(value: Any) -> Any:
    """Every text below a telling name; numbers keep, they are counts and metrics."""
    if isinstance(value, str):
        return MASKED if value else value
    if isinstance(value, Mapping) and value.get(MARK) in UNHIDDEN:
        return value
    if isinstance(value, Mapping) and value.get(MARK) == "bytes":
        return {MARK: "bytes", "value": base64.b64encode(MASKED.encode()).decode()}
    if isinstance(value, list):
        return [_hide(item) for item in value]
    if isinstance(value, Mapping):
        return {name: one if name == MARK else _hide(one) for name, one in value.items()}
    return value


def _redact_bytes(written: str) -> str:
    raw = base64.b64decode(written)
    text = redact_text(raw.decode("utf-8", "surrogateescape"))
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()
