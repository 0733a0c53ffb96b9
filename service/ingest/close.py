"""Closes a harvest: what it did not see counts as absent, if it can be believed."""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import CloseHarvest, Coverage, HarvestReport, Outcome, PlannedChange, Skipped
from schemas.masking import mask_secrets
from service.catalog.write import Outcome as Written
from service.ingest.absence import live_in_scope
from service.ingest.dryrun import plan_gone, planned_changes, planned_new
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
from service.ingest.hinted import settle_hints
from service.ingest.sightings import saw_something, seen_count
from service.ingest.sources import SourceFacts
from service.ingest.unseen import Unseen, settle_unseen
from service.ledger.change import Cause
from service.risk.evaluating import follow_looks

MOST_SHOWN: Final = 10_000  # changes that a report lists one by one


def close_harvest(
    session: Session, source: SourceFacts, *, harvest_id: UUID, asked: CloseHarvest, cause: Cause
) -> HarvestReport:
    """End a harvest and answer its report; closing again answers the stored one."""
    found = find_harvest(session, source, harvest_id=harvest_id, lock=True)
    if found["report"] is not None:
        return HarvestReport.model_validate(found["report"])
    if found["closed_at"] is not None or found["lease_until"] < found["now"]:
        raise HarvestOver(harvest=harvest_id)
    opened = as_opened(found, source)
    asked = _believed(session, opened, asked=asked, counted=found["seen"])
    unseen = Unseen(Written())
    if asked.outcome is Outcome.COMPLETE:
        unseen = _complete(session, opened, asked=asked, cause=cause)
    planned = _planned(session, opened, written=unseen.written) if opened.dry_run else ()
    seen = found["seen"] + (planned_new(session, opened) if opened.dry_run else 0)
    report = _report(opened, {**found, "seen": seen}, asked=asked, unseen=unseen, planned=planned)
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == harvest_id)
        .values(
            closed_at=report.closed_at,
            outcome=report.outcome.value,
            report=report.model_dump(mode="json"),
        )
    )
    forget(session, harvest_id)
    if not opened.dry_run:
        follow_looks(session)
    return report


def _complete(
    session: Session, opened: OpenedHarvest, *, asked: CloseHarvest, cause: Cause
) -> Unseen:
    """Draw the conclusions of a complete harvest; a dry run takes them back."""
    if not opened.dry_run:
        _advance(session, opened, asked=asked)  # first: it confirms what references may mean
        settle_hints(session, opened.source.id, hints=asked.hints, harvest=opened.id)
        return settle_unseen(session, opened, skipped=asked.skipped, cause=cause)
    with session.begin_nested() as savepoint:
        plan_gone(session, opened, cause=cause)
        unseen = settle_unseen(session, opened, skipped=asked.skipped, cause=cause)
        savepoint.rollback()
    return unseen


def _report(
    opened: OpenedHarvest,
    found: Any,
    *,
    asked: CloseHarvest,
    unseen: Unseen,
    planned: tuple[PlannedChange, ...],
) -> HarvestReport:
    written = unseen.written
    return HarvestReport(
        harvest=opened.id,
        source=opened.source.name,
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
        unseen=unseen.missing,
        retired=len(written.retired),
        held_back=unseen.held_back,
        conflicts=found["conflicts"] + written.conflicts,
        refused=found["refused"],
        ahead=found["ahead"],
        skipped=tuple(_masked(one) for one in asked.skipped),
        counts=asked.counts,
        plan=planned,
    )


def _believed(
    session: Session, opened: OpenedHarvest, *, asked: CloseHarvest, counted: int
) -> CloseHarvest:
    """A complete harvest that saw nothing, or whose memory was lost, has failed."""
    if asked.outcome is not Outcome.COMPLETE:
        return asked
    full, error = opened.coverage is Coverage.FULL, None
    if seen_count(session, opened.id) != counted:
        error = (
            "seen_lost: the database restarted meanwhile and forgot what was seen; harvest again"
        )
    elif full and not saw_something(session, opened) and _ever_seen(session, opened):
        error = (
            "empty: the listing showed nothing, but the catalog knows live subjects of the scope"
        )
    return asked.model_copy(update={"outcome": Outcome.FAILED, "error": error}) if error else asked


def _masked(skipped: Skipped) -> Skipped:
    return skipped.model_copy(update={"message": mask_secrets(skipped.message)})


def _ever_seen(session: Session, opened: OpenedHarvest) -> bool:
    found: bool = session.execute(sa.select(live_in_scope(opened.scope_id).exists())).scalar_one()
    return found


def _advance(session: Session, opened: OpenedHarvest, *, asked: CloseHarvest) -> None:
    """Store the cursor, if there is one, and from when the scope's facts count as confirmed."""
    now = sa.func.clock_timestamp()
    values: dict[str, Any] = {
        "delta_cursor": sa.func.coalesce(asked.cursor, scope.c.delta_cursor),
        "delta_closed_at": now,
    }
    if opened.coverage is Coverage.FULL:
        values = {
            "full_cursor": sa.func.coalesce(asked.cursor, scope.c.full_cursor),
            "full_closed_at": now,
            "full_opened_at": opened.opened_at,
        }
    session.execute(sa.update(scope).where(scope.c.id == opened.scope_id).values(**values))


def _planned(
    session: Session, opened: OpenedHarvest, *, written: Written
) -> tuple[PlannedChange, ...]:
    """What its batches would have changed, and then its end."""
    rows = session.execute(
        sa.select(plan.c.changes).where(plan.c.harvest_id == opened.id).order_by(plan.c.id)
    )
    changes = [PlannedChange.model_validate(change) for (row,) in rows for change in row]
    return tuple([*changes, *planned_changes(written.changes, {})][:MOST_SHOWN])
