"""Routes of the catalog's own operation: harvests, refusals, coverage, explanations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from schemas.catalog import Page
from schemas.explain import ExplainQuery, Explanation
from schemas.operations import (
    CoverageQuery,
    CoverageRow,
    HarvestQuery,
    HarvestRow,
    NamespaceQuery,
    NamespaceRow,
)
from schemas.reports import TimingQuery, TimingRow, UnknownPage, UnknownQuery
from service.catalog.keyset import read_keyset
from service.catalog.named import check_names
from service.catalog.namespaces import namespaces
from service.catalog.pages import Paged
from service.db import ReadSession
from service.deployments.counts import by_source
from service.errors import problems
from service.ingest import listing
from service.ingest.coverage import coverage
from service.ingest.explain import explain
from service.ingest.harvests import HarvestNotFound
from service.ingest.reports import time_to_catalog
from service.ingest.sources import SourceNotFound
from service.ingest.sources_api import check_own
from service.ingest.unknowns import read_unknowns, unknowns
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


@router.get("/coverage")
@policy("entries:read")
def list_coverage(
    caller: Requester, query: Annotated[CoverageQuery, Query()], session: ReadSession, pages: Paged
) -> Page[CoverageRow]:
    """What the catalog can see: every scope of a source, how fresh it is, what it leaves out."""
    check_names(session, query, caller=caller)
    found = coverage(query, caller=caller, counted=by_source(caller))
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/time-to-catalog")
@policy("entries:read")
def list_time_to_catalog(
    caller: Requester, query: Annotated[TimingQuery, Query()], session: ReadSession, pages: Paged
) -> Page[TimingRow]:
    """How long events at the sources took to reach the catalog, by source, kind and week."""
    found = time_to_catalog(session, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/unknowns")
@policy("entries:read")
def list_unknowns(
    caller: Requester, query: Annotated[UnknownQuery, Query()], session: ReadSession, pages: Paged
) -> UnknownPage:
    """What no source could tell, and what would tell it."""
    report = unknowns(session, query, caller=caller)
    return read_unknowns(session, report, asked=query, caller=caller, pages=pages)


@router.get("/namespaces")
@policy("entries:read")
def list_namespaces(
    caller: Requester, query: Annotated[NamespaceQuery, Query()], session: ReadSession, pages: Paged
) -> Page[NamespaceRow]:
    """The namespaces that exist, and how much that is not gone the caller may see in each."""
    found = namespaces(session, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/explain")
@policy("entries:read")
def explain_entry(
    caller: Requester, query: Annotated[ExplainQuery, Query()], session: ReadSession
) -> Explanation:
    """Why something is, or is not, in the catalog."""
    return explain(session, query, caller=caller)
