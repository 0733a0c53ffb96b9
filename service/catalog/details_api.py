"""Routes of one thing: its detail by name, by id or by identifier; how two versions differ."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from schemas.details import (
    AtMoment,
    Comparison,
    DetailQuery,
    EntryDetail,
    ModelDetail,
    VersionDetail,
)
from schemas.identifiers import Kind
from service.catalog import compare, detail, rows
from service.catalog.entries import WORDS, EntryNotFound
from service.db import ReadSession
from service.deployments.api import approved
from service.deployments.beside import with_judgement
from service.errors import problems
from service.etag import answer_tagged
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["details"], route_class=CatalogRoute)
Asked = Annotated[DetailQuery, Query()]
Then = Annotated[AtMoment, Query()]
MODEL: Final = "/models/{namespace}/{name}"


@router.get(MODEL, response_model=ModelDetail, responses=problems(detail.ModelNotFound))
@policy("entries:read")
def get_model(
    caller: Requester,
    namespace: str,
    name: str,
    query: Asked,
    session: ReadSession,
    request: Request,
) -> Response:
    """One model; `provenance=true` says where each field comes from."""
    found = detail.get_model(session, namespace, name=name, caller=caller, asked=query)
    return answer_tagged(request, found)


@router.get(
    f"{MODEL}/versions/{{version}}",
    response_model=VersionDetail,
    responses=problems(detail.VersionNotFound),
)
@policy("entries:read")
def get_version(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    query: Asked,
    session: ReadSession,
    request: Request,
) -> Response:
    """One version, by number or `@alias`."""
    found = detail.get_version(
        session, namespace, name=name, label=version, caller=caller, asked=query
    )
    return answer_tagged(request, found)


@router.get(
    f"{MODEL}/versions/{{version}}/compare/{{other}}",
    response_model=Comparison,
    responses=problems(detail.VersionNotFound),
)
@policy("entries:read")
def compare_versions(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    other: str,
    query: Then,
    session: ReadSession,
    request: Request,
) -> Response:
    """How a version differs from another one, each by number or `@alias`."""
    labels = (version, other)
    found = compare.compare_versions(
        session, (namespace, name), labels=labels, caller=caller, as_of=query.as_of
    )
    return answer_tagged(request, found)


def add_detail(kind: Kind, plural: str) -> None:
    """A detail by id or identifier: the same for each kind that has no name to be found by."""

    @policy("entries:read")
    def get_entry(
        caller: Requester, entry: str, query: Asked, session: ReadSession, request: Request
    ) -> Response:
        found = detail.get_entry(session, kind, given=entry, caller=caller, asked=query)
        if kind is Kind.DEPLOYMENT and query.as_of is None:
            found = with_judgement(session, found, caller=caller, approved=approved(request))
        return answer_tagged(request, found)

    shown, _ = detail.DETAILS.get(kind, (EntryDetail, None))
    options: dict[str, Any] = {"response_model": shown, "responses": problems(EntryNotFound)}
    router.add_api_route(
        f"/{plural}/{{entry}}", get_entry, operation_id=f"get_{kind}", summary=f"Get {WORDS[kind]}",
        description=f"One {WORDS[kind]}, by id or by an identifier `scheme:value`.", **options,
    )  # fmt: skip


for _kind, _plural in rows.PLURALS.items():
    add_detail(_kind, _plural)
