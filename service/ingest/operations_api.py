"""Routes of the catalog's own operation: harvests, refusals, coverage, explanations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from schemas.catalog import Page, Paging
from schemas.operations import (
    CoverageQuery,
    CoverageRow,
    ExplainQuery,
    Explanation,
    HarvestQuery,
    HarvestRow,
    NamespaceRow,
    QuarantineQuery,
    QuarantineRow,
)
from service.catalog.keyset import read_keyset
from service.catalog.namespaces import namespaces
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.ingest import listing
from service.ingest.coverage import coverage
from service.ingest.explain import explain
from service.ingest.harvests import HarvestNotFound
from service.ingest.sources import SourceNotFound
from service.ingest.sources_api import check_own
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["operations"], route_class=CatalogRoute)


@router.get("/sources/{source}/harvests", responses=problems(SourceNotFound))
@policy("sources:own")
def list_harvests(
    caller: Requester,
    source: str,
    query: Annotated[HarvestQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[HarvestRow]:
    """The harvests of a source with their reports, the newest first."""
    check_own(caller, source)
    found = listing.harvests_of(session, source, asked=query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/harvests/{harvest:uuid}", responses=problems(HarvestNotFound))
@policy("sources:own")
def get_harvest(caller: Requester, harvest: UUID, session: ReadSession) -> HarvestRow:
    """One harvest with its whole report; a source's token reads its own."""
    return listing.get_harvest(session, harvest, caller=caller)


@router.get("/quarantine")
@policy("quarantine:read")
def list_quarantine(
    caller: Requester,
    query: Annotated[QuarantineQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[QuarantineRow]:
    """Refused records and held-back harvests that nobody has settled, the newest first."""
    found = listing.refusals(query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/coverage")
@policy("entries:read")
def list_coverage(
    caller: Requester, query: Annotated[CoverageQuery, Query()], session: ReadSession, pages: Paged
) -> Page[CoverageRow]:
    """What the catalog can see: every scope of a source, how fresh it is, what it leaves out."""
    found = coverage(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/namespaces")
@policy("entries:read")
def list_namespaces(
    caller: Requester, query: Annotated[Paging, Query()], session: ReadSession, pages: Paged
) -> Page[NamespaceRow]:
    """The namespaces that exist, and how much that is not gone the caller may see in each."""
    found = namespaces(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/explain")
@policy("entries:read")
def explain_entry(
    caller: Requester, query: Annotated[ExplainQuery, Query()], session: ReadSession
) -> Explanation:
    """Why something is, or is not, in the catalog."""
    return explain(session, query, caller=caller)
