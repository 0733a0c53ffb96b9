"""Routes of contested claims: the work list of identity, its export, and deciding one."""

from functools import partial
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.catalog import Page
from schemas.columns import Column
from schemas.identity import (
    ClaimDecided,
    ClaimExport,
    ClaimQuery,
    ContestedClaim,
    DecideClaim,
    DecisionQuery,
)
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.access.policy import Caller
from service.catalog.keyset import read_keyset
from service.catalog.pages import Paged
from service.db import ReadSession
from service.errors import problems
from service.exports.answer import about, answer_export, check_dialect
from service.exports.api import NAMED, Suffix
from service.exports.export import Export, FormUnknown, begin, read_form
from service.exports.sheet import TooManyRows
from service.ingest import claims, deciding, merge, unmerge
from service.ingest.called import Decider
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["identity"], route_class=CatalogRoute)
LONGER: Final = sa.text("SET LOCAL statement_timeout = '30s'")
RESPONSES: Final = problems(FormUnknown, TooManyRows) | {200: NAMED[200]}
SHOWN: Final = (
    Column("id", "by which the claim is decided"),
    Column("kind", "manifest, name, proposal, unsupported, apart or collision"),
    Column("state", "open or decided"),
    Column("namespace", "of the entry that is claimed"),
    Column("entry", "its id"),
    Column("entry_name", "what it is called"),
    Column("other", "the id of the entry that claims it, where one does"),
    Column("claimant", "who claims it: an identifier, or the other entry's name"),
    Column("source", "the source that says so"),
    Column("since", "since when the claim stands"),
    Column("decision", "what a person decided"),
    Column("reason", "why"),
)


@router.get("/contested-claims")
@policy("entries:read")
def list_contested_claims(
    caller: Requester, query: Annotated[ClaimQuery, Query()], session: ReadSession, pages: Paged
) -> Page[ContestedClaim]:
    """What several things claim to be, the newest first: open ones unless asked otherwise."""
    found = claims.claims(query, caller=caller)
    return read_keyset(session, found, asked=query, caller=caller, pages=pages)


@router.get("/contested-claims.{form}", response_class=StreamingResponse, responses=RESPONSES)
@policy("exports:read")
def export_contested_claims(
    caller: Requester, form: Suffix, query: Annotated[ClaimExport, Query()], session: ReadSession
) -> StreamingResponse:
    """Every contested claim that matches, as a file."""
    return _export(session, caller, asked=query, suffix=form)


@router.post(
    "/contested-claims/{claim}:decide",
    response_model=ClaimDecided,
    responses=problems(
        claims.ClaimNotFound, deciding.ClaimDecidedAlready, merge.AlreadyMerged,
        merge.EntryReplaced, merge.Separated, unmerge.NothingMerged, unmerge.NotMergedHere,
        *REPEATED,
    ),
)  # fmt: skip
@policy("identity:decide")
def decide_contested_claim(
    caller: Requester,
    claim: str,
    asked: DecideClaim,
    query: Annotated[DecisionQuery, Query()],
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Decide a claim; the claimant's record is tried again where that lets it in."""
    by = Decider(caller, asked.reason, trace)
    work = partial(_decide, claim=claim, asked=asked, by=by, dry_run=query.dry_run)
    return repeatable(repeat, work, dry_run=query.dry_run)


def _decide(session: Session, *, claim: str, dry_run: bool, **given: Any) -> ClaimDecided:
    session.execute(LONGER)
    done = deciding.decide_claim(session, claim, **given)
    return done.model_copy(update={"dry_run": dry_run})


def _export(
    session: Session, caller: Caller, *, asked: ClaimExport, suffix: str
) -> StreamingResponse:
    form = read_form(suffix)
    check_dialect(asked, form)
    as_of = begin(session)
    found = claims.claims(asked, caller=caller)
    ordered = found.query.order_by(*(key.ordered for key in found.order))
    told = about(asked, caller)
    export = Export("contested-claims", SHOWN, as_of, ordered, claims.as_claim, told)
    return answer_export(session, export, form=form, dialect=asked.dialect)
