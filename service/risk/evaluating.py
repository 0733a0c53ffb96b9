"""Evaluates models by the clock, and all of them when what can be seen changes."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import TYPED
from service.db import Database
from service.ingest.tables import SightingRow, SourceRow
from service.recordset import among, recordset
from service.risk.looks import SEES, read_seen
from service.risk.settle import SOFTWARE, settle
from service.risk.tables import RiskClockRow, RiskLookRow
from service.risk.touch import touch

STEP: Final = 500  # models of one transaction
AT_ONCE: Final = 200  # that are evaluated in the transaction in which what can be seen changes
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")

LOOKS: Final = frozenset({*SEES, "observed"})
OF: Final = "source:"  # before the name of a source: is it read well?

clock, look, entry, subject, sighting, source = (
    table.__table__
    for table in (RiskClockRow, RiskLookRow, Entry, SubjectRow, SightingRow, SourceRow)
)
version, use, deployment = (TYPED[kind] for kind in (Kind.VERSION, Kind.USE, Kind.DEPLOYMENT))


def follow_looks(session: Session) -> bool:
    """Has what was looked for completely changed, or how well a source is read?

    Then every model is evaluated again, or those that the source describes.
    """
    seen = read_seen(session)
    looks = {what: bool(getattr(seen.looks, what)) for what in LOOKS}
    changed = _changed(session, looks | {f"{OF}{name}": well for name, well in seen.well.items()})
    if not changed:
        return False
    if changed.isdisjoint(LOOKS):
        _mark_described(session, {one.removeprefix(OF) for one in changed})
        return True
    few = session.execute(_models().limit(AT_ONCE + 1)).scalars().all()
    if len(few) <= AT_ONCE:
        touch(session, few)
    else:
        mark_all(session)
    return True


def _changed(session: Session, now: Mapping[str, bool]) -> frozenset[str]:
    """Which of these were otherwise until now; that is kept."""
    stored = session.execute(sa.select(look.c.what, look.c.complete)).all()
    before = {row.what: row.complete for row in stored}
    changed = {what: seen for what, seen in now.items() if before.get(what, False) != seen}
    if changed:
        rows = [{"what": what, "complete": seen} for what, seen in sorted(changed.items())]
        given = recordset(rows, what=sa.Text(), complete=sa.Boolean())
        new = insert(look).from_select(
            ["what", "complete", "changed_at"], sa.select(given, sa.func.clock_timestamp())
        )
        values = {name: new.excluded[name] for name in ("complete", "changed_at")}
        session.execute(new.on_conflict_do_update(index_elements=["what"], set_=values))
    return frozenset(changed)


def _mark_described(session: Session, sources: Iterable[str]) -> None:
    """Models of which one of these sources says something are evaluated as soon as may be."""
    said = (
        sa.select(subject.c.entry_id)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .join(source, source.c.id == sighting.c.source_id)
        .where(among(source.c.name, sources), subject.c.entry_id.is_not(None))
        .cte("said")
    )
    versions = sa.union(
        sa.select(said.c.entry_id),
        sa.select(deployment.c.version_id).join(said, said.c.entry_id == deployment.c.id),
    ).cte("versions")
    described = sa.union(
        sa.select(said.c.entry_id.label("id")),
        sa.select(version.c.model_id).join(versions, versions.c.entry_id == version.c.id),
        sa.select(use.c.model_id).join(said, said.c.entry_id == use.c.id),
    ).subquery("described")
    _mark(session, _models().join(described, described.c.id == entry.c.id))


def mark_all(session: Session) -> None:
    """Every model is evaluated again, step by step."""
    _mark(session, _models())


def _mark(session: Session, models: sa.Select[tuple[UUID]]) -> None:
    session.execute(LONGER)
    chosen = models.subquery("chosen")
    due = insert(clock).from_select(
        ["model_id", "due_at"], sa.select(chosen.c.id, sa.func.now()).order_by(chosen.c.id)
    )
    session.execute(
        due.on_conflict_do_update(index_elements=["model_id"], set_={"due_at": sa.func.now()})
    )


def _models() -> sa.Select[tuple[UUID]]:
    return sa.select(entry.c.id).where(
        entry.c.kind == Kind.MODEL.value,
        entry.c.merged_into.is_(None),
        entry.c.replaced_by.is_(None),
    )


def evaluate_due(database: Database, *, dry_run: bool = False, step: int = STEP) -> int:
    """Evaluate all that is due, step by step; how many models. Others take what is not locked."""
    if dry_run:
        with database.reading() as session:
            waiting = sa.select(sa.func.count()).where(clock.c.due_at <= sa.func.now())
            found: int = session.execute(waiting).scalar_one()
            return found
    database.transact(follow_looks)
    began = database.transact(_clock)
    evaluated = 0
    while True:
        some = database.transact(lambda session: _step(session, began, step=step))
        evaluated += some
        if some < step:
            return evaluated


def _clock(session: Session) -> datetime:
    found: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found


def _step(session: Session, began: datetime, *, step: int) -> int:
    """Some that were due when this began: what becomes due meanwhile waits for the next time."""
    session.execute(LONGER)
    chosen = (
        sa.select(clock.c.model_id)
        .where(clock.c.due_at <= began)
        .order_by(clock.c.due_at, clock.c.model_id)
        .limit(step)
        .with_for_update(skip_locked=True)
    )
    ids = session.execute(chosen).scalars().all()
    if ids:
        settle(session, ids, cause=SOFTWARE, whole=True)
    return len(ids)
