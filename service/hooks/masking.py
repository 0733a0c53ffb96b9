"""Takes what may be secret out of a payload before it is stored."""

import json
import re
from typing import Any, Final

from schemas.masking_documents import MASKED, mask_document

FREE: Final = re.compile(
    r"(?:template)?parameters|build_?vars|env(?:ironment)?_?vars|log|inputs|client_payload|payload",
    re.IGNORECASE,
)


def masked(document: Any) -> str:
    """The payload as JSON in ASCII: no NUL, no half character, and no secret that can be told.

    What people pass to their builds goes as a whole: nobody can tell what of it is one.
    """
    return json.dumps(mask_document(_without(document)), separators=(",", ":"))


def _without(value: Any) -> Any:
    """The loader bounds how deep it can go."""
    if isinstance(value, list):
        return [_without(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: MASKED if one and isinstance(one, str | list | dict) and FREE.fullmatch(name)
        else _without(one)
        for name, one in value.items()
    }  # fmt: skip
