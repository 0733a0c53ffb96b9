"""The route that says what a batch of observations would change, and keeps nothing."""

from fastapi import APIRouter

from schemas.preview import Preview
from service.db import Store
from service.errors import TooLarge, problems
from service.ingest import preview
from service.ingest.api import read_documents
from service.ingest.harvests import SourceDisabled
from service.ingest.ingest import PushImplausible
from service.ingest.sources import SourceNotFound
from service.routing import BatchBody, CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["ingest"], route_class=CatalogRoute)


@router.post(
    "/sources/{source}/observations:preview",
    responses=problems(SourceNotFound, SourceDisabled, PushImplausible, preview.PreviewsBusy),
)
@policy("entries:read")
def preview_observations(
    caller: Requester, source: str, body: BatchBody, store: Store, trace: Trace
) -> Preview:
    """What at most 100 observations would change if the source pushed them; nothing is kept."""
    documents = read_documents(body)
    if len(documents) > preview.MOST:
        raise TooLarge(detail=f"At most {preview.MOST} observations a preview.")
    return preview.preview(store, caller, source=source, documents=documents, trace=trace)
