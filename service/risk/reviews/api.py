"""Routes of reviews: queues, one review, what differs, every step; clearance of versions."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.identity import DecisionQuery
from schemas.reviews import (
    AssignReview,
    Changes,
    ClassifyChange,
    Clearance,
    ClearanceQuery,
    Commented,
    ConditionChanged,
    Decide,
    IdentifyBuilder,
    MeetCondition,
    OpenReview,
    Reasoned,
    ReviewDetail,
    ReviewDiff,
    ReviewExport,
    ReviewNotes,
    ReviewQuery,
    ReviewRow,
)
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound, VersionNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.catalog.select import one_snapshot
from service.db import ReadSession
from service.errors import CatalogError, problems
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
from service.risk.reviews import classing, clearance, conditions
from service.risk.reviews import opening as review_opening
from service.risk.reviews import reading as review_reading
from service.risk.reviews import view as review_view
from service.risk.reviews.deciding import IdentityUnknown
from service.risk.reviews.machine import Action
from service.risk.reviews.reading import ReviewNotFound
from service.risk.reviews.steps import act
from service.risk.reviews.turn import ContentMoved, ModelGone, ReviewOnHold, Turn, begin, tag_text
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["reviews"], route_class=CatalogRoute)
Trying = Annotated[DecisionQuery, Query()]
Shape = ReviewNotes | ReviewDetail
STEPPED: Final = (
    ReviewNotFound, RoleMissing, StepImpossible, ReviewOnHold, TagNeeded, TagStale, *REPEATED,
)  # fmt: skip
BODIES: Final[Mapping[Action, tuple[Any, str, tuple[type[CatalogError], ...]]]] = {
    Action.ASSIGN: (
        AssignReview, "Say who reviews it: somebody, or yourself.",
        (NotIndependent, AccountUnknown, RuleBroken),
    ),
    Action.START: (
        None, "Begin: what is shown is frozen, with its digest.", (NotIndependent, ModelGone),
    ),
    Action.IDENTIFY: (
        IdentifyBuilder, "Say who stands behind an identity that no mapping resolves.",
        (AccountUnknown,),
    ),
    Action.REQUEST_CHANGES: (Commented, "Ask its owner to change something.", (NotIndependent,)),
    Action.ANSWER: (
        Commented, "Answer what was asked; what is shown is frozen again.", (ModelGone,),
    ),
    Action.RECOMMEND: (
        Decide, "Say what an approver should decide, where one decides.",
        (ContentMoved, NotIndependent, ModelGone, RuleBroken),
    ),
    Action.RETURN: (Reasoned, "Give a recommendation back to its reviewer.", ()),
    Action.DECIDE: (
        Decide, "Decide about exactly what was read. Where digests have moved, nothing is stored.",
        (ContentMoved, NotIndependent, IdentityUnknown, ModelGone, RuleBroken),
    ),
    Action.HOLD: (Reasoned, "Let it rest; its date stays.", ()),
    Action.RELEASE: (Reasoned, "Let it go on.", ()),
    Action.CANCEL: (
        Reasoned, "Its cause is gone. What still needs a review gets one with the same date.", (),
    ),
}  # fmt: skip


@router.get("/reviews")
@policy("entries:read")
def list_reviews(
    caller: Requester, query: Annotated[ReviewQuery, Query()], session: ReadSession, pages: Paged
) -> Page[ReviewRow]:
    """Reviews, the earliest due first; open ones unless a state is asked for."""
    one_snapshot(session)
    found = review_reading.reviews(session, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/reviews.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_reviews(
    caller: Requester, form: Suffix, query: Annotated[ReviewExport, Query()], session: ReadSession
) -> StreamingResponse:
    """The same as a file."""
    one_snapshot(session)
    found = review_reading.reviews(session, query, caller=caller)
    return answer_file(session, found, name="reviews", asked=query, caller=caller, form=form)


def _answer(turn: Turn, *, status: int = 200) -> Response:
    return answer(review_view.show_review(turn), tag_text(turn), status=status)


def _opened(session: Session, *, asked: OpenReview, by: Acting) -> Response:
    return _answer(review_opening.open_review(session, asked=asked, by=by), status=201)


@router.post("/reviews", status_code=201, response_model=Shape, responses=problems(
    ModelNotFound, VersionNotFound, RoleMissing, review_opening.ReviewOpen, *REPEATED
))  # fmt: skip
@policy("risk:act")
def open_review(asked: OpenReview, query: Trying, by: By, repeat: Repeat) -> Response:
    """Ask for a review of a version: its owner or a reviewer may."""
    work = partial(_opened, asked=asked, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


@router.get("/reviews/{review}", response_model=Shape, responses=problems(ReviewNotFound))
@policy("entries:read")
def get_review(review: UUID, by: By, session: ReadSession) -> Response:
    """One review, with the tag that its next step needs; in full for who may read its notes."""
    return _answer(begin(session, review, by=by, lock=False))


@router.get("/reviews/{review}/diff", responses=problems(ReviewNotFound, ModelGone))
@policy("entries:read")
def get_review_diff(review: UUID, by: By, session: ReadSession) -> ReviewDiff:
    """What is other now than what was reviewed last, and than what was frozen."""
    return review_view.show_diff(session, review, by=by)


def _acted(session: Session, *, given: UUID, action: Action, asked: Any, by: Acting) -> Response:
    return _answer(act(session, given, action=action, asked=asked, by=by))


def _acting(action: Action) -> Callable[..., Any]:
    body: Any = BODIES[action][0]

    @policy("risk:act")
    def take(review: UUID, asked: body, query: Trying, by: By, repeat: Repeat) -> Response:
        work = partial(_acted, given=review, action=action, asked=asked, by=by)
        return repeatable(repeat, work, dry_run=query.dry_run)

    return take


@policy("risk:act")
def start_review(review: UUID, query: Trying, by: By, repeat: Repeat) -> Response:
    """Without a body."""
    work = partial(_acted, given=review, action=Action.START, asked=None, by=by)
    return repeatable(repeat, work, dry_run=query.dry_run)


for _action, (_body, _says, _errors) in BODIES.items():
    _word = _action.value.replace("_", " ")
    router.add_api_route(
        f"/reviews/{{review}}:{_action.value}",
        _acting(_action) if _body is not None else start_review,
        methods=["POST"], operation_id=f"{_action.value}_review",
        summary=f"{_word.capitalize()} review", description=f"{_says} Needs `If-Match`.",
        response_model=Shape, responses=problems(*STEPPED, *_errors),
    )  # fmt: skip


def _condition(found: ConditionChanged, session: Session, *, by: Acting) -> Response:
    row = conditions.find_condition(session, found.id, by=by)
    return answer(found, tag_of(conditions.tag_of_condition(row)))


@router.get("/conditions/{condition}", response_model=ConditionChanged,
            responses=problems(conditions.ConditionNotFound))  # fmt: skip
@policy("entries:read")
def get_condition(condition: UUID, by: By, session: ReadSession) -> Response:
    """A condition of a decision, with the tag that its next step needs."""
    return _condition(conditions.get_condition(session, condition, by=by), session, by=by)


def _stepped(session: Session, *, given: UUID, action: str, asked: Any, by: Acting) -> Response:
    found = conditions.step(session, given, action=action, asked=asked, by=by)
    return _condition(found, session, by=by)


def _stepping(action: str) -> Callable[..., Any]:
    body: Any = MeetCondition if action == "meet" else Commented

    @policy("risk:act")
    def take(condition: UUID, asked: body, query: Trying, by: By, repeat: Repeat) -> Response:
        work = partial(_stepped, given=condition, action=action, asked=asked, by=by)
        return repeatable(repeat, work, dry_run=query.dry_run)

    return take


for _step, _says in (
    ("meet", "Say how it was met, with evidence: its owner does."),
    ("verify", "Say that it is met: somebody else than its owner does."),
    ("reopen", "Say that it is not met yet."),
):
    router.add_api_route(
        f"/conditions/{{condition}}:{_step}", _stepping(_step), methods=["POST"],
        operation_id=f"{_step}_condition", summary=f"{_step.capitalize()} condition",
        description=f"{_says} Needs `If-Match`.", response_model=ConditionChanged,
        responses=problems(conditions.ConditionNotFound, RoleMissing, StepImpossible,
                           NotIndependent, TagNeeded, TagStale, *REPEATED),
    )  # fmt: skip


@router.get("/models/{namespace}/{name}/versions/{version}/changes",
            responses=problems(ModelNotFound, VersionNotFound))  # fmt: skip
@policy("entries:read")
def list_version_changes(
    caller: Requester, namespace: str, name: str, version: str, session: ReadSession
) -> Changes:
    """What differs from the last decision about this version, and how much it matters."""
    return classing.changes(session, (namespace, name, version), caller=caller)


@router.post("/models/{namespace}/{name}/versions/{version}/changes:classify",
             response_model=Changes, responses=problems(
                 ModelNotFound, VersionNotFound, RoleMissing, NotIndependent, IdentityUnknown,
                 classing.NothingReviewed, classing.ChangeNotFound, *REPEATED,
             ))  # fmt: skip
@policy("risk:act")
def classify_change(  # the parts of an address
    namespace: str, name: str, version: str, asked: ClassifyChange, query: Trying, by: By,
    repeat: Repeat,
) -> Response:  # fmt: skip
    """A reviewer says how much one difference matters, with a reason."""
    at = (namespace, name, version)
    work = partial(classing.classify_change, at=at, asked=asked, by=by)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.get("/models/{namespace}/{name}/versions/{version}/clearance",
            responses=problems(ModelNotFound, VersionNotFound))  # fmt: skip
@policy("entries:read")
def get_clearance(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    query: Annotated[ClearanceQuery, Query()],
    session: ReadSession,
) -> Clearance:
    """May this version go to an environment, and why; whoever deploys asks."""
    return clearance.clearance(session, (namespace, name), label=version,
                               environment=query.environment, caller=caller)  # fmt: skip
