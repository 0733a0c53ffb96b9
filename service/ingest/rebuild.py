"""Folds every entry again from its observations, and repairs what differs."""

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from schemas.harvest import PlannedChange
from service.catalog.tables import Entry
from service.db import Database
from service.ingest.dryrun import planned_changes
from service.ingest.project import Cause, project
from service.ingest.sources import list_sources
from service.ledger.change import Actor

STEP: Final = 500
entry = Entry.__table__


def reconcile_all(database: Database, *, actor: Actor, dry_run: bool) -> Iterator[PlannedChange]:
    """Each difference between the entries and what their observations say, in id order.

    Repairs them step by step unless it is a dry run; a second run finds nothing.
    """
    last = UUID(int=0)
    while True:
        with database.writing() as session:
            session.execute(sa.text("SET LOCAL statement_timeout = '10min'"))
            ids = list(
                session.execute(
                    sa.select(entry.c.id)
                    .where(entry.c.id > last)
                    .order_by(entry.c.id)
                    .limit(STEP)
                    .with_for_update(key_share=True)
                ).scalars()
            )
            if not ids:
                return
            outcome = project(
                session, ids, sources=list_sources(session), cause=Cause(actor), repair=True
            )
            if dry_run:
                session.rollback()
        last = ids[-1]
        yield from planned_changes(outcome.changes, {})
