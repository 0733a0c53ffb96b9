"""Routes of the lists: each kind's own, and those below a model or another entry."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from schemas.catalog import Page
from schemas.identifiers import Kind
from service.catalog import below
from service.catalog.detail import ModelNotFound
from service.catalog.entries import PLURALS, WORDS, EntryNotFound
from service.catalog.listings import LISTINGS, MODELS, Listing
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["lists"], route_class=CatalogRoute)
MODEL: Final = "/models/{namespace}/{name}"
Endpoint = Callable[..., Any]


def add_route(path: str, endpoint: Endpoint, listing: Listing, **options: Any) -> None:
    """A list under an address; its query model is the listing's."""
    endpoint.__annotations__["query"] = Annotated[listing.query, Query()]
    router.add_api_route(path, endpoint, response_model=listing.page, **options)


def add_list(listing: Listing) -> None:
    """The list of all entries of a kind."""

    @policy("entries:read")
    def list_entries(
        caller: Requester, query: Any, session: ReadSession, pages: Paged
    ) -> Page[Any]:
        found = listing.select(session, query, caller=caller)
        return pages.read_page(session, found, asked=query, listing=listing)

    many = listing.name.replace("-", " ")
    add_route(
        f"/{listing.name}", list_entries, listing,
        operation_id=f"list_{many.replace(' ', '_')}", summary=f"List {many}",
        description=f"The {many} that match.",
    )  # fmt: skip


def add_list_below_model(listing: Listing) -> None:
    """What belongs to one model."""

    @policy("entries:read")
    def list_below_model(
        caller: Requester, namespace: str, name: str, query: Any, session: ReadSession, pages: Paged
    ) -> Page[Any]:
        model = (namespace, name)
        part = partial(below.of_model, kind=listing.kind, model=model, caller=caller)
        found = listing.select(session, query, caller=caller, part=part)
        return pages.read_page(session, found, asked=query, listing=listing)

    add_route(
        f"{MODEL}/{listing.name}", list_below_model, listing,
        operation_id=f"list_model_{listing.name}", summary=f"List the {listing.name} of a model",
        description=f"The {listing.name} of one model that match.",
        responses=problems(ModelNotFound),
    )  # fmt: skip


def add_models_of(kind: Kind) -> None:
    """The models that lead to one entry of another kind."""

    @policy("entries:read")
    def list_models_of(
        caller: Requester, entry: str, query: Any, session: ReadSession, pages: Paged
    ) -> Page[Any]:
        part = partial(below.models_of, kind=kind, given=entry, caller=caller)
        found = MODELS.select(session, query, caller=caller, part=part)
        return pages.read_page(session, found, asked=query, listing=MODELS)

    add_route(
        f"/{PLURALS[kind]}/{{entry}}/models", list_models_of, MODELS,
        operation_id=f"list_{kind}_models", summary=f"List the models of a {WORDS[kind]}",
        description=f"The models that lead to one {WORDS[kind]}.",
        responses=problems(EntryNotFound),
    )  # fmt: skip


for _listing in LISTINGS.values():
    add_list(_listing)
for _name in ("versions", "uses", "deployments", "owners"):
    add_list_below_model(LISTINGS[_name])
for _kind in below.LEADING:
    add_models_of(_kind)
