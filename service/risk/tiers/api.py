"""Routes of tiers: read, tried out, confirmed; and answers about a model's uses."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlmodel import Session

from schemas.pins import AskedPin, PinnedField, PinQuery
from schemas.tiers import ConfirmTier, ModelTier, PreviewedTier, PreviewTier
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound
from service.catalog.entries import EntryNotFound
from service.db import ReadSession, Store
from service.errors import problems
from service.etag import TagNeeded, TagStale
from service.people import answering, pins
from service.people.attempt import attempt
from service.people.pinnable import FactUnknown, NamingFact, NotASet
from service.people.pinning import EntryReplaced, NotYours
from service.people.pins_api import answer, pinner
from service.risk.concessions.rules import UseNotFound
from service.risk.tiers import reading as tier
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["risk"], route_class=CatalogRoute)
MODEL = "/models/{namespace}/{name}"
PIN = MODEL + "/uses/{use}/pins/{field}"


@router.get(MODEL + "/tier", responses=problems(ModelNotFound, tier.NotRated))
@policy("entries:read")
def get_tier(namespace: str, name: str, caller: Requester, session: ReadSession) -> ModelTier:
    """How risky the model is: points a factor with their source, floors, and what to ask next."""
    return tier.get_tier(session, namespace, name=name, caller=caller)


@router.post(MODEL + "/tier:preview", responses=problems(ModelNotFound, tier.NotRated, UseNotFound))
@policy("entries:read")
def preview_tier(
    namespace: str, name: str, asked: PreviewTier, caller: Requester, session: ReadSession
) -> PreviewedTier:
    """What the tier would be if some facts were others; nothing is stored."""
    return tier.preview_tier(session, namespace, name=name, asked=asked, caller=caller)


@router.post(
    MODEL + "/tier:confirm",
    response_model=ModelTier,
    responses=problems(
        ModelNotFound, tier.NotRated, tier.FactsMoved, tier.NotYoursToConfirm, *REPEATED
    ),
)
@policy("risk:act")
def confirm_tier(
    namespace: str, name: str, asked: ConfirmTier, caller: Requester, repeat: Repeat, trace: Trace
) -> Response:
    """Confirm that the facts are right, by the digest that was read."""
    work = partial(tier.confirm_tier, at=(namespace, name), asked=asked, caller=caller, trace=trace)
    return repeatable(repeat, work)


@router.get(
    PIN, responses=problems(ModelNotFound, answering.NamedUseNotFound, EntryNotFound, FactUnknown),
    response_model=PinnedField,
)  # fmt: skip
@policy("entries:read")
def get_use_answer(  # the parts of an address
    namespace: str, name: str, use: str, field: str, caller: Requester, session: ReadSession,
    request: Request, trace: Trace,
) -> Response:  # fmt: skip
    """One field of a use by its name: what holds, its pin if it has one, and what sources say."""
    by = pinner(request, caller, trace)
    address = answering.use_of(session, (namespace, name, use), by=by)
    return answer(pins.get_field(session, address, field=field, caller=caller))


@router.put(
    PIN,
    response_model=PinnedField,
    responses=problems(
        ModelNotFound, answering.NamedUseNotFound, EntryNotFound, FactUnknown, NamingFact, NotASet,
        NotYours, EntryReplaced, TagNeeded, TagStale,
    ),
)  # fmt: skip
@policy("facts:pin")
def answer_use(  # the parts of an address
    namespace: str, name: str, use: str, field: str, asked: AskedPin,
    query: Annotated[PinQuery, Query()], caller: Requester, store: Store, trace: Trace,
    request: Request,
) -> Response:  # fmt: skip
    """Answer a question about a use, with a reason; `(undeclared)` is the use nobody declared."""
    by = pinner(request, caller, trace)
    work = partial(_answer, at=(namespace, name, use), field=field, asked=asked, by=by)
    return answer(attempt(store, work, dry_run=query.dry_run), tagged=not query.dry_run)


def _answer(
    session: Session, *, at: tuple[str, str, str], field: str, asked: AskedPin, by: Any
) -> PinnedField:
    address = answering.answered_use(session, at, by=by)
    return pins.set_pin(session, address, field=field, asked=asked, by=by)
