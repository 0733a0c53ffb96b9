"""Lets go of old training runs that nothing refers to; what was said and shown of them is kept.

Entries are a projection: the run leaves it together with its sightings, while its observations,
its history and the ledger stay as they are (docs/adr/0007-letting-training-runs-go.md).
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from service.catalog.tables import Entry, EntryNamespace, IndexCard, Link, SubjectRow
from service.catalog.typed import TYPED
from service.db import Database
from service.ingest.tables import AbsenceRow, SightingRow
from service.ledger.change import Actor, Change, record_changes
from service.recordset import among
from service.risk.reviews.legal_holds import standing
from service.tables import METADATA

STEP: Final = 500
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")
ACTOR: Final = Actor("software", "retention")

entry, seen_through, link, card, subject, sighting, absence = (
    table.__table__
    for table in (Entry, EntryNamespace, Link, IndexCard, SubjectRow, SightingRow, AbsenceRow)
)
run, version = TYPED[Kind.TRAINING_RUN], TYPED[Kind.VERSION]
OWN: Final = {  # columns of rows that go with an entry; any other row that names it keeps it
    *((table.name, "id") for table in (card, *TYPED.values())), (link.name, "entry_id"),
    (subject.name, "entry_id"), (seen_through.name, "entry_id"), (seen_through.name, "granted_by"),
}  # fmt: skip


def forget_training_runs(database: Database, *, after: timedelta, dry_run: bool = False) -> int:
    """Let go of the training runs that ended so long ago and that nothing refers to, step by step.

    Answers how many. A run that a batch is about to refer to is locked by it, and stays; so does
    what a legal hold keeps.
    """
    if dry_run:
        with database.reading() as session:
            counted = sa.select(sa.func.count()).select_from(_forgettable(after).subquery())
            return int(session.execute(counted).scalar_one())
    forgotten = 0
    while found := database.transact(partial(forget_some, after=after)):
        forgotten += found
    return forgotten


def forget_some(session: Session, *, after: timedelta) -> int:
    """One step: lock, look again whether nothing refers to them, write the ledger, let go."""
    session.execute(LONGER)
    locked = (
        sa.select(entry.c.id)
        .where(entry.c.id.in_(_forgettable(after).limit(STEP)))
        .order_by(entry.c.id)
        .with_for_update(skip_locked=True)  # conflicts with the lock of whoever refers to it
    )
    held = session.execute(locked).scalars().all()
    still = _forgettable(after).where(among(entry.c.id, held)).order_by(entry.c.id)
    ids = session.execute(still).scalars().all() if held else []
    if ids:
        record_changes(session, list(_changes(session, ids, after=after)))
        _let_go(session, ids)
    return len(ids)


def _forgettable(after: timedelta) -> sa.Select[tuple[UUID]]:
    """Training runs that ended long ago, and to which nothing refers that stays."""
    return (
        sa.select(entry.c.id)
        .join(run, run.c.id == entry.c.id)
        .where(run.c.ended_at < sa.func.now() - after)
        .where(*(~sa.exists().where(column == entry.c.id) for column in referring()))
        .where(~kept_by_law())
    )


def kept_by_law() -> sa.ColumnElement[bool]:
    """Does a legal hold keep a run: on all models, or on one made in the same experiment?

    Runs beside those that versions came from show how these came about.
    """
    beside = run.alias("beside")
    experiment = (
        sa.select(version.c.id)
        .join(beside, beside.c.id == version.c.training_run_id)
        .where(beside.c.experiment == run.c.experiment, sa.exists(standing(version.c.model_id)))
        .correlate(run)
    )
    return sa.or_(sa.exists(standing()), sa.exists(experiment))


def referring() -> Iterator[sa.ColumnElement[UUID]]:
    """Every column of any table that may refer to a training run, its own rows' excepted."""
    for table in METADATA.sorted_tables:
        for key in table.foreign_keys:
            aimed = key.column.table in {entry, run} and key.column.name == "id"
            if aimed and (table.name, key.parent.name) not in OWN:
                yield table.alias(f"other_{table.name}").c[key.parent.name]


def _changes(session: Session, ids: Sequence[UUID], *, after: timedelta) -> Iterator[Change]:
    """A ledger row for each, with the identifiers that it was known by."""
    rows = session.execute(
        sa.select(*subject.c["entry_id", "kind", "scheme", "value"])
        .where(among(subject.c.entry_id, ids))
        .order_by(subject.c.entry_id, subject.c.id)
    )
    known: dict[UUID, list[str]] = {one: [] for one in ids}
    for home, kind, scheme, value in rows:
        known[home].append(str(Identifier(kind=kind, scheme=scheme, value=value)))
    for one, identifiers in known.items():
        yield Change(
            "forget", Kind.TRAINING_RUN, ACTOR, entry=one, old={"identifiers": identifiers},
            reason=f"ended more than {after.days} days ago, and nothing refers to it",
        )  # fmt: skip


def _let_go(session: Session, ids: Sequence[UUID]) -> None:
    """Delete the projection; versioned tables keep what stood in them in their history."""
    known = sa.select(subject.c.id).where(among(subject.c.entry_id, ids))
    for table in (absence, sighting):
        session.execute(sa.delete(table).where(table.c.subject_id.in_(known)))
    session.execute(sa.update(subject).where(among(subject.c.entry_id, ids)).values(entry_id=None))
    session.execute(sa.delete(link).where(among(link.c.entry_id, ids)))
    granted = sa.or_(among(seen_through.c.entry_id, ids), among(seen_through.c.granted_by, ids))
    session.execute(sa.delete(seen_through).where(granted))
    for table in (card, run, entry):
        session.execute(sa.delete(table).where(among(table.c.id, ids)))
