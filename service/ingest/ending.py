"""Retires a source: it is disabled, and everything that it showed ends, so much at a time."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.harvest import Outcome
from schemas.retirement import Retirement
from service.ingest import absence
from service.ingest.harvests import forget
from service.ingest.heldback import fold_entries, forget_details
from service.ingest.ingest import entries_of
from service.ingest.lock import lock_entries
from service.ingest.record import KEY
from service.ingest.release import LONGER, Decision
from service.ingest.sources import SourceFacts, get_source
from service.ingest.tables import (
    AbsenceRow,
    HarvestRow,
    QuarantineRow,
    ScopeRow,
    SightingRow,
    SourceRow,
)
from service.ledger.change import Cause, Change, record_changes
from service.recordset import among

STEP: Final = 1_000  # subjects that one request ends
SUPERSEDED: Final = "the source was retired"

absent, harvest, item, scope, sighting, source = (
    table.__table__
    for table in (AbsenceRow, HarvestRow, QuarantineRow, ScopeRow, SightingRow, SourceRow)
)


def retire_source(
    session: Session, name: str, *, decision: Decision, dry_run: bool = False
) -> Retirement:
    """Disable a source and end what it shows, a step of it; the same again does the next step.

    What it said stays, as of something gone. When it is enabled again, what it shows is back.
    Raises `SourceNotFound`.
    """
    session.execute(LONGER)
    facts, cause = get_source(session, name), decision.cause(name, None)
    _end_harvests(session, facts)
    live = sa.select(sighting.c.subject_id).where(
        sighting.c.source_id == facts.id, ~absence.is_gone(sighting)
    )
    step = session.execute(live.order_by(sighting.c.subject_id).limit(STEP)).scalars().all()
    entries = entries_of(session, step)
    lock_entries(session, entries)
    _end(session, facts, subjects=step)
    changes = fold_entries(session, entries, cause=cause)
    _supersede_plans(session, facts)
    if facts.enabled or step:
        _disable(session, facts, ended=len(step), cause=cause)
    left = session.execute(sa.select(sa.func.count()).select_from(live.subquery())).scalar_one()
    retired = sum(any(one["field"] == "gone_since" for one in told) for told in changes.values())
    return Retirement(
        source=name, dry_run=dry_run, ended=len(step), retired=retired, left=int(left)
    )


def _end_harvests(session: Session, facts: SourceFacts) -> None:
    """Whoever is reading it has failed: nothing more is sighted."""
    running = (
        sa.select(harvest.c.id)
        .join(scope, scope.c.id == harvest.c.scope_id)
        .where(scope.c.source_id == facts.id, harvest.c.closed_at.is_(None))
        .order_by(harvest.c.id)
        .with_for_update(of=harvest)
    )
    ended = session.execute(running).scalars().all()
    if ended:
        values = {"closed_at": sa.func.clock_timestamp(), "outcome": Outcome.FAILED.value}
        session.execute(sa.update(harvest).where(among(harvest.c.id, ended)).values(values))
    for one in ended:
        forget(session, one)


def _end(session: Session, facts: SourceFacts, *, subjects: Sequence[int]) -> None:
    now = sa.func.now()
    chosen = (
        sa.select(sighting.c.source_id, sighting.c.subject_id, sa.literal(0), now, now)
        .where(sighting.c.source_id == facts.id, among(sighting.c.subject_id, subjects))
        .order_by(sighting.c.subject_id)
    )
    ended = insert(absent).from_select(list(absence.ABSENT), chosen)
    session.execute(
        ended.on_conflict_do_update(
            index_elements=list(KEY), set_={"gone_since": ended.excluded.gone_since}
        )
    )


def _supersede_plans(session: Session, facts: SourceFacts) -> None:
    over = (
        sa.update(item)
        .where(item.c.source_id == facts.id, item.c.what == "held_back")
        .where(item.c.resolved_at.is_(None))
        .values(resolved_at=sa.func.now(), resolution="superseded", reason=SUPERSEDED)
        .returning(item.c.id)
    )
    forget_details(session, session.execute(over).scalars().all())


def _disable(session: Session, facts: SourceFacts, *, ended: int, cause: Cause) -> None:
    row = Change(
        "retire", "source", cause.actor, old={"enabled": facts.enabled},
        new={"enabled": False, "ended": ended}, reason=cause.reason, request=cause.request,
        source=facts.name,
    )  # fmt: skip
    (written,) = record_changes(session, [row])
    disabled = sa.update(source).where(source.c.id == facts.id)
    session.execute(disabled.values(enabled=False, change_id=written))
