"""Strong entity tags: an answer that did not change is not sent again."""

import hashlib
from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel

from service.errors import CatalogError

CACHED: Final = {"Cache-Control": "private, no-cache"}  # kept by its reader, asked for each time


class TagNeeded(CatalogError):
    """A change of what people stated says which state it changes.

    Read it first, and send the `ETag` of the answer as `If-Match`: so nobody overwrites what
    another one has written meanwhile.
    """

    status = 428


class TagStale(CatalogError):
    """It was changed since it was read.

    Read it again and decide again; `ETag` is its present tag.
    """

    status = 412

    def __init__(self, tag: str) -> None:
        """Answer the present tag, too."""
        super().__init__()
        self.headers = {"ETag": tag}  # type: ignore[misc]  # of this answer, not of all


def answer_tagged(request: Request, found: BaseModel) -> Response:
    """A document with its tag, or 304 where the client has it already."""
    body, tag = found.model_dump_json().encode(), tag_of(found)
    headers = CACHED | {"ETag": tag}
    known = {part.strip().removeprefix("W/") for part in _known(request).split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def tag_of(found: BaseModel) -> str:
    """The strong tag of a document: of its bytes as they are answered."""
    return f'"{hashlib.sha256(found.model_dump_json().encode()).hexdigest()[:32]}"'


def check_match(stated: Sequence[str], found: BaseModel) -> None:
    """Hold `If-Match` headers against a document. Raises `TagNeeded`, `TagStale`."""
    tag = tag_of(found)
    if not stated:
        raise TagNeeded
    if not {part.strip() for part in ",".join(stated).split(",")} & {tag, "*"}:
        raise TagStale(tag)


def _known(request: Request) -> str:
    return ",".join(request.headers.getlist("if-none-match"))
