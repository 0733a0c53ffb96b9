"""What routes of decisions share: who acts, and an answer with its tag."""

from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from service.etag import CACHED
from service.risk.acting import Acting
from service.routing import Requester, Trace


def acting(request: Request, caller: Requester, trace: Trace) -> Acting:
    """Who acts, and which state of the thing the caller has read."""
    return Acting(caller, trace, tuple(request.headers.getlist("if-match")))


By = Annotated[Acting, Depends(acting)]


def answer(found: BaseModel, tag: str, *, status: int = 200) -> Response:
    """A thing with the tag that its next step needs."""
    headers = CACHED | {"ETag": tag}
    return Response(found.model_dump_json(), status, headers, media_type="application/json")
