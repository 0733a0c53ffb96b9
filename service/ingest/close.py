"""Closes a harvest: what it did not see counts as absent, if it can be believed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.harvest import CloseHarvest, Coverage, HarvestReport, Outcome, PlannedChange
from schemas.identifiers import Identifier
from schemas.masking import mask_secrets
from service.catalog.tables import SubjectRow
from service.catalog.write import Outcome as Written
from service.ingest import absence, quarantine
from service.ingest.dryrun import planned_changes
from service.ingest.fold import refold_by_time
from service.ingest.harvests import (
    HarvestOver,
    OpenedHarvest,
    as_opened,
    find_harvest,
    forget,
    harvest,
    plan,
    scope,
)
from service.ingest.ingest import entries_of
from service.ingest.project import Cause, project
from service.ingest.sightings import seen_count
from service.ingest.sources import SourceFacts, list_sources
from service.ingest.tables import AbsenceRow, QuarantineRow, SeenRow, SightingRow

MOST_SHOWN: Final = 10_000  # changes that a report lists one by one

absent, seen, sighting, subject, held = (
    t.__table__ for t in (AbsenceRow, SeenRow, SightingRow, SubjectRow, QuarantineRow)
)


def close_harvest(
    session: Session, source: SourceFacts, harvest_id: UUID, *, asked: CloseHarvest, cause: Cause
) -> HarvestReport:
    """End a harvest and answer its report; closing again answers the stored one."""
    found = find_harvest(session, source, harvest_id, lock=True)
    if found["report"] is not None:
        return HarvestReport.model_validate(found["report"])
    if found["closed_at"] is not None or found["lease_until"] < found["now"]:
        raise HarvestOver(harvest=harvest_id)
    opened = as_opened(found)
    asked = _believed(session, opened, asked, counted=found["seen"])
    written, figures = Written(), {"unseen": 0, "held_back": 0, "retired": 0}
    if asked.outcome is Outcome.COMPLETE:
        savepoint = session.begin_nested()
        written, figures = _absences(session, source, opened, asked=asked, cause=cause)
        if opened.dry_run:
            savepoint.rollback()
        else:
            savepoint.commit()
            _advance(session, opened, asked)
    report = HarvestReport(
        harvest=harvest_id,
        source=source.name,
        scope=opened.scope,
        coverage=opened.coverage,
        outcome=asked.outcome,
        error=mask_secrets(asked.error)[:500] if asked.error else None,
        dry_run=opened.dry_run,
        opened_at=opened.opened_at,
        closed_at=found["now"],
        seconds=round((found["now"] - opened.opened_at).total_seconds(), 3),
        seen=found["seen"],
        created=found["created"] + len(written.created),
        changed=found["changed"] + len(written.changed),
        unchanged=found["unchanged"],
        conflicts=found["conflicts"] + written.conflicts,
        refused=found["refused"],
        skipped=asked.skipped,
        counts=asked.counts,
        plan=_planned(session, opened, written),
        **figures,
    )
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == harvest_id)
        .values(
            closed_at=found["now"],
            outcome=asked.outcome.value,
            report=report.model_dump(mode="json"),
        )
    )
    forget(session, harvest_id)
    return report


def _believed(
    session: Session, opened: OpenedHarvest, asked: CloseHarvest, *, counted: int
) -> CloseHarvest:
    """A complete harvest that saw nothing, or whose memory was lost, has failed."""
    if asked.outcome is not Outcome.COMPLETE or opened.coverage is not Coverage.FULL:
        return asked
    error = None
    if seen_count(session, opened.id) != counted:
        error = "seen_lost: the database restarted meanwhile and forgot what was seen; harvest again"
    elif counted == 0 and not opened.dry_run and _ever_seen(session, opened):
        error = "empty: the listing showed nothing, but the catalog knows live subjects of the scope"
    return asked.model_copy(update={"outcome": Outcome.FAILED, "error": error}) if error else asked


def _ever_seen(session: Session, opened: OpenedHarvest) -> bool:
    found: bool = session.execute(
        sa.select(absence.live_in_scope(opened.scope_id).exists())
    ).scalar_one()
    return found


def _absences(
    session: Session,
    source: SourceFacts,
    opened: OpenedHarvest,
    *,
    asked: CloseHarvest,
    cause: Cause,
) -> tuple[Written, dict[str, int]]:
    """Retire what was said to be gone and what was missed too often, unless held back."""
    full = opened.coverage is Coverage.FULL
    asked_for = _said_gone(session, opened)
    missing = _missed(session, opened, asked.skipped) if full else []
    overdue = [row for row in missing if _overdue(row, source, opened.opened_at)]
    retiring = {*asked_for, *(row.subject_id for row in overdue)}
    if _implausible(session, source, opened, retiring):
        _hold_back(session, source, opened, retiring)
        return Written(), {"unseen": len(missing), "held_back": len(retiring), "retired": 0}
    gone = sa.select(seen.c.observation_id).where(
        seen.c.harvest_id == opened.id, seen.c.observation_id.is_not(None)
    )
    altered = absence.retire_asked(session, source.id, gone)
    altered |= _note_missing(session, source, opened, missing, overdue=overdue)
    if full:
        altered |= _note_seen(session, opened)
    entries = entries_of(session, altered)
    if full:
        entries |= set(session.execute(refold_by_time(opened.scope_id)).scalars())
    written = project(session, entries, sources=list_sources(session), cause=cause)
    return written, {
        "unseen": len(missing), "held_back": 0, "retired": len(written.retired),
    }  # fmt: skip


def _said_gone(session: Session, opened: OpenedHarvest) -> set[int]:
    """Subjects that the source, asked by name, said are not there, if they are live now."""
    rows = session.execute(
        sa.select(seen.c.subject_id)
        .join(sighting, sighting.c.subject_id == seen.c.subject_id)
        .where(
            seen.c.harvest_id == opened.id,
            seen.c.observation_id.is_not(None),
            ~absence.is_gone(sighting),
        )
    )
    return set(rows.scalars())


def _missed(session: Session, opened: OpenedHarvest, skipped: Sequence[Any]) -> list[Any]:
    """Live subjects of the scope that were not seen; what was skipped is not missed."""
    excused = {(s.subject.kind, s.subject.scheme, s.subject.value) for s in skipped if s.subject}
    rows = session.execute(
        absence.missed(opened.scope_id, opened.id)
        .with_only_columns(
            sighting.c.source_id, sighting.c.subject_id, absent.c.harvests,
            absent.c.unseen_since, subject.c.kind, subject.c.scheme, subject.c.value,
        )
        .join(subject, subject.c.id == sighting.c.subject_id)
        .outerjoin(absent, absence.same_key(absent, sighting))
        .order_by(sighting.c.subject_id)
    )  # fmt: skip
    return [row for row in rows if (row.kind, row.scheme, row.value) not in excused]


def _overdue(row: Any, source: SourceFacts, opened_at: datetime) -> bool:
    if row.unseen_since is None:
        return source.absences <= 1 and absence.LEAST_ABSENCE.total_seconds() == 0
    missed_long = opened_at - row.unseen_since >= absence.LEAST_ABSENCE
    return row.harvests + 1 >= source.absences and missed_long


def _implausible(
    session: Session, source: SourceFacts, opened: OpenedHarvest, retiring: set[int]
) -> bool:
    """More than the source's share *and* more than its number of the scope's live subjects."""
    if len(retiring) <= source.held_back_count:
        return False
    live = session.execute(
        sa.select(sa.func.count()).select_from(absence.live_in_scope(opened.scope_id).subquery())
    ).scalar_one()
    return len(retiring) > source.held_back_share * max(live, 1)


def _hold_back(
    session: Session, source: SourceFacts, opened: OpenedHarvest, retiring: set[int]
) -> None:
    """Keep the plan for a person to release or drop; the entries stay as they are."""
    rows = session.execute(
        sa.select(subject.c.kind, subject.c.scheme, subject.c.value)
        .where(subject.c.id.in_(sorted(retiring)))
        .order_by(subject.c.id)
    )
    named = [Identifier(kind=k, scheme=s, value=v).model_dump(mode="json") for k, s, v in rows]
    payload = quarantine.readable({"retire": named})
    session.execute(
        insert(held).values(
            source_id=source.id,
            harvest_id=opened.id,
            what="held_back",
            pointer="",
            code="implausible",
            message=f"harvest of {opened.scope} would retire {len(retiring)} subjects at once",
            digest=str(opened.id),
            payload=payload,
            times=1,
            first_at=sa.func.now(),
            last_at=sa.func.now(),
        )
    )


def _note_missing(
    session: Session,
    source: SourceFacts,
    opened: OpenedHarvest,
    missing: Sequence[Any],
    *,
    overdue: Sequence[Any],
) -> set[int]:
    """Count one more absence for each missed subject; those missed too often are gone."""
    if not missing:
        return set()
    ids = [row.subject_id for row in missing]
    late = sorted(row.subject_id for row in overdue)
    gone_since = sa.case((sighting.c.subject_id.in_(late), sa.literal(opened.opened_at)))
    chosen = (
        sa.select(
            sighting.c.source_id, sighting.c.subject_id, sa.literal(1),
            sa.literal(opened.opened_at), gone_since,
        )
        .where(sighting.c.source_id == source.id, sighting.c.subject_id.in_(ids))
        .order_by(sighting.c.subject_id)
    )  # fmt: skip
    note = insert(absent).from_select(
        ["source_id", "subject_id", "harvests", "unseen_since", "gone_since"], chosen
    )
    session.execute(
        note.on_conflict_do_update(
            index_elements=["source_id", "subject_id"],
            set_={"harvests": absent.c.harvests + 1, "gone_since": note.excluded.gone_since},
        )
    )
    return set(late)


def _note_seen(session: Session, opened: OpenedHarvest) -> set[int]:
    """What was seen belongs to this scope from now on, and is no longer missed."""
    here = sa.exists().where(
        seen.c.harvest_id == opened.id,
        seen.c.subject_id == sighting.c.subject_id,
        seen.c.observation_id.is_(None),
    )
    source = sa.select(scope.c.source_id).where(scope.c.id == opened.scope_id).scalar_subquery()
    session.execute(
        sa.update(sighting)
        .where(
            sighting.c.source_id == source,
            sighting.c.scope_id.is_distinct_from(opened.scope_id),
            here,
        )
        .values(scope_id=opened.scope_id)
    )
    back = session.execute(
        sa.delete(absent)
        .where(
            absent.c.source_id == source,
            absent.c.said_at.is_(None),
            sa.exists().where(
                seen.c.harvest_id == opened.id,
                seen.c.subject_id == absent.c.subject_id,
                seen.c.observation_id.is_(None),
            ),
        )
        .returning(absent.c.subject_id)
    )
    return set(back.scalars())


def _advance(session: Session, opened: OpenedHarvest, asked: CloseHarvest) -> None:
    """Store the cursor, and from when the scope's facts count as confirmed."""
    now = sa.func.clock_timestamp()
    values: dict[str, Any] = {"delta_cursor": asked.cursor, "delta_closed_at": now}
    if opened.coverage is Coverage.FULL:
        values = {
            "full_cursor": asked.cursor,
            "full_closed_at": now,
            "full_opened_at": opened.opened_at,
        }
    session.execute(sa.update(scope).where(scope.c.id == opened.scope_id).values(**values))


def _planned(
    session: Session, opened: OpenedHarvest, written: Written
) -> tuple[PlannedChange, ...]:
    if not opened.dry_run:
        return ()
    rows = session.execute(
        sa.select(plan.c.changes).where(plan.c.harvest_id == opened.id).order_by(plan.c.id)
    )
    changes = [PlannedChange.model_validate(change) for (row,) in rows for change in row]
    return tuple([*changes, *planned_changes(written.changes, {})][:MOST_SHOWN])
