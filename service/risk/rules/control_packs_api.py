"""Routes of packs of controls: versions, previews, what came into force."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.rule_sets import (
    ActivateRules,
    PackPreviewPage,
    PreviewExport,
    PreviewQuery,
    RuleSetQuery,
    RuleSetRow,
    RuleSetShown,
)
from service.access.idempotency import Repeat, repeatable
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.catalog.select import one_snapshot
from service.db import ReadSession
from service.errors import problems
from service.etag import answer_tagged
from service.exports.api import Suffix
from service.exports.export import read_form
from service.exports.reports_api import answer_list
from service.risk.rules import activation
from service.risk.rules.pack_previews import preview_pack
from service.risk.rules.policies_api import (
    ACTIVATED,
    FILE,
    FILES,
    FOUND,
    LARGEST,
    MEDIA,
    PREVIEWED,
    READ,
    UPLOADED,
    is_yaml,
    store,
)
from service.risk.rules.preview_lists import find_preview, pack_lines
from service.risk.rules.rule_sets import PACKS, By, check_author, list_rules, show_rules
from service.routing import BatchBody, CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["rules"], route_class=CatalogRoute)


@router.get("/control-packs")
@policy("entries:read")
def list_control_packs(
    caller: Requester, query: Annotated[RuleSetQuery, Query()], session: ReadSession, pages: Paged
) -> Page[RuleSetRow]:
    """Every version of every pack of controls, the newest first."""
    found = list_rules(PACKS, query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.post("/control-packs", status_code=201, response_model=RuleSetShown, openapi_extra=FILE,
             responses=UPLOADED)  # fmt: skip
@policy("risk:act", max_body=LARGEST, media=MEDIA)
def upload_control_pack(
    caller: Requester, body: BatchBody, repeat: Repeat, trace: Trace, request: Request
) -> Response:
    """Keep a new version of a pack, as YAML or JSON: every example of it is tried first."""
    check_author(caller)
    sent = PACKS.read(body, is_yaml(request))
    return repeatable(repeat, partial(store, rules=PACKS, sent=sent, by=By(caller, trace)))


@router.get("/control-packs/{version}", response_model=RuleSetShown, responses=problems(*FOUND))
@policy("entries:read")
def get_control_pack(
    caller: Requester, version: str, session: ReadSession, request: Request
) -> Response:
    """A version of a pack, its newest preview, and how far it is applied."""
    return answer_tagged(request, show_rules(session, PACKS, given=version))


@router.post("/control-packs/{version}:preview", response_model=RuleSetShown, responses=PREVIEWED)
@policy("risk:act")
def ask_control_pack_preview(
    caller: Requester, version: str, repeat: Repeat, trace: Trace
) -> Response:
    """Evaluate every model by this pack too. What it finds is counted nowhere."""

    def work(session: Session) -> RuleSetShown:
        preview_pack(session, given=version, by=By(caller, trace))
        return show_rules(session, PACKS, given=version)

    return repeatable(repeat, work)


@router.get("/control-packs/{version}/preview", responses=READ)
@policy("entries:read")
def get_control_pack_preview(
    caller: Requester,
    version: str,
    query: Annotated[PreviewQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> PackPreviewPage:
    """What the pack would find: all that is not well, and all that differs from what stands."""
    one_snapshot(session)
    preview, state = find_preview(session, PACKS, given=version)
    lines = pack_lines(preview, query, caller=caller)
    page = read_keyset(session, lines, asked=query, caller=caller, pages=pages)
    return PackPreviewPage(**dict(page), preview=state)


@router.get("/control-packs/{version}/preview.{form}", response_class=StreamingResponse,
            responses=FILES)  # fmt: skip
@policy("exports:read")
def export_control_pack_preview(
    caller: Requester,
    version: str,
    form: Suffix,
    query: Annotated[PreviewExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    one_snapshot(session)
    preview, _ = find_preview(session, PACKS, given=version)
    found = pack_lines(preview, query, caller=caller)
    return answer_list(session, found, name="control-pack-preview", asked=query, caller=caller,
                       form=read_form(form), of=(version,))  # fmt: skip


@router.post("/control-packs/{version}:activate", response_model=RuleSetShown, responses=ACTIVATED)
@policy("risk:act")
def activate_control_pack(
    caller: Requester,
    version: str,
    asked: ActivateRules,
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Put a version in force, now or from a moment on; every model is evaluated. `If-Match`."""
    work = partial(
        activation.activate, rules=PACKS, given=version, asked=asked, by=By(caller, trace),
        match=request.headers.getlist("if-match"),
    )  # fmt: skip
    return repeatable(repeat, work)
