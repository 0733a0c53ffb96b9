"""Routes of proposals: who might answer next for a model, and for all that lack an owner."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from schemas.catalog import Page
from schemas.details import AtMoment
from schemas.succession import Succession
from service.catalog import succession
from service.catalog.detail import ModelNotFound
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["owners"], route_class=CatalogRoute)
MODEL: Final = "/models/{namespace}/{name}"


@router.get(f"{MODEL}/succession", responses=problems(ModelNotFound))
@policy("entries:read")
def get_model_succession(
    caller: Requester,
    namespace: str,
    name: str,
    query: Annotated[AtMoment, Query()],
    session: ReadSession,
) -> Succession:
    """Who might answer for a model next, by what they did for it; nothing is decided."""
    return succession.get_succession(session, namespace, name=name, caller=caller, asked=query)


@router.get("/succession")
@policy("entries:read")
def list_successions(
    caller: Requester,
    query: Annotated[succession.SuccessionQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[Succession]:
    """The models whose accountable owner is unknown, empty or has left, with proposals."""
    return succession.list_successions(session, query, caller=caller, pages=pages)
