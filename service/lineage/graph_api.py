"""Routes of lineage: what leads to an entry and what it leads to, as a graph or as a file."""

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from schemas.identifiers import Kind
from schemas.lineage import LineageExport, LineageGraph, LineageQuery
from service.catalog.detail import ModelNotFound, VersionNotFound
from service.catalog.entries import PLURALS, WORDS, EntryNotFound
from service.db import ReadSession
from service.errors import problems
from service.exports.api import NAMED, Suffix
from service.exports.export import FormUnknown
from service.exports.sheet import TooManyRows
from service.lineage.graph import lineage_of_entry, lineage_of_model, lineage_of_version
from service.lineage.lines import answer_lines
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["lineage"], route_class=CatalogRoute)
MODEL: Final = "/models/{namespace}/{name}"
VERSION: Final = f"{MODEL}/versions/{{version}}"
AS_FILE: Final = problems(FormUnknown, TooManyRows) | NAMED
KINDS: Final = (
    Kind.DATASET, Kind.TRAINING_RUN, Kind.BUILD, Kind.DEPLOYMENT, Kind.REPOSITORY,
)  # fmt: skip
Asked = Annotated[LineageQuery, Query()]
Filed = Annotated[LineageExport, Query()]


@router.get(f"{MODEL}/lineage", responses=problems(ModelNotFound))
@policy("entries:read")
def get_model_lineage(
    caller: Requester, namespace: str, name: str, query: Asked, session: ReadSession
) -> LineageGraph:
    """What a model and its versions were made from, and where they run."""
    return lineage_of_model(session, (namespace, name), caller=caller, asked=query)


@router.get(f"{VERSION}/lineage", responses=problems(ModelNotFound, VersionNotFound))
@policy("entries:read")
def get_version_lineage(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    query: Asked,
    session: ReadSession,
) -> LineageGraph:
    """What one version was made from, and where it runs."""
    model = (namespace, name)
    return lineage_of_version(session, model, label=version, caller=caller, asked=query)


@router.get(
    f"{MODEL}/lineage.{{form}}",
    response_class=StreamingResponse,
    responses=AS_FILE | problems(ModelNotFound, FormUnknown),
)
@policy("exports:read")
def export_model_lineage(
    caller: Requester, namespace: str, name: str, form: Suffix, query: Filed, session: ReadSession
) -> StreamingResponse:
    """The edges around a model as a file."""
    graph = lineage_of_model(session, (namespace, name), caller=caller, asked=query)
    return answer_lines(session, graph, asked=query, caller=caller, suffix=form)


@router.get(
    f"{VERSION}/lineage.{{form}}",
    response_class=StreamingResponse,
    responses=AS_FILE | problems(ModelNotFound, VersionNotFound, FormUnknown),
)
@policy("exports:read")
def export_version_lineage(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    form: Suffix,
    query: Filed,
    session: ReadSession,
) -> StreamingResponse:
    """The edges around one version as a file."""
    model = (namespace, name)
    graph = lineage_of_version(session, model, label=version, caller=caller, asked=query)
    return answer_lines(session, graph, asked=query, caller=caller, suffix=form)


def add_lineage(kind: Kind) -> None:
    """The lineage of an entry of any other kind, as a graph and as a file."""

    @policy("entries:read")
    def get_lineage(
        caller: Requester, entry: str, query: Asked, session: ReadSession
    ) -> LineageGraph:
        return lineage_of_entry(session, kind, given=entry, caller=caller, asked=query)

    @policy("exports:read")
    def export_lineage(
        caller: Requester, entry: str, form: Suffix, query: Filed, session: ReadSession
    ) -> StreamingResponse:
        graph = lineage_of_entry(session, kind, given=entry, caller=caller, asked=query)
        return answer_lines(session, graph, asked=query, caller=caller, suffix=form)

    path, word = f"/{PLURALS[kind]}/{{entry}}/lineage", WORDS[kind]
    _route(
        path, get_lineage, operation_id=f"get_{kind}_lineage", summary=f"Lineage of a {word}",
        description=f"What leads to one {word}, and what it leads to.",
        responses=problems(EntryNotFound), response_model=LineageGraph,
    )  # fmt: skip
    _route(
        f"{path}.{{form}}", export_lineage, operation_id=f"export_{kind}_lineage",
        summary=f"Export the lineage of a {word}", description=f"The edges around one {word}.",
        responses=AS_FILE | problems(EntryNotFound, FormUnknown),
        response_class=StreamingResponse,
    )  # fmt: skip


def _route(path: str, endpoint: Callable[..., Any], **options: Any) -> None:
    router.add_api_route(path, endpoint, **options)


for _kind in KINDS:
    add_lineage(_kind)
