"""Decides about what waits in quarantine: a held-back plan is applied as it stands, or dropped."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.quarantine import MovedEntry, PlannedEntry, QuarantineRow, Released
from service.access.policy import Caller
from service.catalog.tables import Entry, SubjectRow
from service.errors import Conflict
from service.ingest import absence
from service.ingest.heldback import as_decided, fold_entries
from service.ingest.lock import lock_entries
from service.ingest.moved import find_differing, find_moved, stale
from service.ingest.tables import (
    AbsenceRow,
    HarvestRow,
    HeldEntryRow,
    HeldSubjectRow,
    ScopeRow,
)
from service.ingest.tables import (
    QuarantineRow as Item,
)
from service.ingest.waiting import NotHeldBack, get_item
from service.ledger.change import Cause, record_changes
from service.recordset import among

MOST_SHOWN: Final = 1_000  # entries that an answer lists with what changes
LONGER: Final = sa.text("SET LOCAL statement_timeout = '2min'")

absent, entry, harvest, held_entry, held_subject, item, scope, subject = (
    table.__table__
    for table in (
        AbsenceRow, Entry, HarvestRow, HeldEntryRow, HeldSubjectRow, Item, ScopeRow, SubjectRow,
    )
)  # fmt: skip
Changes = Mapping[UUID, list[dict[str, Any]]]


class AlreadyResolved(Conflict):
    """This item is resolved already.

    `GET /api/v1/quarantine/{item}` says how, by whom and why. A harvest whose picture is still
    implausible is held back as a new item.
    """


class Decision(NamedTuple):
    """Who decides, why, and by which request."""

    by: Caller
    reason: str
    request: str

    def cause(self, source: str, harvest_id: UUID | None) -> Cause:
        """For the ledger."""
        return Cause(self.by.actor, source, harvest_id, self.request, self.reason)


def release_plan(
    session: Session, item_id: int, *, decision: Decision, dry_run: bool = False
) -> Released:
    """Retire exactly what a plan says, if nothing of it has moved; a dry run says what would be.

    Raises `ItemNotFound`, `NotHeldBack`, `AlreadyResolved`, `PlanStale`.
    """
    session.execute(LONGER)
    found = get_item(session, item_id)
    if found.plan is None:
        raise NotHeldBack(item=item_id)
    _lock_harvests(session, found)
    concerned = sa.select(held_entry.c.entry_id).where(held_entry.c.quarantine_id == item_id)
    lock_entries(session, session.execute(concerned).scalars())
    source_id = _lock_open(session, item_id)
    moved = find_moved(session, item_id)
    if moved and not dry_run:
        raise stale(moved)
    cause = decision.cause(found.source, found.harvest_id)
    _retire(session, item_id, source_id=source_id)
    changes = fold_entries(session, _entries(session, item_id), cause=cause)
    moved = moved or find_differing(session, item_id, changes=changes)
    if moved and not dry_run:
        raise stale(moved)
    if not dry_run:
        _resolve(session, found, resolution="released", decision=decision)
    return _released(session, found, changes=changes, moved=moved, dry_run=dry_run)


def drop_item(session: Session, item_id: int, *, decision: Decision) -> QuarantineRow:
    """Forget a plan or a refused record, with a reason. Raises like `release_plan`."""
    found = get_item(session, item_id)
    _lock_open(session, item_id)
    _resolve(session, found, resolution="dropped", decision=decision)
    return get_item(session, item_id)


def _lock_harvests(session: Session, found: QuarantineRow) -> None:
    """Whatever harvest of the scope is under way waits: locks are taken in the one order."""
    of_scope = (
        sa.select(harvest.c.id)
        .join(scope, scope.c.id == harvest.c.scope_id)
        .where(harvest.c.closed_at.is_(None), ~harvest.c.dry_run)
        .where(scope.c.id.in_(_scope_of(found)))
        .with_for_update(of=harvest)
    )
    session.execute(of_scope).all()


def _scope_of(found: QuarantineRow) -> sa.Select[Any]:
    return sa.select(harvest.c.scope_id).where(harvest.c.id == found.harvest_id)


def _lock_open(session: Session, item_id: int) -> int:
    """The item's source, if it is still open: the lock comes after those of entries."""
    row = session.execute(
        sa.select(item.c.source_id, item.c.resolution).where(item.c.id == item_id).with_for_update()
    ).one()
    if row.resolution is not None:
        raise AlreadyResolved(detail=f"It was {row.resolution}.", item=item_id)
    return int(row.source_id)


def _retire(session: Session, plan: int, *, source_id: int) -> None:
    """What was said to be gone is, and what was missed too often."""
    own = held_subject.c.quarantine_id == plan
    said = sa.select(held_subject.c.observation_id).where(
        own, held_subject.c.observation_id.is_not(None)
    )
    absence.retire_asked(session, source_id, observations=said)
    session.execute(
        sa.update(absent)
        .where(own, held_subject.c.observation_id.is_(None))
        .where(absent.c.source_id == source_id, absent.c.gone_since.is_(None))
        .where(absent.c.subject_id == held_subject.c.subject_id)
        .values(gone_since=held_subject.c.since)
    )


def _entries(session: Session, plan: int) -> set[UUID]:
    """The entries that the plan's subjects belong to now."""
    rows = session.execute(
        sa.select(subject.c.entry_id)
        .join(held_subject, held_subject.c.subject_id == subject.c.id)
        .where(held_subject.c.quarantine_id == plan, subject.c.entry_id.is_not(None))
    )
    return set(rows.scalars())


def _resolve(
    session: Session, found: QuarantineRow, *, resolution: str, decision: Decision
) -> None:
    session.execute(
        sa.update(item)
        .where(item.c.id == found.id)
        .values(
            resolved_at=sa.func.now(), resolution=resolution, resolved_by=decision.by.id,
            reason=decision.reason,
        )
    )  # fmt: skip
    op = {"released": "release", "dropped": "drop"}[resolution]
    told: dict[str, Any] = {"what": found.what, "code": found.code, "subject": found.subject}
    if found.plan is not None:
        told = found.plan.model_dump(mode="json")
    cause = decision.cause(found.source, found.harvest_id)
    record_changes(session, [as_decided(op, found.id, head=told, cause=cause)])


def _released(
    session: Session,
    found: QuarantineRow,
    *,
    changes: Changes,
    moved: list[MovedEntry],
    dry_run: bool,
) -> Released:
    retired = sum(any(one["field"] == "gone_since" for one in told) for told in changes.values())
    shown = sorted(changes)[:MOST_SHOWN]
    names = session.execute(
        sa.select(entry.c.id, entry.c.kind, entry.c.natural_key).where(among(entry.c.id, shown))
    )
    listed = [
        PlannedEntry.model_validate(
            {"entry": one, "kind": kind, "name": key or str(one), "changes": changes[one]}
        )
        for one, kind, key in names
    ]
    return Released(
        id=found.id,
        source=found.source,
        scope=found.plan.scope if found.plan else "",
        dry_run=dry_run,
        retired=retired,
        changed=len(changes) - retired,
        moved=tuple(moved),
        changes=tuple(sorted(listed, key=lambda one: one.name)),
    )
