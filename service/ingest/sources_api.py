"""Routes of sources: declaring and reading them."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query
from pydantic import Field
from sqlmodel import Session

from schemas.commits import NamedCommits
from schemas.refold import AskedRank
from schemas.sources import SourceChanged, SourceSettings, SourceState
from schemas.strict import Closed, Line
from service.access.policy import Caller
from service.db import Database, ReadSession, Store
from service.errors import BadRequest, InsufficientScope, problems
from service.ingest import declare, ranks
from service.ingest.api import DryRun
from service.ingest.commits import named_commits
from service.ingest.ranks import FieldNeverStated
from service.ingest.refold import continue_refold, open_refold
from service.ingest.sources import SourceNotFound
from service.ledger.change import Cause
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["sources"], route_class=CatalogRoute)
PRECEDENCE: Final = "/sources/{source}/precedence/{field}"
FIRST: Final = "0"  # before every commit
LONGER: Final = sa.text("SET LOCAL statement_timeout = '60s'")  # thousands of entries are folded


class UnrankQuery(DryRun):
    """Why a source's rank for a field is taken back."""

    reason: Annotated[Line, Field(min_length=1, max_length=2_000)] | None = None


class CommitsAfter(Closed):
    """After which commit the page begins."""

    page_token: Annotated[str, Query(pattern=r"^[0-9a-f]{1,64}$")] = FIRST


class SourceNameDiffers(BadRequest):
    """The address and the body name different sources.

    Send the settings to the address that carries their name.
    """


@router.get("/sources")
@policy("sources:read")
def list_sources(caller: Requester, session: ReadSession) -> list[SourceState]:
    """Every source that is declared."""
    return declare.list_source_states(session)


@router.get("/sources/{source}", responses=problems(SourceNotFound))
@policy("sources:own")
def get_source(caller: Requester, source: str, session: ReadSession) -> SourceState:
    """One source: settings, scopes and cursors; never a secret."""
    check_own(caller, source)
    return declare.get_source_state(session, source)


@router.get("/sources/{source}/commits", responses=problems(SourceNotFound))
@policy("sources:own")
def list_named_commits(
    caller: Requester, source: str, query: Annotated[CommitsAfter, Query()], session: ReadSession
) -> NamedCommits:
    """The commits that the catalog knows by name: builds of others are of no interest."""
    check_own(caller, source)
    return named_commits(session, source, after=query.page_token)


@router.put("/sources/{source}")
@policy("sources:write")
def put_source(
    caller: Requester,
    source: str,
    asked: SourceSettings,
    query: Annotated[DryRun, Query()],
    store: Store,
    trace: Trace,
) -> SourceChanged:
    """Declare a source, or change it; says which entries that changes."""
    check_name(source, asked)
    work = partial(declare.change_source, asked=asked, cause=Cause(caller.actor, request=trace))
    return _changed(store, work, name=source, dry_run=query.dry_run)


@router.put(PRECEDENCE, responses=problems(SourceNotFound, FieldNeverStated))
@policy("sources:write")
def put_precedence(
    caller: Requester,
    source: str,
    field: str,
    asked: AskedRank,
    query: Annotated[DryRun, Query()],
    store: Store,
    trace: Trace,
) -> SourceChanged:
    """Let a source count more or less for one field; says which entries that changes."""
    cause = Cause(caller.actor, request=trace, reason=asked.reason)
    work = partial(ranks.set_rank, name=source, field=field, rank=asked.rank, cause=cause)
    return _changed(store, work, name=source, dry_run=query.dry_run)


@router.delete(PRECEDENCE, responses=problems(SourceNotFound, ranks.RankNotFound))
@policy("sources:write")
def delete_precedence(
    caller: Requester,
    source: str,
    field: str,
    query: Annotated[UnrankQuery, Query()],
    store: Store,
    trace: Trace,
) -> SourceChanged:
    """Let a source count for one field as it does for all others."""
    cause = Cause(caller.actor, request=trace, reason=query.reason)
    work = partial(ranks.drop_rank, name=source, field=field, cause=cause)
    return _changed(store, work, name=source, dry_run=query.dry_run)


def check_own(caller: Caller, source: str) -> None:
    """Raises `InsufficientScope`: a source's token reads about that source only."""
    if caller.source is not None and caller.source != source:
        raise InsufficientScope(detail=f"This one reads source {caller.source} only.")


def check_name(source: str, asked: SourceSettings) -> None:
    """Raises `SourceNameDiffers`: a copied address would change another source."""
    if asked.name != source:
        raise SourceNameDiffers(detail=f"{source} and {asked.name}.")


def _changed(
    store: Database, work: Callable[..., SourceChanged], *, name: str, dry_run: bool
) -> SourceChanged:
    """Change a source, or try it; what nobody else holds up is folded to its end at once."""

    def unit(session: Session) -> SourceChanged:
        session.execute(LONGER)
        if not dry_run:
            return work(session, dry_run=False)
        with session.begin_nested() as savepoint:
            done = work(session, dry_run=True)
            savepoint.rollback()
        return done

    changed = store.transact(unit)
    if dry_run or changed.impact is None or changed.refold is None or changed.refold.done_at:
        return changed
    with store.reading() as session:
        waiting = open_refold(session, name)
    if waiting is not None:
        continue_refold(store, waiting)
        with store.reading() as session:
            state = declare.get_source_state(session, name)
        changed = changed.model_copy(update={"refold": state.refold})
    return changed
