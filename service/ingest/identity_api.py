"""Routes by which people decide which entries are one thing."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.identity import (
    AddAlias,
    Alias,
    DecisionQuery,
    IdentityChange,
    MergeEntries,
    UnmergeEntries,
    WithdrawAlias,
)
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.access.policy import Caller
from service.catalog import detail
from service.catalog.entries import PLURALS, WORDS, EntryNotFound
from service.db import ReadSession, Store
from service.errors import problems
from service.ingest import aliases, merge, unmerge
from service.ingest.called import Decider, KindsDiffer, find_called
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["identity"], route_class=CatalogRoute)
Asked = Annotated[DecisionQuery, Query()]
LONGER: Final = sa.text("SET LOCAL statement_timeout = '30s'")
MODEL: Final = "/models/{namespace}/{name}"
VERSION: Final = f"{MODEL}/versions/{{version}}"
Name = Callable[[Session, Caller], str]  # reads an entry's id or identifier
MERGING: Final = (
    EntryNotFound, KindsDiffer, merge.SameEntry, merge.AlreadyMerged, merge.EntryReplaced,
    merge.Separated, *REPEATED,
)  # fmt: skip
PARTING: Final = (
    EntryNotFound, KindsDiffer, unmerge.NothingMerged, unmerge.WhichOne, unmerge.NotMergedHere,
    *REPEATED,
)  # fmt: skip


def decide_merge(
    session: Session,
    *,
    kind: Kind,
    name: Name,
    asked: MergeEntries,
    by: Decider,
    dry_run: bool,
) -> IdentityChange:
    """Merge what a path names with what the body names."""
    session.execute(LONGER)
    one = find_called(session, kind, given=name(session, by.caller), caller=by.caller)
    two = find_called(session, kind, given=asked.other, caller=by.caller)
    found = merge.merge(session, (one, two), by=by, lifting=asked.lift)
    return found.model_copy(update={"dry_run": dry_run})


def decide_unmerge(
    session: Session,
    *,
    kind: Kind,
    name: Name,
    asked: UnmergeEntries,
    by: Decider,
    dry_run: bool,
) -> IdentityChange:
    """Un-merge what a path names."""
    session.execute(LONGER)
    one = find_called(session, kind, given=name(session, by.caller), caller=by.caller)
    other = None
    if asked.other is not None:
        other = find_called(session, kind, given=asked.other, caller=by.caller)
    found = unmerge.unmerge(session, one, other=other, by=by)
    return found.model_copy(update={"dry_run": dry_run})


def model_named(namespace: str, name: str) -> Name:
    """A model by its name."""
    return lambda session, caller: str(
        detail.find_model(session, namespace, name=name, caller=caller)["id"]
    )


def version_named(namespace: str, name: str, label: str) -> Name:
    """A version by number or alias."""
    return lambda session, caller: str(
        detail.find_version(session, (namespace, name), label=label, caller=caller)["id"]
    )


@router.post(
    f"{MODEL}:merge",
    response_model=IdentityChange,
    responses=problems(detail.ModelNotFound, *MERGING),
)
@policy("identity:decide")
def merge_models(
    caller: Requester,
    namespace: str,
    name: str,
    asked: MergeEntries,
    query: Asked,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Say that two models are one; what is younger joins the older, versions and uses too."""
    by, named = Decider(caller, asked.reason, trace), model_named(namespace, name)
    return _merged(repeat, Kind.MODEL, name=named, asked=asked, by=by, dry_run=query.dry_run)


