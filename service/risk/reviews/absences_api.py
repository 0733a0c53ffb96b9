"""Routes of reviewers' absences."""

from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Response

from schemas.catalog import Page
from schemas.identity import DecisionQuery
from schemas.review_rules import Absence, AbsenceQuery, StateAbsence
from schemas.reviews import Reasoned
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.risk.acting import AccountUnknown, RoleMissing
from service.risk.acting_api import By
from service.risk.reviews import absences
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["reviews"], route_class=CatalogRoute)
Trying = Annotated[DecisionQuery, Query()]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
ENDED: Final = (absences.AbsenceNotFound, RoleMissing, *REPEATED)


@router.get("/absences")
@policy("entries:read")
def list_absences(
    caller: Requester, query: Annotated[AbsenceQuery, Query()], session: ReadSession, pages: Paged
) -> Page[Absence]:
    """Who is away, and who stands in; those that are not over."""
    found = absences.absences(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.post("/absences", status_code=201, response_model=Absence,
             responses=problems(AccountUnknown, RoleMissing, *REPEATED))  # fmt: skip
@policy("risk:act")
def state_absence(asked: StateAbsence, query: Trying, by: By, repeat: Repeat) -> Response:
    """Say that you are away, and who stands in; approvers say it for others too."""
    work = partial(absences.state_absence, asked=asked, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


@router.post("/absences/{absence}:end", response_model=Absence, responses=problems(*ENDED))
@policy("risk:act")
def end_absence(
    absence: Number, asked: Reasoned, query: Trying, by: By, repeat: Repeat
) -> Response:
    """Say that somebody is back."""
    work = partial(absences.end_absence, given=absence, reason=asked.reason, by=by)
    return repeatable(repeat, work, dry_run=query.dry_run)
