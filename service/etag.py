"""Strong entity tags: an answer that did not change is not sent again."""

import hashlib
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

CACHED: Final = {"Cache-Control": "private, no-cache"}  # kept by its reader, asked for each time


def answer_tagged(request: Request, found: BaseModel) -> Response:
    """A document with its tag, or 304 where the client has it already."""
    body = found.model_dump_json().encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = CACHED | {"ETag": tag}
    known = {part.strip().removeprefix("W/") for part in _known(request).split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _known(request: Request) -> str:
    return ",".join(request.headers.getlist("if-none-match"))
