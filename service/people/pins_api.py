"""Routes of pins: people's values for single fields, below every kind of entry."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from schemas.identifiers import Kind
from schemas.pins import AskedPin, PinnedField, PinQuery, Pins, ReleaseQuery
from service.catalog import rows
from service.catalog.detail import ModelNotFound, VersionNotFound
from service.catalog.entries import WORDS, EntryNotFound
from service.db import ReadSession, Store
from service.errors import CatalogError, problems
from service.etag import CACHED, TagNeeded, TagStale
from service.people import pins
from service.people.attempt import attempt
from service.people.pinnable import FactUnknown, NamingFact, NotASet
from service.people.pinning import Address, EntryReplaced, NotYours, Pinner
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["pins"], route_class=CatalogRoute)
SET: Final = (FactUnknown, NamingFact, NotASet, NotYours, EntryReplaced, TagNeeded, TagStale)
RELEASED: Final = (pins.PinNotFound, FactUnknown, NotYours, EntryReplaced, TagNeeded, TagStale)


def of_model(namespace: str, name: str) -> Address:
    """A model is read by its name."""
    return Address(Kind.MODEL, (namespace, name))


def of_version(namespace: str, name: str, version: str) -> Address:
    """A version below its model, by number or `@alias`."""
    return Address(Kind.VERSION, (namespace, name, version))


def of_entry(kind: Kind) -> Callable[[str], Address]:
    """Everything else by its id or an identifier."""

    def named(entry: str) -> Address:
        return Address(kind, (entry,))

    return named


PLACES: Final[Mapping[Kind, tuple[str, Callable[..., Address], type[CatalogError]]]] = {
    Kind.MODEL: ("/models/{namespace}/{name}", of_model, ModelNotFound),
    Kind.VERSION: (
        "/models/{namespace}/{name}/versions/{version}",
        of_version,
        VersionNotFound,
    ),
    **{
        kind: (f"/{plural}/{{entry}}", of_entry(kind), EntryNotFound)
        for kind, plural in rows.PLURALS.items()
    },
}


def pinner(request: Request, caller: Requester, trace: Trace) -> Pinner:
    """Who pins, and which state of the pin the caller has read."""
    match = tuple(request.headers.getlist("if-match"))
    fresh = "*" in request.headers.get("if-none-match", "")
    return Pinner(caller, trace, match, fresh=fresh)


def answer(found: PinnedField, *, tagged: bool = True) -> Response:
    """The field, with the tag that changing its pin needs."""
    headers = CACHED | ({"ETag": pins.tag(found)} if tagged else {})
    return Response(found.model_dump_json(), media_type="application/json", headers=headers)


def add_reading(kind: Kind) -> None:
    """Reading the pins of a kind."""
    place, named, missing = PLACES[kind]
    Named = Annotated[Address, Depends(named)]  # noqa: N806  # a type

    @policy("entries:read")
    def list_pins(caller: Requester, address: Named, session: ReadSession) -> Pins:
        return pins.list_pins(session, address, caller=caller)

    @policy("entries:read")
    def get_pin(caller: Requester, address: Named, field: str, session: ReadSession) -> Response:
        return answer(pins.get_field(session, address, field=field, caller=caller))

    word = WORDS[kind]
    one = f"{place}/pins/{{field}}"
    _add("GET", f"{place}/pins", list_pins, errors=(missing,), response_model=Pins,
         operation_id=f"list_{kind}_pins", summary=f"List {word} pins",
         description=f"Every pinned field of a {word}.")  # fmt: skip
    _add("GET", one, get_pin, errors=(missing, FactUnknown), operation_id=f"get_{kind}_pin",
         summary=f"Get {word} pin",
         description="One field: what holds, its pin if it has one, and what sources say. The tag "
         "is that of the pin.")  # fmt: skip


def add_setting(kind: Kind) -> None:
    """Setting the pins of a kind."""
    place, named, missing = PLACES[kind]
    Named = Annotated[Address, Depends(named)]  # noqa: N806  # a type

    @policy("facts:pin")
    def set_pin(
        caller: Requester,
        address: Named,
        field: str,
        asked: AskedPin,
        query: Annotated[PinQuery, Query()],
        store: Store,
        trace: Trace,
        request: Request,
    ) -> Response:
        by = pinner(request, caller, trace)
        work = partial(pins.set_pin, address=address, field=field, asked=asked, by=by)
        found = attempt(store, work, dry_run=query.dry_run)
        return answer(found, tagged=not query.dry_run)

    word = WORDS[kind]
    _add("PUT", f"{place}/pins/{{field}}", set_pin, errors=(missing, *SET),
         operation_id=f"set_{kind}_pin", summary=f"Set {word} pin",
         description="Pin one field, with a reason and an optional expiry. Needs `If-Match` with "
         "the tag that GET answers, or `If-None-Match: *` for a first pin.")  # fmt: skip


def add_releasing(kind: Kind) -> None:
    """Releasing the pins of a kind."""
    place, named, missing = PLACES[kind]
    Named = Annotated[Address, Depends(named)]  # noqa: N806  # a type

    @policy("facts:pin")
    def release_pin(
        caller: Requester,
        address: Named,
        field: str,
        query: Annotated[ReleaseQuery, Query()],
        store: Store,
        trace: Trace,
        request: Request,
    ) -> Response:
        by = pinner(request, caller, trace)
        work = partial(pins.release_pin, address=address, field=field, reason=query.reason, by=by)
        found = attempt(store, work, dry_run=query.dry_run)
        return answer(found, tagged=not query.dry_run)

    word = WORDS[kind]
    _add("DELETE", f"{place}/pins/{{field}}", release_pin, errors=(missing, *RELEASED),
         operation_id=f"release_{kind}_pin", summary=f"Release {word} pin",
         description="Let go of a pin: what sources say holds. Needs `If-Match`.")  # fmt: skip


def _add(method: str, path: str, endpoint: Any, *, errors: tuple[Any, ...], **options: Any) -> None:
    options.setdefault("response_model", PinnedField)
    router.add_api_route(path, endpoint, methods=[method], responses=problems(*errors), **options)


for _kind in PLACES:
    add_reading(_kind)
    add_setting(_kind)
    add_releasing(_kind)
