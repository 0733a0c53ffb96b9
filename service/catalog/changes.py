"""What happened to one entry, the newest first."""

from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.details import HistoryQuery
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.detail import find_model, find_version
from service.catalog.entries import find_entry
from service.catalog.keyset import Keyset
from service.catalog.select import entry
from service.catalog.sorting import Key
from service.ledger.feed import COLUMNS, as_change, change

NEWEST_FIRST: Final = (Key(change.c.id, descending=True),)  # an entry's rows are locked in order


def model_history(
    session: Session, asked: HistoryQuery, *, model: tuple[str, str], caller: Caller
) -> Keyset:
    """What happened to a model. Raises `ModelNotFound`."""
    found = find_model(session, model[0], name=model[1], caller=caller)
    return _history(found["id"], asked)


def version_history(
    session: Session, asked: HistoryQuery, *, address: tuple[str, str, str], caller: Caller
) -> Keyset:
    """What happened to a version. Raises `ModelNotFound`, `VersionNotFound`."""
    namespace, name, label = address
    found = find_version(session, (namespace, name), label=label, caller=caller)
    return _history(found["id"], asked)


def entry_history(
    session: Session, asked: HistoryQuery, *, named: tuple[Kind, str], caller: Caller
) -> Keyset:
    """What happened to an entry of any other kind. Raises `EntryNotFound`."""
    kind, given = named
    return _history(find_entry(session, kind, given=given, caller=caller), asked)


def _history(shown: UUID, asked: HistoryQuery) -> Keyset:
    """Its own changes, and those of what was merged into it."""
    joined = sa.select(entry.c.id).where(sa.or_(entry.c.id == shown, entry.c.merged_into == shown))
    query = sa.select(*change.c[*COLUMNS]).where(change.c.entry_id.in_(joined))
    if asked.field is not None:
        query = query.where(change.c.field == asked.field)
    if asked.since is not None:
        query = query.where(change.c.recorded_at >= asked.since)
    return Keyset(query, NEWEST_FIRST, as_change)
