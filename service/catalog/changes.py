"""What happened to one entry, the newest first."""

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.details import HistoryFilters
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.causes import actor, as_event, cause, evidence
from service.catalog.detail import find_model, find_version
from service.catalog.entries import find_entry
from service.catalog.keyset import Keyset
from service.catalog.moments import begin_at
from service.catalog.sorting import Key
from service.catalog.tables import Entry
from service.catalog.view import at
from service.history import HISTORY
from service.ingest.tables import IdentityDecision
from service.ledger.confidential import is_told
from service.ledger.feed import change, select_placed

# Who changes an entry holds its lock: the order of its rows is that of their commits, which for one
# entry the sealed order need not be.
NEWEST_FIRST: Final = (Key(change.c.id, descending=True),)
TOLD_TO_BOTH: Final = ("merge", "separated", "replaced")

entry, decision = Entry.__table__, IdentityDecision.__table__


def model_history(
    session: Session, asked: HistoryFilters, *, model: tuple[str, str], caller: Caller
) -> Keyset:
    """What happened to a model. Raises `ModelNotFound`."""
    begin_at(session, asked.as_of)
    found = find_model(session, model[0], name=model[1], caller=caller, as_of=asked.as_of)
    return _history(found["id"], asked, caller=caller)


def version_history(
    session: Session, asked: HistoryFilters, *, address: tuple[str, str, str], caller: Caller
) -> Keyset:
    """What happened to a version. Raises `ModelNotFound`, `VersionNotFound`."""
    begin_at(session, asked.as_of)
    model, label = address[:2], address[2]
    found = find_version(session, model, label=label, caller=caller, as_of=asked.as_of)
    return _history(found["id"], asked, caller=caller)


def entry_history(
    session: Session, asked: HistoryFilters, *, named: tuple[Kind, str], caller: Caller
) -> Keyset:
    """What happened to an entry of any other kind. Raises `EntryNotFound`."""
    begin_at(session, asked.as_of)
    kind, given = named
    found = find_entry(session, kind, given=given, caller=caller, as_of=asked.as_of)
    return _history(found, asked, caller=caller)


def _history(shown: UUID, asked: HistoryFilters, *, caller: Caller) -> Keyset:
    """Its own changes, those of what is merged into it, and what was decided about it."""
    about = sa.union(_own(shown, asked), *_decided(shown)).subquery("about")
    query = (
        select_placed()
        .add_columns(cause().label("cause"), evidence().label("evidence"))
        .where(change.c.id.in_(sa.select(about.c[0])), is_told(caller, _namespace()))
        .where(*_wanted(asked))
        .order_by(*(key.ordered for key in NEWEST_FIRST))
    )
    return Keyset(query, NEWEST_FIRST, as_event)


def _namespace() -> sa.ColumnElement[str]:
    """Of the entry that a change is about."""
    of_change = sa.select(entry.c.namespace).where(entry.c.id == change.c.entry_id)
    return of_change.scalar_subquery()


def _own(shown: UUID, asked: HistoryFilters) -> sa.Select[Any]:
    """What was parted from it again keeps its changes for itself."""
    standing = entry if asked.as_of is None else at(entry, asked.as_of)
    here = sa.or_(standing.c.id == shown, standing.c.merged_into == shown)
    return sa.select(change.c.id).where(change.c.entry_id.in_(sa.select(standing.c.id).where(here)))


def _decided(shown: UUID) -> Iterator[sa.Select[Any]]:
    """Merges and their ends are told to both: the ledger names the entry that joined or left."""
    for table in (decision, decision.metadata.tables[f"{decision.name}{HISTORY}"]):
        for one in (table.c.entry_id, table.c.other_id):
            yield sa.select(table.c.change_id).where(one == shown, table.c.op.in_(TOLD_TO_BOTH))


def _wanted(asked: HistoryFilters) -> Iterator[sa.ColumnElement[bool]]:
    if asked.field is not None:
        yield change.c.field == asked.field
    if asked.since is not None:
        yield change.c.recorded_at >= asked.since
    if asked.until is not None:
        yield change.c.recorded_at < asked.until
    if asked.as_of is not None:
        yield change.c.recorded_at <= asked.as_of
    if asked.cause is not None:
        yield cause().in_(asked.cause)
    if asked.actor is not None:
        yield actor().in_(asked.actor)
