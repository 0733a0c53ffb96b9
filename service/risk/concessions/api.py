"""Routes of waivers, exceptions, overrides and exemptions: asked for, granted, renewed, ended."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.concessions import (
    ApproveConcession,
    AskException,
    AskExemption,
    AskOverride,
    AskWaiver,
    ConcessionExport,
    ConcessionQuery,
    RenewConcession,
    WaiverExport,
    WaiverQuery,
)
from schemas.findings import NotedStep, ReasonedStep
from schemas.identity import DecisionQuery
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound, VersionNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import CatalogError, problems
from service.etag import TagNeeded, TagStale, tag_of
from service.exports.api import Suffix
from service.risk.acting import (
    Acting,
    NotIndependent,
    RoleMissing,
    RuleBroken,
    StepImpossible,
)
from service.risk.acting_api import By, answer
from service.risk.concessions import acts as concession_acts
from service.risk.concessions import asking as concession_asking
from service.risk.concessions.lists import (
    SHAPES,
    ConcessionNotFound,
    concession_row,
    concessions,
    find_concession,
    tagged,
)
from service.risk.concessions.machine import SORTS, Action, Sort
from service.risk.concessions.rules import UseNotFound, find_use
from service.risk.concessions.writing import AlreadyAsked
from service.risk.files_api import RESPONSES, answer_file
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["concessions"], route_class=CatalogRoute)
Trying = Annotated[DecisionQuery, Query()]
ASKED: Final = (ModelNotFound, RoleMissing, RuleBroken, AlreadyAsked, *REPEATED)
STEPPED: Final = problems(
    ConcessionNotFound, UseNotFound, RoleMissing, TagNeeded, TagStale, StepImpossible,
    NotIndependent, RuleBroken, AlreadyAsked, *REPEATED,
)  # fmt: skip
OF_USE: Final = "/models/{namespace}/{name}/uses/{use}"
QUERIES: Final[Mapping[Sort, tuple[Any, Any]]] = {
    "waiver": (WaiverQuery, WaiverExport),
    "exception": (ConcessionQuery, ConcessionExport),
    "override": (ConcessionQuery, ConcessionExport),
    "exemption": (ConcessionQuery, ConcessionExport),
}
BODIES: Final[Mapping[Action, Any]] = {
    "approve": ApproveConcession,
    "reject": ReasonedStep,
    "renew": RenewConcession,
    "revoke": ReasonedStep,
}
SAYS: Final[Mapping[Action, str]] = {
    "approve": "Grant it: by an approver who did not ask for it.",
    "reject": "Refuse what is asked for.",
    "renew": "Ask for the same for longer, once; another approver's word is needed again.",
    "revoke": "End it before its time.",
}


def _shown(session: Session, sort: Sort, *, given: UUID | str, by: Acting, status: int) -> Response:
    row = find_concession(session, sort, given=str(given), caller=by.caller)
    return answer(concession_row(sort, row), tag_of(tagged(row)), status=status)


def _made(session: Session, sort: Sort, *, ask: Callable[[Session], UUID], by: Acting) -> Response:
    return _shown(session, sort, given=ask(session), by=by, status=201)


def _make(sort: Sort, ask: Callable[[Session], UUID], *, by: Acting, how: Any) -> Response:
    repeat, query = how
    work = partial(_made, sort=sort, ask=ask, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


@router.post("/waivers", status_code=201, response_model=SHAPES["waiver"].full,
             responses=problems(*ASKED))  # fmt: skip
@policy("risk:act")
def ask_waiver(asked: AskWaiver, query: Trying, by: By, repeat: Repeat) -> Response:
    """Ask that a control need not pass for a model, or for one item, until a time."""
    ask = partial(concession_asking.ask_waiver, asked=asked, by=by)
    return _make("waiver", ask, by=by, how=(repeat, query))


@router.post("/exceptions", status_code=201, response_model=SHAPES["exception"].full,
             responses=problems(VersionNotFound, *ASKED))  # fmt: skip
@policy("risk:act")
def ask_exception(asked: AskException, query: Trying, by: By, repeat: Repeat) -> Response:
    """Ask that a version of a HIGH model may be used before it is approved, within limits."""
    ask = partial(concession_asking.ask_exception, asked=asked, by=by)
    return _make("exception", ask, by=by, how=(repeat, query))


@router.post(f"{OF_USE}/overrides", status_code=201, response_model=SHAPES["override"].full,
             responses=problems(UseNotFound, *ASKED))  # fmt: skip
@policy("risk:act")
def ask_override(
    namespace: str,
    name: str,
    use: str,
    asked: AskOverride,
    query: Trying,
    by: By,
    repeat: Repeat,
) -> Response:
    """Say that a use is riskier than its facts say, at once; or ask that it count as less so."""
    named = (namespace, name, use)
    ask = partial(concession_asking.ask_override, named=named, asked=asked, by=by)
    return _make("override", ask, by=by, how=(repeat, query))


@router.post(f"{OF_USE}/exemptions", status_code=201, response_model=SHAPES["exemption"].full,
             responses=problems(UseNotFound, *ASKED))  # fmt: skip
@policy("risk:act")
def ask_exemption(
    namespace: str,
    name: str,
    use: str,
    asked: AskExemption,
    query: Trying,
    by: By,
    repeat: Repeat,
) -> Response:
    """Ask that a use count as NEGLIGIBLE: only what is FIRM LOW, under no floor."""
    named = (namespace, name, use)
    ask = partial(concession_asking.ask_exemption, named=named, asked=asked, by=by)
    return _make("exemption", ask, by=by, how=(repeat, query))


def _listing(sort: Sort) -> Callable[..., Any]:
    wanted: Any = QUERIES[sort][0]
    shapes = SHAPES[sort]
    row: Any = shapes.full | shapes.outline

    @policy("entries:read")
    def listed(
        caller: Requester, query: Annotated[wanted, Query()], session: ReadSession, pages: Paged
    ) -> Page[row]:
        found = concessions(session, sort, asked=query, caller=caller)
        return read_keyset(session, found, asked=query, caller=caller, pages=pages)

    return listed


def _listing_of_use(sort: Sort) -> Callable[..., Any]:
    shapes = SHAPES[sort]
    row: Any = shapes.full | shapes.outline

    @policy("entries:read")
    def listed(
        caller: Requester,
        namespace: str,
        name: str,
        use: str,
        query: Annotated[ConcessionQuery, Query()],
        session: ReadSession,
        pages: Paged,
    ) -> Page[row]:
        of = find_use(session, (namespace, name, use), caller=caller).id
        found = concessions(session, sort, asked=query, caller=caller, of=of)
        return read_keyset(session, found, asked=query, caller=caller, pages=pages)

    return listed


def _exporting(sort: Sort) -> Callable[..., Any]:
    wanted: Any = QUERIES[sort][1]
    name = SHAPES[sort].path

    @policy("exports:read")
    def exported(
        caller: Requester,
        form: Suffix,
        query: Annotated[wanted, Query()],
        session: ReadSession,
    ) -> StreamingResponse:
        found = concessions(session, sort, asked=query, caller=caller)
        return answer_file(session, found, name=name, asked=query, caller=caller, form=form)

    return exported


def _reading(sort: Sort) -> Callable[..., Any]:
    @policy("entries:read")
    def read(by: By, one: str, session: ReadSession) -> Response:
        return _shown(session, sort, given=one, by=by, status=200)

    return read


def _step(
    session: Session, *, sort: Sort, given: str, action: Action, asked: NotedStep, by: Acting
) -> Response:
    found = concession_acts.take_step(session, sort, given=given, action=action, asked=asked, by=by)
    status = 201 if action == "renew" else 200
    return _shown(session, sort, given=found, by=by, status=status)


def _taking(sort: Sort, action: Action) -> Callable[..., Any]:
    body: Any = BODIES[action]

    @policy("risk:act")
    def take(one: str, asked: body, query: Trying, by: By, repeat: Repeat) -> Response:
        work = partial(_step, sort=sort, given=one, action=action, asked=asked, by=by)
        return repeatable(repeat, work, dry_run=query.dry_run)

    return take


def _add(method: str, path: str, endpoint: Any, *, errors: Any = (), **options: Any) -> None:
    said = errors if isinstance(errors, dict) else problems(*errors)
    router.add_api_route(path, endpoint, methods=[method], responses=said, **options)


MISSING: Final[tuple[type[CatalogError], ...]] = (ModelNotFound, UseNotFound)
for _sort in SORTS:
    _path, _shape = SHAPES[_sort].path, SHAPES[_sort].full | SHAPES[_sort].outline
    _add("GET", f"/{_path}", _listing(_sort), operation_id=f"list_{_path}",
         summary=f"List {_path}",
         description="The newest request first; those that wait or hold, unless a state is "
         "asked for.")  # fmt: skip
    _add("GET", f"/{_path}.{{form}}", _exporting(_sort), operation_id=f"export_{_path}",
         summary=f"Export {_path}", description="The same as a file.",
         response_class=StreamingResponse, errors=RESPONSES)  # fmt: skip
    _add("GET", f"/{_path}/{{one}}", _reading(_sort), operation_id=f"get_{_sort}",
         summary=f"Get {_sort}", description="One of them, by its id, with the tag that its next "
         "step needs.", response_model=_shape, errors=(ConcessionNotFound,))  # fmt: skip
    for _action in BODIES:
        _add("POST", f"/{_path}/{{one}}:{_action}", _taking(_sort, _action),
             operation_id=f"{_action}_{_sort}", summary=f"{_action.title()} {_sort}",
             description=f"{SAYS[_action]} Needs `If-Match`.", response_model=_shape,
             status_code=201 if _action == "renew" else 200, errors=STEPPED)  # fmt: skip
for _sort in ("override", "exemption"):
    _path = SHAPES[_sort].path
    _add("GET", f"{OF_USE}/{_path}", _listing_of_use(_sort), errors=MISSING,
         operation_id=f"list_{_path}_of_use", summary=f"List {_path} of a use",
         description="What waits or holds for one use, unless a state is asked for.")  # fmt: skip
