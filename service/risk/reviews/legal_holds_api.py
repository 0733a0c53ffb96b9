"""Routes of legal holds."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from schemas.catalog import Page
from schemas.identity import DecisionQuery
from schemas.review_rules import HoldQuery, LegalHold, PlaceHold
from schemas.reviews import Reasoned
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.risk.acting import RoleMissing
from service.risk.acting_api import By
from service.risk.reviews import legal_holds
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["reviews"], route_class=CatalogRoute)
Trying = Annotated[DecisionQuery, Query()]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
LIFTED: Final = (legal_holds.HoldNotFound, RoleMissing, *REPEATED)


@router.get("/legal-holds")
@policy("risk:notes")
def list_legal_holds(
    caller: Requester, query: Annotated[HoldQuery, Query()], session: ReadSession, pages: Paged
) -> Page[LegalHold]:
    """Holds that stand: nothing about their models is thrown away."""
    found = legal_holds.holds(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.post("/legal-holds", status_code=201, response_model=LegalHold,
             responses=problems(ModelNotFound, RoleMissing, *REPEATED))  # fmt: skip
@policy("approvals:grant")
def place_legal_hold(asked: PlaceHold, query: Trying, by: By, repeat: Repeat) -> Response:
    """Keep everything about a model, or about all models."""
    work = partial(legal_holds.place_hold, asked=asked, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


@router.post("/legal-holds/{hold}:lift", response_model=LegalHold, responses=problems(*LIFTED))
@policy("approvals:grant")
def lift_legal_hold(
    hold: Number, asked: Reasoned, query: Trying, by: By, repeat: Repeat
) -> Response:
    """Let go again."""
    work = partial(legal_holds.lift_hold, given=hold, reason=asked.reason, by=by)
    return repeatable(repeat, work, dry_run=query.dry_run)
