"""Routes of the exports: every list as a file, wherever the list stands."""

import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.queries import ListExport
from service.access.policy import Caller
from service.catalog import below
from service.catalog.detail import ModelNotFound
from service.catalog.entries import PLURALS, WORDS, EntryNotFound
from service.catalog.listings import LISTINGS, MODELS, Listing, Part
from service.db import ReadSession
from service.errors import problems
from service.exports.answer import about, answer_export, check_dialect
from service.exports.export import MEDIA, Export, Form, FormUnknown, begin, read_form
from service.exports.record import select_cells
from service.exports.sheet import TooManyRows
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["exports"], route_class=CatalogRoute)
MODEL: Final = "/models/{namespace}/{name}"
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
Suffix = Annotated[
    str, Path(description="How the list is written.", json_schema_extra={"enum": list(Form)})
]
NAMED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {media.partition(";")[0]: {} for media in MEDIA.values()}}
}


def export_list(
    session: Session,
    listing: Listing,
    *,
    asked: ListExport,
    caller: Caller,
    suffix: str,
    part: Part | None = None,
    of: tuple[str, ...] = (),
) -> StreamingResponse:
    """Every row of a list, or of the part of it that stands below something."""
    form = read_form(suffix)
    check_dialect(asked, form)
    found = listing.select(session, asked, caller=caller, part=part)
    now = begin(session)  # behind the select, which ends a transaction to look at a moment
    whole = part is None and asked.model_fields_set <= {"dialect", "sort", "as_of"}
    as_of = asked.as_of or now
    export = Export(
        UNSAFE.sub("-", "_".join((*of, listing.name))),
        listing.columns,
        as_of,
        found.rows,
        listing.as_row,
        about(asked, caller),
        lambda raw: select_cells(listing, found, as_of=as_of, raw=raw, whole=whole),
    )
    return answer_export(session, export, form=form, dialect=asked.dialect)


def add_route(path: str, endpoint: Callable[..., Any], listing: Listing, **options: Any) -> None:
    """An export under an address; its query model is the listing's."""
    endpoint.__annotations__["query"] = Annotated[listing.export, Query()]
    responses = NAMED | problems(FormUnknown, TooManyRows, *options.pop("errors", ()))
    router.add_api_route(
        f"{path}.{{form}}", endpoint, response_class=StreamingResponse, responses=responses,
        **options,
    )  # fmt: skip


def add_export(listing: Listing, *, below_exports: bool) -> None:
    """Every entry of a kind, under the list's own address or among the exports."""

    @policy("exports:read")
    def export_entries(
        caller: Requester, form: Suffix, query: Any, session: ReadSession
    ) -> StreamingResponse:
        return export_list(session, listing, asked=query, caller=caller, suffix=form)

    many, place = listing.name.replace("-", " "), "/exports" if below_exports else ""
    operation = f"export_{many.replace(' ', '_')}"
    add_route(
        f"{place}/{listing.name}", export_entries, listing,
        operation_id=f"{operation}_too" if below_exports else operation,
        summary=f"Export {many}", description=f"Every one of the {many} that match.",
    )  # fmt: skip


def add_export_below_model(listing: Listing) -> None:
    """Everything of a kind that belongs to one model."""

    @policy("exports:read")
    def export_below_model(
        caller: Requester, namespace: str, name: str, form: Suffix, query: Any, session: ReadSession
    ) -> StreamingResponse:
        part = partial(below.of_model, kind=listing.kind, model=(namespace, name), caller=caller)
        return export_list(
            session, listing, asked=query, caller=caller, suffix=form, part=part,
            of=(namespace, name),
        )  # fmt: skip

    add_route(
        f"{MODEL}/{listing.name}", export_below_model, listing,
        operation_id=f"export_model_{listing.name}",
        summary=f"Export the {listing.name} of a model",
        description=f"Every one of the {listing.name} of one model that match.",
        errors=(ModelNotFound,),
    )  # fmt: skip


def add_export_of_models(kind: Kind) -> None:
    """The models that lead to one entry of another kind."""

    @policy("exports:read")
    def export_models_of(
        caller: Requester, entry: str, form: Suffix, query: Any, session: ReadSession
    ) -> StreamingResponse:
        part = partial(below.models_of, kind=kind, given=entry, caller=caller)
        return export_list(
            session, MODELS, asked=query, caller=caller, suffix=form, part=part,
            of=(kind, entry),
        )  # fmt: skip

    add_route(
        f"/{PLURALS[kind]}/{{entry}}/models", export_models_of, MODELS,
        operation_id=f"export_{kind}_models", summary=f"Export the models of a {WORDS[kind]}",
        description=f"Every model that leads to one {WORDS[kind]}.", errors=(EntryNotFound,),
    )  # fmt: skip


for _listing in LISTINGS.values():
    add_export(_listing, below_exports=False)
    add_export(_listing, below_exports=True)
for _name in ("versions", "uses", "deployments", "owners"):
    add_export_below_model(LISTINGS[_name])
for _kind in below.LEADING:
    add_export_of_models(_kind)
