"""Routes of findings: recorded, listed, and taken step by step to their end."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.findings import (
    AcceptRisk,
    AssignFinding,
    ExtendFinding,
    FindingDetail,
    FindingExport,
    FindingOutline,
    FindingQuery,
    FindingRow,
    NotedStep,
    ReasonedStep,
    RecordFinding,
    SubmitFinding,
)
from schemas.identity import DecisionQuery
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound, VersionNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.etag import TagNeeded, TagStale, tag_of
from service.exports.api import Suffix
from service.risk.acting import (
    AccountUnknown,
    Acting,
    NotIndependent,
    RoleMissing,
    RuleBroken,
    StepImpossible,
)
from service.risk.acting_api import By, answer
from service.risk.files_api import RESPONSES, answer_file
from service.risk.findings import acts as finding_acts
from service.risk.findings import lists as finding_lists
from service.risk.findings.lists import FindingNotFound
from service.risk.findings.machine import Action
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["findings"], route_class=CatalogRoute)
STEPPED: Final = problems(
    FindingNotFound, RoleMissing, TagNeeded, TagStale, StepImpossible, NotIndependent, RuleBroken,
    AccountUnknown, *REPEATED,
)  # fmt: skip


@router.get("/findings")
@policy("entries:read")
def list_findings(
    caller: Requester, query: Annotated[FindingQuery, Query()], session: ReadSession, pages: Paged
) -> Page[FindingRow | FindingOutline]:
    """Findings, the newest first; open ones unless a state is asked for."""
    found = finding_lists.findings(session, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/findings.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_findings(
    caller: Requester, form: Suffix, query: Annotated[FindingExport, Query()], session: ReadSession
) -> StreamingResponse:
    """The same as a file."""
    found = finding_lists.findings(session, query, caller=caller)
    return answer_file(session, found, name="findings", asked=query, caller=caller, form=str(form))


@router.get(
    "/findings/{finding}",
    response_model=FindingDetail | FindingOutline,
    responses=problems(FindingNotFound),
)
@policy("entries:read")
def get_finding(caller: Requester, finding: str, session: ReadSession) -> Response:
    """One finding; with what was done with it, for whoever may read that."""
    found, tagged = finding_lists.get_finding(session, finding, caller=caller)
    return answer(found, tag_of(tagged))


@router.post(
    "/findings",
    status_code=201,
    response_model=FindingDetail,
    responses=problems(ModelNotFound, VersionNotFound, RoleMissing, AccountUnknown, *REPEATED),
)
@policy("risk:act")
def record_finding(
    asked: RecordFinding,
    query: Annotated[DecisionQuery, Query()],
    by: By,
    repeat: Repeat,
) -> Response:
    """Record what a review, or anything else, has shown to be wrong."""
    work = partial(_record, asked=asked, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


def _record(session: Session, *, asked: RecordFinding, by: Acting) -> Response:
    about = finding_acts.record_finding(session, asked=asked, by=by)
    found, tagged = finding_lists.get_finding(session, about, caller=by.caller)
    return answer(found, tag_of(tagged), status=201)


def _step(
    session: Session, *, given: str, action: Action, asked: NotedStep, by: Acting
) -> Response:
    finding_acts.take_step(session, given, action=action, asked=asked, by=by)
    found, tagged = finding_lists.get_finding(session, given, caller=by.caller)
    return answer(found, tag_of(tagged))


def _taking(action: Action, body: Any) -> Callable[..., Any]:
    """The route of a step."""

    @policy("risk:act")
    def take(
        finding: str,
        asked: body,
        query: Annotated[DecisionQuery, Query()],
        by: By,
        repeat: Repeat,
    ) -> Response:
        work = partial(_step, given=finding, action=action, asked=asked, by=by)
        return repeatable(repeat, work, dry_run=query.dry_run)

    return take


STEPS: Final[Mapping[Action, tuple[Any, str]]] = {
    "acknowledge": (NotedStep, "Take note of a finding; whoever does has it if nobody else does."),
    "plan": (ReasonedStep, "Say how it will be mended."),
    "start": (NotedStep, "Begin to mend it."),
    "submit": (SubmitFinding, "Say that it is mended, and what shows it."),
    "close": (ReasonedStep, "Close it: by a reviewer who neither has it nor sent the evidence."),
    "rebut": (ReasonedStep, "Say why it is none."),
    "withdraw": (ReasonedStep, "Agree that it was none."),
    "reopen": (ReasonedStep, "Refuse a rebuttal or evidence; an approver: end an acceptance."),
    "accept_risk": (AcceptRisk, "Bear the risk until a time; then it is open again."),
    "extend": (ExtendFinding, "Give it a later time; each extension is counted."),
    "assign": (AssignFinding, "Say who is to mend it."),
}
for _action, (_body, _said) in STEPS.items():
    router.add_api_route(
        f"/findings/{{finding}}:{_action}", _taking(_action, _body), methods=["POST"],
        operation_id=f"{_action}_finding", summary=f"{_action} finding".replace("_", " ").title(),
        description=f"{_said} Needs `If-Match`.", response_model=FindingDetail | FindingOutline,
        responses=STEPPED,
    )  # fmt: skip
