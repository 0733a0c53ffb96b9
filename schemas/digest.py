"""Canonical JSON and the digest of an observation."""

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeVar

from schemas.strict import Closed, instant_text

if TYPE_CHECKING:
    from schemas.observation import Observation

Item = TypeVar("Item")

PLAIN: Final = frozenset({str, int, bool, type(None)})  # tested first: it is the cheaper question
SAID: Final = ("subject", "same_as", "facts", "inferred", "gone")

# Nearly every value is plain JSON in ASCII without decimals: written at once, it is canonical.
AS_IT_STANDS: Final = json.JSONEncoder(
    sort_keys=True,
    separators=(",", ":"),
    ensure_ascii=False,
    allow_nan=False,
    check_circular=False,
)


def canonical_json(value: object) -> str:
    """Write a value the one way it is hashed and compared (canonical form 1).

    Sorted keys, no spaces, NFC; decimals as text, so that 1.0, 1.00 and 1e0 read alike.
    """
    if _is_plain(value):
        text = AS_IT_STANDS.encode(value)
        if text.isascii():
            return text
    return AS_IT_STANDS.encode(_plain(value))


def sha256(text: str) -> str:
    """Answer `sha256:<64 hex>` of a text's UTF-8 bytes."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def observation_digest(observation: "Observation") -> str:
    """Digest what an observation says, without when it was said and on what evidence."""
    stated = observation.model_dump(
        mode="json",
        include=set(SAID),
        exclude_unset=True,
        exclude_defaults=False,
    )
    return stated_digest(stated)


def stated_digest(stated: Mapping[str, object]) -> str:
    """Digest what is said, as JSON; times and evidence are left out."""
    said = {name: stated[name] for name in SAID if name in stated}
    for name in ("same_as", "inferred"):
        if isinstance(listed := said.get(name), list | tuple):
            said[name] = as_set(listed)
    return sha256(canonical_json({n: v for n, v in said.items() if v or v == {}}))


def as_set(items: Iterable[Item]) -> list[Item]:
    """Each item once, sorted by its canonical form: the one way a set is written."""
    given = list(items)
    if len(given) <= 1:
        return given
    keyed = {canonical_json(item): item for item in given}
    return [keyed[key] for key in sorted(keyed)]


def _is_plain(value: object) -> bool:
    """Is it written as it stands, if that is ASCII? Decimals, times and contracts are not."""
    if isinstance(value, str | int | None):
        return True
    if not isinstance(value, dict | list | tuple):
        return False
    members = value.values() if isinstance(value, dict) else value
    return all(type(member) in PLAIN or _is_plain(member) for member in members)


def _plain(value: object) -> object:
    if isinstance(value, Closed):
        value = value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, str):
        return value if value.isascii() else unicodedata.normalize("NFC", value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(_plain(name)): _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    return _written(value)


def _written(value: object) -> str:
    """Times are written with six digits and `Z`, everything else by its own text."""
    return instant_text(value) if isinstance(value, datetime) else str(value)
