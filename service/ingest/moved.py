"""Looks whether what a held-back plan concerns is still as it was when the plan was made."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic_core import from_json, to_json
from sqlmodel import Session

from schemas.harvest import Coverage
from schemas.problem import FieldProblem
from schemas.quarantine import MovedEntry
from schemas.strict import instant_text
from service.catalog.tables import Entry, SubjectRow
from service.errors import Conflict
from service.ingest.tables import (
    AbsenceRow,
    HarvestRow,
    HeldEntryRow,
    HeldSubjectRow,
    ObservationRow,
    QuarantineRow,
    SeenRow,
    SightingRow,
)
from service.ledger.change import RISK
from service.ledger.tables import ChangeRow
from service.recordset import among

MOST: Final = 100  # that an answer names
STEP: Final = 1_000  # entries of a plan that are read at once
SAID: Final = {
    "seen_again": "its source showed it again",
    "gone_already": "it is gone already",
    "other_entry": "its identifier belongs to another entry now",
    "changed": "it was changed",
    "let_go": "it left the catalog",
    "under_way": "the harvest that is under way has seen it",
}

absent, change, entry, harvest, held_entry, held_subject, item = (
    table.__table__
    for table in (
        AbsenceRow, ChangeRow, Entry, HarvestRow, HeldEntryRow, HeldSubjectRow, QuarantineRow,
    )
)  # fmt: skip
observation, seen, sighting, subject = (
    table.__table__ for table in (ObservationRow, SeenRow, SightingRow, SubjectRow)
)  # fmt: skip


class PlanStale(Conflict):
    """What the plan concerns is not as it was when the harvest was held back.

    Nothing was changed. `errors` names what moved, and since when. Harvest the source again: what
    is still implausible is held back as a new plan; or drop this one with a reason.
    """


def stale(moved: Iterable[MovedEntry]) -> PlanStale:
    """The refusal that names what moved."""
    return PlanStale(*(_problem(one) for one in moved))


def find_moved(session: Session, plan: int) -> list[MovedEntry]:
    """Entries of a plan that moved since it was made, at most so many, by name."""
    found = {one.entry: one for one in _named(session, _changed(plan))}
    found |= {one.entry: one for one in _named(session, _otherwise(plan))}  # says more precisely
    return sorted(found.values(), key=lambda one: one.name)[:MOST]


def find_differing(
    session: Session, plan: int, *, changes: Mapping[UUID, Sequence[Any]]
) -> list[MovedEntry]:
    """After a plan was applied: entries where something else came of it than was planned.

    Another source may say what counts only now, or precedence is another.
    """
    undone = absent.c.gone_since.is_distinct_from(held_subject.c.since)
    unretired = _held(plan, why=sa.literal("seen_again"), at=sighting.c.effective_at).where(undone)
    found = list(_named(session, unretired))
    names, differing = _names(session, plan), list[UUID]()
    for entry_id, wanted in _planned(session, plan):
        if from_json(to_json(changes.get(entry_id, []))) != wanted:
            differing.append(entry_id)
    differing += changes.keys() - names.keys()
    since = _newest_statement(session, differing[:MOST])
    found += [
        MovedEntry(entry=one, name=names.get(one, str(one)), why="changed", since=since.get(one))
        for one in differing[:MOST]
    ]
    return found[:MOST]


def _named(session: Session, query: sa.Select[Any]) -> Iterable[MovedEntry]:
    rows = session.execute(query.order_by(held_entry.c.name).limit(MOST))
    return (MovedEntry(entry=e, name=name, why=why, since=at) for e, name, why, at in rows)


def _problem(one: MovedEntry) -> FieldProblem:
    since = f" since {instant_text(one.since)}" if one.since else ""
    return FieldProblem(pointer=one.name, message=f"{SAID[one.why]}{since}")


def _names(session: Session, plan: int) -> dict[UUID, str]:
    named = sa.select(*held_entry.c["entry_id", "name"]).where(held_entry.c.quarantine_id == plan)
    return {row.entry_id: row.name for row in session.execute(named)}


def _planned(session: Session, plan: int) -> Iterable[Any]:
    """What was to change, by entry, a part at a time."""
    stored = sa.select(*held_entry.c["entry_id", "changes"]).where(
        held_entry.c.quarantine_id == plan
    )
    return session.execute(stored.execution_options(yield_per=STEP))


def _newest_statement(session: Session, entries: Sequence[UUID]) -> dict[UUID, datetime]:
    """When the newest of what is said about each entry was recorded."""
    newest = (
        sa.select(subject.c.entry_id, sa.func.max(observation.c.recorded_at).label("at"))
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .where(among(subject.c.entry_id, entries))
        .group_by(subject.c.entry_id)
    )
    return {row.entry_id: row.at for row in session.execute(newest)} if entries else {}


def _changed(plan: int) -> sa.Select[Any]:
    """Entries with a newer ledger row than when the plan was made, or that are no more."""
    newest = (
        sa.select(change.c.id, change.c.recorded_at)
        .where(change.c.entry_id == held_entry.c.entry_id, change.c.kind.not_in(RISK))
        .order_by(change.c.id.desc())
        .limit(1)
        .lateral("newest")
    )
    why = sa.case((entry.c.id.is_(None), "let_go"), else_="changed")
    moved = sa.or_(entry.c.id.is_(None), newest.c.id > held_entry.c.after_change)
    return (
        sa.select(held_entry.c.entry_id, held_entry.c.name, why, newest.c.recorded_at)
        .select_from(held_entry)
        .outerjoin(entry, entry.c.id == held_entry.c.entry_id)
        .outerjoin(newest, sa.true())
        .where(held_entry.c.quarantine_id == plan, moved)
    )


def _otherwise(plan: int) -> sa.Select[Any]:
    """Entries of which a subject was seen again, is gone already, or belongs to another entry."""
    coverage = item.c.plan["coverage"].astext
    again = sa.or_(
        sighting.c.digest.is_distinct_from(held_subject.c.digest),
        sighting.c.effective_at.is_distinct_from(held_subject.c.effective_at),
        sa.and_(absent.c.subject_id.is_(None), coverage == Coverage.FULL.value),  # it was missed
    )
    gone, other = absent.c.gone_since.is_not(None), subject.c.entry_id != held_subject.c.entry_id
    other = sa.or_(subject.c.entry_id.is_(None), other)
    why = sa.case(
        (gone, "gone_already"), (other, "other_entry"), (again, "seen_again"), else_="under_way"
    )
    at = sa.case((gone, absent.c.gone_since), (again, sighting.c.effective_at))
    return _held(plan, why=why, at=at).where(sa.or_(again, gone, other, _under_way()))


def _held(plan: int, *, why: sa.ColumnElement[Any], at: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The subjects of a plan beside how they stand now."""
    key = sa.and_(
        sighting.c.source_id == item.c.source_id, sighting.c.subject_id == held_subject.c.subject_id
    )
    missed = sa.and_(
        absent.c.source_id == item.c.source_id, absent.c.subject_id == held_subject.c.subject_id
    )
    home = sa.and_(
        held_entry.c.quarantine_id == held_subject.c.quarantine_id,
        held_entry.c.entry_id == held_subject.c.entry_id,
    )
    return (
        sa.select(held_subject.c.entry_id, held_entry.c.name, why, at)
        .select_from(held_subject)
        .join(item, item.c.id == held_subject.c.quarantine_id)
        .join(held_entry, home)
        .join(subject, subject.c.id == held_subject.c.subject_id)
        .outerjoin(sighting, key)
        .outerjoin(absent, missed)
        .where(held_subject.c.quarantine_id == plan)
    )


def _under_way() -> sa.ColumnElement[bool]:
    """A harvest that is not over has seen the subject, and confirms it when it closes."""
    return sa.exists().where(
        seen.c.subject_id == held_subject.c.subject_id,
        seen.c.observation_id.is_(None),
        harvest.c.id == seen.c.harvest_id,
        harvest.c.closed_at.is_(None),
        harvest.c.lease_until > sa.func.clock_timestamp(),
        ~harvest.c.dry_run,
        held_subject.c.quarantine_id == item.c.id,
        harvest.c.id != item.c.harvest_id,
    )
