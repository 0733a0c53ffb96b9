"""Routes of sources: declaring and reading them."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query

from schemas.sources import SourceSettings, SourceState
from service.access.policy import Caller
from service.db import ReadSession, Store
from service.errors import BadRequest, InsufficientScope, problems
from service.ingest import declare
from service.ingest.api import DryRun
from service.ingest.sources import SourceNotFound
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["sources"], route_class=CatalogRoute)


class SourceNameDiffers(BadRequest):
    """The address and the body name different sources.

    Send the settings to the address that carries their name.
    """


@router.get("/sources")
@policy("sources:read")
def list_sources(caller: Requester, session: ReadSession) -> list[SourceState]:
    """Every source that is declared."""
    return declare.list_source_states(session)


@router.get("/sources/{source}", responses=problems(SourceNotFound))
@policy("sources:own")
def get_source(caller: Requester, source: str, session: ReadSession) -> SourceState:
    """One source: settings, scopes and cursors; never a secret."""
    check_own(caller, source)
    return declare.get_source_state(session, source)


@router.put("/sources/{source}")
@policy("sources:write")
def put_source(
    caller: Requester,
    source: str,
    asked: SourceSettings,
    query: Annotated[DryRun, Query()],
    store: Store,
    trace: Trace,
) -> SourceState:
    """Declare a source, or change it."""
    check_name(source, asked)
    if query.dry_run:
        return SourceState.model_validate(asked.model_dump())
    by = caller.actor
    work = partial(declare.declare_source, asked=asked, actor=by, request=trace)
    return store.transact(work)


def check_own(caller: Caller, source: str) -> None:
    """Raises `InsufficientScope`: a source's token reads about that source only."""
    if caller.source is not None and caller.source != source:
        raise InsufficientScope(detail=f"This one reads source {caller.source} only.")


def check_name(source: str, asked: SourceSettings) -> None:
    """Raises `SourceNameDiffers`: a copied address would change another source."""
    if asked.name != source:
        raise SourceNameDiffers(detail=f"{source} and {asked.name}.")
