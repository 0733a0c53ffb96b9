"""The entries that a decision of a person names, and whether that person may decide about them."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import NATURAL, Kind
from service.access.policy import Caller
from service.catalog.entries import (
    WORDS,
    EntryNotFound,
    find_entry,
    is_subject,
    read_identifier,
)
from service.catalog.tables import Entry, SubjectRow
from service.errors import Conflict, InsufficientScope
from service.ledger.change import Cause
from service.recordset import among

entry, subject = Entry.__table__, SubjectRow.__table__
DECIDE = "identity:decide"


class KindsDiffer(Conflict):
    """The two entries are of different kinds.

    Only entries of one kind can be one thing. Name another one of the same kind.
    """


class Decider(NamedTuple):
    """Who decides, and why."""

    caller: Caller
    reason: str
    request: str | None = None

    @property
    def cause(self) -> Cause:
        """For the ledger."""
        return Cause(self.caller.actor, request=self.request, reason=self.reason)


class Called(NamedTuple):
    """An entry as a person named it, and the one that stands for it."""

    own: UUID  # without merges
    root: UUID
    kind: Kind
    namespace: str | None
    natural_key: str | None
    stub: bool
    first_seen_at: datetime
    numbered_by: int | None
    replaced_by: UUID | None

    @property
    def age(self) -> tuple[bool, datetime, UUID]:
        """The oldest stays; what was only mentioned joins."""
        return self.stub and self.natural_key is None, self.first_seen_at, self.root


def find_called(session: Session, kind: Kind, *, given: str, caller: Caller) -> Called:
    """The entry that an id, an identifier or a model's name means.

    Raises `EntryNotFound`, `KindsDiffer`.
    """
    if kind is Kind.MODEL and "/" in given.partition(":")[0]:
        given = f"name:{given}"
    try:
        root = find_entry(session, kind, given=given, caller=caller)
    except EntryNotFound:
        _check_kind(session, kind, given=given, caller=caller)
        raise
    row = session.execute(sa.select(*entry.c[*Called._fields[3:]]).where(entry.c.id == root)).one()
    return Called(_own(session, kind, given=given, root=root), root, kind, *row)


def check_may(caller: Caller, *namespaces: str | None) -> None:
    """Deciding about something needs the right in its namespace; without one, everywhere."""
    for namespace in namespaces:
        everywhere = caller.namespaces is None and caller.may(DECIDE)
        if not everywhere and (namespace is None or not caller.may_in(DECIDE, namespace)):
            where = f"namespace {namespace}" if namespace else "every namespace"
            raise InsufficientScope(detail=f"It lacks {DECIDE} in {where}.", capability=DECIDE)


def names_of(session: Session, entries: set[UUID]) -> dict[UUID, str]:
    """What people call entries: by name, else by the identifier they were first known by."""
    first = (
        sa.select(subject.c.scheme + ":" + subject.c.value)
        .where(
            sa.or_(
                subject.c.home_id == entry.c.id,
                sa.and_(subject.c.home_id.is_(None), subject.c.entry_id == entry.c.id),
            )
        )
        .order_by(subject.c.id)
        .limit(1)
        .scalar_subquery()
    )
    called = sa.func.coalesce(entry.c.natural_key, first, sa.cast(entry.c.id, sa.Text))
    rows = session.execute(sa.select(entry.c.id, called).where(among(entry.c.id, entries)))
    return {row[0]: row[1] for row in rows}


def _own(session: Session, kind: Kind, *, given: str, root: UUID) -> UUID:
    """The entry itself that was named, before it was merged into its root."""
    try:
        return UUID(given)
    except ValueError:
        identifier = read_identifier(kind, given)
    if (kind, identifier.scheme) in NATURAL:
        return root
    home = sa.select(sa.func.coalesce(subject.c.home_id, subject.c.entry_id))
    found: UUID = session.execute(home.where(is_subject(identifier))).scalar_one()
    return found


def _check_kind(session: Session, kind: Kind, *, given: str, caller: Caller) -> None:
    try:
        wanted = UUID(given)
    except ValueError:
        return
    found = session.execute(sa.select(entry.c.kind).where(entry.c.id == wanted)).scalar()
    if found is not None and found != kind:
        find_entry(session, Kind(found), given=given, caller=caller)
        raise KindsDiffer(detail=f"One is a {WORDS[kind]}, the other a {WORDS[Kind(found)]}.")
