"""Folds every entry again from its observations, and repairs what differs."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlmodel import Session

from schemas.harvest import PlannedChange
from schemas.identifiers import Identifier
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import PARENTS_FIRST, TYPED
from service.catalog.write import Outcome
from service.db import Database
from service.ingest.dryrun import planned_changes
from service.ingest.lock import lock_entries
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ledger.change import Actor, Cause, Change
from service.recordset import among

STEP: Final = 500
entry, subject = Entry.__table__, SubjectRow.__table__


def reconcile_all(database: Database, *, actor: Actor, dry_run: bool) -> Iterator[PlannedChange]:
    """Each difference between the entries and what their observations say, in id order.

    Repairs them step by step unless it is a dry run; a second run finds nothing. Entries that lost
    their row come first, since others refer to it; a dry run makes these rows anew in every step.
    """
    cause, restored, listed = Cause(actor), list[Sequence[UUID]](), set[str]()
    rowless = list(_steps(_without_row(database)))
    for ids in chain(rowless, _in_id_order(database)):

        def repaired(session: Session, ids: Sequence[UUID] = ids) -> list[PlannedChange]:
            session.execute(sa.text("SET LOCAL statement_timeout = '10min'"))
            for earlier in restored:
                _repair(session, earlier, cause=cause)
            changes = _repair(session, ids, cause=cause).changes
            told = planned_changes(changes, names_of(session, changes))
            if dry_run:
                session.rollback()
            return told

        told = database.transact(repaired)
        if dry_run and ids in rowless:
            restored.append(ids)
        for one in told:  # a dry run meets what follows from others in their step and in its own
            if (text := one.model_dump_json()) not in listed:
                listed.add(text)
                yield one


def _repair(session: Session, ids: Sequence[UUID], *, cause: Cause) -> Outcome:
    """Lock entries in id order, as every batch does, and write what differs."""
    lock_entries(session, ids)
    return project(session, ids, sources=list_sources(session), cause=cause, repair=True)


def names_of(session: Session, changes: Sequence[Change]) -> dict[UUID, Identifier]:
    """What people call the entries that differ: the identifier they were first known by."""
    ids = sorted({change.entry for change in changes if change.entry})
    if not ids:
        return {}
    first = (
        sa.select(*subject.c["entry_id", "kind", "scheme", "value"])
        .where(among(subject.c.entry_id, ids))
        .ext(distinct_on(subject.c.entry_id))
        .order_by(subject.c.entry_id, subject.c.id)
    )
    return {
        entry_id: Identifier(kind=kind, scheme=scheme, value=value)
        for entry_id, kind, scheme, value in session.execute(first)
    }


def _without_row(database: Database) -> list[UUID]:
    """Entries whose typed row is missing, parents first: only damage makes any."""
    found: list[UUID] = []
    for kind in PARENTS_FIRST:
        row = TYPED[kind]
        lost = (
            sa.select(entry.c.id)
            .outerjoin_from(entry, row, row.c.id == entry.c.id)
            .where(entry.c.kind == kind, entry.c.merged_into.is_(None), row.c.id.is_(None))
            .order_by(entry.c.id)
        )
        with database.reading() as session:
            found += session.execute(lost).scalars()
    return found


def _in_id_order(database: Database) -> Iterator[Sequence[UUID]]:
    last = UUID(int=0)
    while True:
        some = sa.select(entry.c.id).where(entry.c.id > last).order_by(entry.c.id).limit(STEP)
        with database.reading() as session:
            ids = list(session.execute(some).scalars())
        if not ids:
            return
        yield ids
        last = ids[-1]


def _steps(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(ids), STEP):
        yield ids[start : start + STEP]