@router.post(
    f"{MODEL}:unmerge",
    response_model=IdentityChange,
    responses=problems(detail.ModelNotFound, *PARTING),
)
@policy("identity:decide")
def unmerge_models(
    caller: Requester,
    namespace: str,
    name: str,
    asked: UnmergeEntries,
    query: Asked,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Say that two merged models are two; both are what they were, and stay apart."""
    by, named = Decider(caller, asked.reason, trace), model_named(namespace, name)
    return _unmerged(repeat, Kind.MODEL, name=named, asked=asked, by=by, dry_run=query.dry_run)


@router.post(
    f"{VERSION}:merge",
    response_model=IdentityChange,
    responses=problems(detail.VersionNotFound, *MERGING),
)
@policy("identity:decide")
def merge_versions(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    asked: MergeEntries,
    query: Asked,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Say that two versions are one."""
    by, named = Decider(caller, asked.reason, trace), version_named(namespace, name, version)
    return _merged(repeat, Kind.VERSION, name=named, asked=asked, by=by, dry_run=query.dry_run)


@router.post(
    f"{VERSION}:unmerge",
    response_model=IdentityChange,
    responses=problems(detail.VersionNotFound, *PARTING),
)
@policy("identity:decide")
def unmerge_versions(
    caller: Requester,
    namespace: str,
    name: str,
    version: str,
    asked: UnmergeEntries,
    query: Asked,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Say that two merged versions are two."""
    by, named = Decider(caller, asked.reason, trace), version_named(namespace, name, version)
    return _unmerged(repeat, Kind.VERSION, name=named, asked=asked, by=by, dry_run=query.dry_run)


def _merged(repeat: Repeat, kind: Kind, **given: Any) -> Response:
    return repeatable(repeat, partial(decide_merge, kind=kind, **given), dry_run=given["dry_run"])


def _unmerged(repeat: Repeat, kind: Kind, **given: Any) -> Response:
    return repeatable(repeat, partial(decide_unmerge, kind=kind, **given), dry_run=given["dry_run"])


def add_decisions(kind: Kind) -> None:
    """Merging and un-merging entries of one of the other kinds, by id or identifier."""

    @policy("identity:decide")
    def merge_entries(
        caller: Requester, entry: str, asked: MergeEntries, query: Asked, repeat: Repeat,
        trace: Trace,
    ) -> Response:  # fmt: skip
        by = Decider(caller, asked.reason, trace)
        return _merged(
            repeat, kind, name=lambda *_: entry, asked=asked, by=by, dry_run=query.dry_run
        )

    @policy("identity:decide")
    def unmerge_entries(
        caller: Requester, entry: str, asked: UnmergeEntries, query: Asked, repeat: Repeat,
        trace: Trace,
    ) -> Response:  # fmt: skip
        by = Decider(caller, asked.reason, trace)
        return _unmerged(
            repeat, kind, name=lambda *_: entry, asked=asked, by=by, dry_run=query.dry_run
        )

    many, words = PLURALS[kind], WORDS[kind]
    for verb, endpoint, errors, said in (
        ("merge", merge_entries, MERGING, "that two {}s are one"),
        ("unmerge", unmerge_entries, PARTING, "that two merged {}s are two"),
    ):
        router.add_api_route(
            f"/{many}/{{entry}}:{verb}", endpoint, methods=["POST"],
            operation_id=f"{verb}_{many.replace('-', '_')}", summary=f"{verb.title()} {many}",
            description=f"Say {said.format(words)}.", response_model=IdentityChange,
            responses=problems(*errors),
        )  # fmt: skip


for _kind in PLURALS:
    add_decisions(_kind)


@router.get("/owners/{entry}/aliases", responses=problems(EntryNotFound))
@policy("entries:read")
def list_owner_aliases(caller: Requester, entry: str, session: ReadSession) -> list[Alias]:
    """The identifiers that people gave to an owner, the oldest first."""
    return aliases.list_aliases(session, entry, caller=caller)


@router.post(
    "/owners/{entry}/aliases",
    status_code=201,
    response_model=Alias,
    responses=problems(EntryNotFound, aliases.IdentifierTaken, *REPEATED),
)
@policy("identity:decide")
def add_owner_alias(
    caller: Requester, entry: str, asked: AddAlias, query: Asked, repeat: Repeat, trace: Trace
) -> Response:
    """Give an owner an identifier that no source knows yet."""
    by = Decider(caller, asked.reason, trace)
    work = partial(aliases.add_alias, owner=entry, asked=asked, by=by)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


@router.delete(
    "/owners/{entry}/aliases/{identifier}",
    status_code=204,
    responses=problems(EntryNotFound, aliases.AliasNotFound),
)
@policy("identity:decide")
def remove_owner_alias(
    caller: Requester,
    entry: str,
    identifier: str,
    query: Annotated[WithdrawAlias, Query()],
    store: Store,
    trace: Trace,
) -> None:
    """Take an identifier back that a person gave to an owner."""
    by = Decider(caller, query.reason, trace)
    work = partial(aliases.remove_alias, owner=entry, identifier=identifier, by=by)
    store.transact(work)
