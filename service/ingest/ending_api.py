"""The route that retires a source."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response

from schemas.quarantine import Decide, DecideQuery
from schemas.retirement import Retirement
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.errors import problems
from service.ingest.ending import retire_source
from service.ingest.release import Decision
from service.ingest.sources import SourceNotFound
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["sources"], route_class=CatalogRoute)


@router.post(
    "/sources/{source}:retire",
    response_model=Retirement,
    responses=problems(SourceNotFound, *REPEATED),
)
@policy("sources:write")
def end_source(
    caller: Requester,
    source: str,
    asked: Decide,
    query: Annotated[DecideQuery, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Disable a source and end what it shows, 1,000 subjects a request."""
    by = Decision(caller, asked.reason, trace)
    work = partial(retire_source, name=source, decision=by, dry_run=query.dry_run)
    return repeatable(repeat, work, dry_run=query.dry_run)
