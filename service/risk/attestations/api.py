"""Routes of attestations: the statements, what is due and what speaks against it, attesting."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from schemas.attestations import (
    Attest,
    AttestationExport,
    AttestationOutline,
    AttestationQuery,
    AttestationRow,
    Attested,
    DueOutline,
    DueQuery,
    DueRow,
    Statements,
)
from schemas.catalog import Page
from schemas.identity import DecisionQuery
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.catalog.detail import ModelNotFound
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.exports.api import Suffix
from service.risk.acting import RoleMissing, RuleBroken
from service.risk.acting_api import By
from service.risk.attestations.attesting import NothingDue, StatementsChanged, attest
from service.risk.attestations.due import attestations, due_models, with_contradictions
from service.risk.attestations.statements import current_statements
from service.risk.files_api import RESPONSES, answer_file
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["attestations"], route_class=CatalogRoute)
MADE = problems(ModelNotFound, RoleMissing, RuleBroken, StatementsChanged, NothingDue, *REPEATED)


@router.get("/attestations:statements")
@policy("entries:read")
def get_attestation_statements(caller: Requester) -> Statements:
    """What owners attest: the version in force."""
    return current_statements()


@router.get("/attestations:due")
@policy("entries:read")
def list_due_attestations(
    caller: Requester, query: Annotated[DueQuery, Query()], session: ReadSession, pages: Paged
) -> Page[DueRow | DueOutline]:
    """When models have to be attested, with what speaks against each statement now."""
    found = due_models(session, query, caller=caller)
    page = read_keyset(session, found, asked=query, caller=caller, pages=pages)
    return page.model_copy(update={"items": with_contradictions(session, page.items)})


@router.get("/attestations")
@policy("entries:read")
def list_attestations(
    caller: Requester,
    query: Annotated[AttestationQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[AttestationRow | AttestationOutline]:
    """What was attested, the newest first."""
    found = attestations(session, query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/attestations.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_attestations(
    caller: Requester,
    form: Suffix,
    query: Annotated[AttestationExport, Query()],
    session: ReadSession,
) -> StreamingResponse:
    """The same as a file."""
    found = attestations(session, query, caller=caller)
    return answer_file(
        session, found, name="attestations", asked=query, caller=caller, form=form, flat=_flat
    )


def _flat(row: Any) -> dict[str, Any]:
    """Contradictions as sentences."""
    members = dict(row)
    if isinstance(row, AttestationRow):
        members["contradictions"] = [one.says for one in row.contradictions]
    return members


@router.post("/attestations", status_code=201, response_model=Attested, responses=MADE)
@policy("risk:act")
def attest_models(
    asked: Attest, query: Annotated[DecisionQuery, Query()], by: By, repeat: Repeat
) -> Response:
    """Attest your models: those that are named, or all that are due; all of them or none."""
    work = partial(attest, asked=asked, by=by, dry_run=query.dry_run)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)
