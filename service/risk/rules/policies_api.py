"""Routes of the tiering policy: versions, previews, what came into force."""

from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.rule_sets import (
    YAML,
    ActivateRules,
    PolicyPreviewPage,
    PreviewExport,
    PreviewQuery,
    RevaluationQuery,
    RevaluationState,
    RuleSetQuery,
    RuleSetRow,
    RuleSetShown,
)
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.catalog.select import one_snapshot
from service.db import ReadSession
from service.errors import BadRequest, problems
from service.etag import TagNeeded, TagStale, answer_tagged, tag_of
from service.exports.api import NAMED, Suffix
from service.exports.export import Form, FormUnknown, read_form
from service.exports.reports_api import answer_list
from service.exports.sheet import TooManyRows
from service.risk.controls.packs import PackRefused
from service.risk.rules import activation
from service.risk.rules.policy_text import PolicyRefused
from service.risk.rules.preview_lists import (
    PreviewNotFound,
    find_preview,
    policy_lines,
)
from service.risk.rules.previews import NothingToPreview, preview_policy
from service.risk.rules.rule_sets import (
    POLICIES,
    By,
    Rules,
    RulesNotFound,
    VersionAmbiguous,
    VersionTaken,
    Written,
    check_author,
    list_revaluations,
    list_rules,
    show_rules,
    store_rules,
)
from service.routing import BatchBody, CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["rules"], route_class=CatalogRoute)
JSON: Final = "application/json"
MEDIA: Final = frozenset({JSON, YAML})
LARGEST: Final = 256 * 1024
FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": {"type": "object"}},
            YAML: {"schema": {"type": "string"}},
        },
    }
}
FOUND: Final = (RulesNotFound, VersionAmbiguous)
UPLOADED: Final = problems(VersionTaken, PolicyRefused, PackRefused, BadRequest, *REPEATED)
PREVIEWED: Final = problems(*FOUND, NothingToPreview, *REPEATED)
ACTIVATED: Final = problems(
    *FOUND, activation.ActivatedByAuthor, activation.PreviewNeeded, activation.AlreadyDecided,
    activation.RevaluationRunning, activation.StartsTooEarly, TagNeeded, TagStale, *REPEATED,
)  # fmt: skip
READ: Final = problems(*FOUND, PreviewNotFound)
FILES: Final = problems(*FOUND, PreviewNotFound, FormUnknown, TooManyRows) | {200: NAMED[200]}


@router.get("/policies")
@policy("entries:read")
def list_policies(
    caller: Requester, query: Annotated[RuleSetQuery, Query()], session: ReadSession, pages: Paged
) -> Page[RuleSetRow]:
    """Every version of the tiering policy, the newest first."""
    found = list_rules(POLICIES, query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.post("/policies", status_code=201, response_model=RuleSetShown, openapi_extra=FILE,
             responses=UPLOADED)  # fmt: skip
@policy("risk:act", max_body=LARGEST, media=MEDIA)
def upload_policy(
    caller: Requester, body: BatchBody, repeat: Repeat, trace: Trace, request: Request
) -> Response:
    """Keep a new version of the tiering policy, as YAML or JSON; it holds nowhere yet."""
    check_author(caller)  # before its text is worked at
    sent = POLICIES.read(body, is_yaml(request))
    return repeatable(repeat, partial(store, rules=POLICIES, sent=sent, by=By(caller, trace)))


@router.get("/policies/{version}", response_model=RuleSetShown, responses=problems(*FOUND))
@policy("entries:read")
def get_policy(caller: Requester, version: str, session: ReadSession, request: Request) -> Response:
    """A version of the policy, its newest preview, and how far it is applied."""
    return answer_tagged(request, show_rules(session, POLICIES, given=version))


@router.post("/policies/{version}:preview", response_model=RuleSetShown, responses=PREVIEWED)
@policy("risk:act")
def ask_policy_preview(caller: Requester, version: str, repeat: Repeat, trace: Trace) -> Response:
    """Rate every use by this policy too, and list what would change. Nothing changes by it."""

    def work(session: Session) -> RuleSetShown:
        preview_policy(session, given=version, by=By(caller, trace))
        return show_rules(session, POLICIES, given=version)

    return repeatable(repeat, work)


@router.get("/policies/{version}/preview", responses=READ)
@policy("entries:read")
def get_policy_preview(
    caller: Requester,
    version: str,
    query: Annotated[PreviewQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> PolicyPreviewPage:
    """The uses that the policy would rate otherwise, before and after, and why."""
    one_snapshot(session)
    preview, state = find_preview(session, POLICIES, given=version)
    lines = policy_lines(preview, query, caller=caller)
    page = read_keyset(session, lines, asked=query, caller=caller, pages=pages)
    return PolicyPreviewPage(**dict(page), preview=state)


@router.get("/policies/{version}/preview.{form}", response_class=StreamingResponse,
            responses=FILES)  # fmt: skip
@policy("exports:read")
def export_policy_preview(
    caller: Requester,
    version: str,
    form: Suffix,
    query: Annotated[PreviewExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    one_snapshot(session)
    preview, _ = find_preview(session, POLICIES, given=version)
    found = policy_lines(preview, query, caller=caller, in_cells=form != Form.JSONL)
    return answer_list(session, found, name="policy-preview", asked=query, caller=caller,
                       form=read_form(form), of=(version,))  # fmt: skip


@router.post("/policies/{version}:activate", response_model=RuleSetShown, responses=ACTIVATED)
@policy("risk:act")
def activate_policy(
    caller: Requester,
    version: str,
    asked: ActivateRules,
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Put a version in force, now or from a moment on; every use is rated again. `If-Match`."""
    work = partial(
        activation.activate, rules=POLICIES, given=version, asked=asked, by=By(caller, trace),
        match=request.headers.getlist("if-match"),
    )  # fmt: skip
    return repeatable(repeat, work)


@router.get("/revaluations")
@policy("entries:read")
def list_rule_evaluations(
    caller: Requester,
    query: Annotated[RevaluationQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[RevaluationState]:
    """How far everything has been evaluated by rules that came into force, the newest first."""
    found = list_revaluations(query)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


def is_yaml(request: Request) -> bool:
    """Is it sent as YAML?"""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == YAML


def store(session: Session, *, rules: Rules, sent: Written, by: By) -> Response:
    """Keep rules, and answer where they stand."""
    shown, new = store_rules(session, rules, sent=sent, by=by)
    headers = {"ETag": tag_of(shown), "Location": shown.url}
    return Response(shown.model_dump_json(), 201 if new else 200, headers, JSON)
