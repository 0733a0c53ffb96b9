"""An answer of a scripted GitHub."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Said(NamedTuple):
    """Status, body (bytes as they are, anything else as JSON) and headers beside the usual."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}
