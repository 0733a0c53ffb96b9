"""Routes of deployments that nothing accounts for, of ghosts, and of decisions about them."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from schemas.catalog import Page
from schemas.deployments import (
    DeploymentResolved,
    GhostExport,
    GhostQuery,
    GhostRow,
    ResolveDeployment,
    UnregisteredExport,
    UnregisteredQuery,
    UnregisteredRow,
)
from schemas.identity import DecisionQuery
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound, VersionNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.catalog.select import one_snapshot
from service.db import ReadSession
from service.deployments import deciding, ghosts, unregistered
from service.errors import problems
from service.exports.api import NAMED, Suffix
from service.exports.export import Form, FormUnknown, read_form
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.people.enter import AlreadyEntered
from service.people.pinning import EntryReplaced, Pinner
from service.people.source import NamespaceNotYours
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["deployments"], route_class=CatalogRoute)
RESPONSES: Final = problems(FormUnknown, TooManyRows) | {200: NAMED[200]}
DECIDED: Final = problems(
    unregistered.DeploymentNotFound, ModelNotFound, VersionNotFound, deciding.EvidenceMoved,
    deciding.NothingWrong, deciding.NothingDecided, deciding.DigestProves,
    deciding.VersionRegistered, AlreadyEntered, NamespaceNotYours, EntryReplaced, *REPEATED,
)  # fmt: skip


@router.get("/unregistered-deployments")
@policy("entries:read")
def list_unregistered_deployments(
    caller: Requester,
    query: Annotated[UnregisteredQuery, Query()],
    session: ReadSession,
    pages: Paged,
    request: Request,
) -> Page[UnregisteredRow]:
    """What runs and nothing accounts for, or what is accounted for and wrong; open ones."""
    one_snapshot(session)
    found = unregistered.unregistered(session, query, caller=caller, approved=approved(request))
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/unregistered-deployments.{form}", response_class=StreamingResponse,
            responses=RESPONSES)  # fmt: skip
@policy("exports:read")
def export_unregistered_deployments(
    caller: Requester,
    form: Suffix,
    query: Annotated[UnregisteredExport, Query()],
    session: ReadSession,
    request: Request,
) -> StreamingResponse:
    """The same as a file."""
    one_snapshot(session)
    found = unregistered.unregistered(session, query, caller=caller, approved=approved(request))
    if form != Form.JSONL:
        found = found._replace(as_row=unregistered.unregistered_line)
    return answer_list(session, found, name="unregistered-deployments", asked=query,
                       caller=caller, form=read_form(form))  # fmt: skip


@router.post(
    "/unregistered-deployments/{entry}:resolve",
    response_model=DeploymentResolved,
    responses=DECIDED,
)
@policy("models:enter")
def resolve_deployment(
    caller: Requester,
    entry: str,
    asked: ResolveDeployment,
    query: Annotated[DecisionQuery, Query()],
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Register what runs, link it to a version, accept it until a day, or reopen it."""
    who = deciding.Resolver(Pinner(caller, trace), approved(request))
    work = partial(deciding.resolve, given=entry, asked=asked, who=who, dry_run=query.dry_run)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.get("/ghosts")
@policy("entries:read")
def list_ghosts(
    caller: Requester, query: Annotated[GhostQuery, Query()], session: ReadSession, pages: Paged
) -> Page[GhostRow]:
    """What is said to be in production and no serving source sees."""
    one_snapshot(session)
    found = ghosts.ghosts(session, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/ghosts.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_ghosts(
    caller: Requester, form: Suffix, query: Annotated[GhostExport, Query()], session: ReadSession
) -> StreamingResponse:
    """The same as a file."""
    one_snapshot(session)
    found = ghosts.ghosts(session, query, caller=caller)
    return answer_list(session, found, name="ghosts", asked=query, caller=caller,
                       form=read_form(form))  # fmt: skip


def approved(request: Request) -> tuple[str, ...]:
    """The approved blueprints, as the operator declares them."""
    declared: tuple[str, ...] = request.app.state.settings.blueprints
    return declared
