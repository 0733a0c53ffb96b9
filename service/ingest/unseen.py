"""What a harvest did not see: missed once more, gone, or held back as too much to believe."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.harvest import Coverage, Skipped
from schemas.identifiers import Kind
from service.catalog.tables import SubjectRow
from service.catalog.write import Outcome
from service.ingest import absence
from service.ingest.fold import refold_by_time
from service.ingest.harvests import OpenedHarvest
from service.ingest.heldback import Retiring, hold_back, settle_plans
from service.ingest.ingest import entries_of
from service.ingest.lock import lock_entries
from service.ingest.missed import tell_missed, tell_seen
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ingest.tables import AbsenceRow, SeenRow, SightingRow
from service.ledger.change import Cause
from service.recordset import among

STEP: Final = 500  # entries that are folded at once: memory stays flat however many there are

absent, seen, sighting, subject = (
    t.__table__ for t in (AbsenceRow, SeenRow, SightingRow, SubjectRow)
)


class Missed(NamedTuple):
    """A live subject that a full harvest did not see, and how often it was missed before."""

    subject_id: int
    kind: str
    scheme: str
    value: str
    harvests: int | None
    unseen_since: datetime | None


class Unseen(NamedTuple):
    """What came of it: entries that were written, subjects that were missed or held back."""

    written: Outcome
    missing: int = 0
    held_back: int = 0


class Verdict(NamedTuple):
    """Subjects, by id: said to be gone, missed, and of these missed too often."""

    gone: frozenset[int]
    missing: frozenset[int]
    overdue: frozenset[int]

    @property
    def retiring(self) -> frozenset[int]:
        """What would be retired."""
        return self.gone | self.overdue


def settle_unseen(
    session: Session, opened: OpenedHarvest, *, skipped: Sequence[Skipped], cause: Cause
) -> Unseen:
    """Retire what was said to be gone and what was missed too often, unless held back.

    What is held back still counts as missed: it was not seen, so nothing confirms it.
    """
    found = _verdict(session, opened, skipped=skipped)
    held = _implausible(session, opened, retiring=found.retiring)
    full = opened.coverage is Coverage.FULL
    entries = entries_of(session, found.gone | found.missing)
    if full:
        entries |= entries_of(session, _shown_again(session, opened))
        entries |= set(session.execute(refold_by_time(opened.scope_id)).scalars())
    lock_entries(session, entries)
    if held:
        missing, overdue = found.missing | found.gone, frozenset[int]()
    else:
        missing, overdue = found.missing, found.overdue
        absence.retire_asked(session, opened.source.id, observations=_said(opened))
    if full:
        _note_missing(session, opened, missing=missing, overdue=overdue, cause=cause)
        _note_seen(session, opened, cause=cause)
    else:
        _note_new(session, opened)
    written = _project(session, entries, opened=opened, cause=cause)
    if held:
        retiring = Retiring(found.gone, found.overdue, _said(opened))
        hold_back(session, opened, retiring=retiring, cause=cause)
    elif full:
        settle_plans(session, opened)
    return Unseen(written, len(found.missing), len(found.retiring) if held else 0)


def _verdict(session: Session, opened: OpenedHarvest, *, skipped: Sequence[Skipped]) -> Verdict:
    gone = _said_gone(session, opened)
    if opened.coverage is not Coverage.FULL:
        return Verdict(gone, frozenset(), frozenset())
    missing = [
        one for one in _missed(session, opened, skipped=skipped) if one.subject_id not in gone
    ]
    overdue = (one.subject_id for one in missing if _overdue(one, opened))
    return Verdict(gone, frozenset(one.subject_id for one in missing), frozenset(overdue))


def _said(opened: OpenedHarvest) -> sa.Select[Any]:
    """The observations of the harvest that say: gone."""
    return sa.select(seen.c.observation_id).where(
        seen.c.harvest_id == opened.id, seen.c.observation_id.is_not(None)
    )


def _said_gone(session: Session, opened: OpenedHarvest) -> frozenset[int]:
    """Live subjects that the source said are not there, with the versions of such models."""
    asked = (
        sa.select(sa.literal(opened.source.id, sa.BigInteger).label("source_id"), seen.c.subject_id)
        .where(seen.c.harvest_id == opened.id, seen.c.observation_id.is_not(None))
        .cte("asked")
    )
    own = sa.select(asked).join(sighting, absence.same_key(sighting, asked))
    every = sa.union(own, absence.versions_below(asked)).subquery()
    rows = session.execute(sa.select(every.c.subject_id).where(~absence.is_gone(every)))
    return frozenset(rows.scalars())


def _missed(session: Session, opened: OpenedHarvest, *, skipped: Sequence[Skipped]) -> list[Missed]:
    """Live subjects of the scope that were not seen; what was skipped is not missed."""
    rows = session.execute(
        absence.missed(opened.scope_id, opened.id)
        .with_only_columns(
            subject.c.id, subject.c.kind, subject.c.scheme, subject.c.value,
            absent.c.harvests, absent.c.unseen_since,
        )
        .join(subject, subject.c.id == sighting.c.subject_id)
        .outerjoin(absent, absence.same_key(absent, sighting))
        .order_by(sighting.c.subject_id)
    )  # fmt: skip
    excused = {(s.subject.kind, s.subject.scheme, s.subject.value) for s in skipped if s.subject}
    found = (Missed(*row) for row in rows)
    return [one for one in found if not excused.intersection(_excuses(one))]


def _excuses(one: Missed) -> list[tuple[str, str, str]]:
    """A version is excused with its model too, what a file says with its repository.

    Nobody could look at it.
    """
    own = [(one.kind, one.scheme, one.value)]
    repository, hash_sign, _ = one.value.partition("#")
    if hash_sign:
        schemes = ("url",) if "://" in repository else ("github", "gitlab")
        own += [(Kind.REPOSITORY, scheme, repository) for scheme in schemes]
    if one.kind == Kind.VERSION:
        own.append((Kind.MODEL, one.scheme, one.value.rpartition("/")[0]))
    return own


def _overdue(one: Missed, opened: OpenedHarvest) -> bool:
    """Missed as often as its source allows, and for a day at least."""
    harvests, since = (one.harvests or 0) + 1, one.unseen_since or opened.opened_at
    missed_long = opened.opened_at - since >= absence.LEAST_ABSENCE
    return harvests >= opened.source.absences and missed_long


def _implausible(session: Session, opened: OpenedHarvest, *, retiring: frozenset[int]) -> bool:
    """More than the source's share *and* more than its number of the scope's live subjects."""
    source = opened.source
    if len(retiring) <= source.held_back_count:
        return False
    live: int = session.execute(
        sa.select(sa.func.count()).select_from(absence.live_in_scope(opened.scope_id).subquery())
    ).scalar_one()
    return len(retiring) > source.held_back_share * max(live, 1)


def _note_missing(
    session: Session,
    opened: OpenedHarvest,
    *,
    missing: frozenset[int],
    overdue: frozenset[int],
    cause: Cause,
) -> None:
    """Count one more absence for each missed subject; those missed too often are gone."""
    if not missing:
        return
    gone_since = sa.case((among(sighting.c.subject_id, overdue), sa.literal(opened.opened_at)))
    chosen = (
        sa.select(
            sighting.c.source_id, sighting.c.subject_id, sa.literal(1),
            sa.literal(opened.opened_at), gone_since,
        )
        .where(
            sighting.c.source_id == opened.source.id,
            among(sighting.c.subject_id, missing),
            sighting.c.effective_at < opened.opened_at,  # else it was pushed meanwhile
        )
        .order_by(sighting.c.subject_id)
    )  # fmt: skip
    note = insert(absent).from_select(
        ["source_id", "subject_id", "harvests", "unseen_since", "gone_since"], chosen
    )
    noted = note.on_conflict_do_update(
        index_elements=["source_id", "subject_id"],
        set_={"harvests": absent.c.harvests + 1, "gone_since": note.excluded.gone_since},
    )
    counted = session.execute(noted.returning(absent.c.subject_id, absent.c.harvests))
    first = [subject_id for subject_id, harvests in counted if harvests == 1]
    tell_missed(session, first, since=opened.opened_at, cause=cause)


def _note_seen(session: Session, opened: OpenedHarvest, *, cause: Cause) -> None:
    """What was seen belongs to this scope from now on, and is no longer missed."""
    others = (
        sa.select(sighting.c.subject_id)
        .where(
            sighting.c.source_id == opened.source.id,
            sighting.c.scope_id.is_distinct_from(opened.scope_id),
            _was_seen(sighting, opened),
        )
        .order_by(sighting.c.subject_id)
        .with_for_update(key_share=True)
        .cte("others")
    )
    session.execute(
        sa.update(sighting)
        .where(
            sighting.c.source_id == opened.source.id, sighting.c.subject_id == others.c.subject_id
        )
        .values(scope_id=opened.scope_id)
    )
    back = sa.delete(absent).where(*_missed_before(opened))
    found = session.execute(back.returning(*absent.c["subject_id", "unseen_since", "gone_since"]))
    missed = {one: since for one, since, gone_since in found if gone_since is None}
    tell_seen(session, missed, cause=cause)


def _note_new(session: Session, opened: OpenedHarvest) -> None:
    """What a delta harvest was the first to show belongs to its scope, which may ask for it."""
    session.execute(
        sa.update(sighting)
        .where(
            sighting.c.source_id == opened.source.id,
            sighting.c.scope_id.is_(None),
            _was_seen(sighting, opened),
        )
        .values(scope_id=opened.scope_id)
    )


def _shown_again(session: Session, opened: OpenedHarvest) -> set[int]:
    """Subjects that were missed, and that the harvest has seen."""
    found = session.execute(sa.select(absent.c.subject_id).where(*_missed_before(opened)))
    return set(found.scalars())


def _missed_before(opened: OpenedHarvest) -> tuple[sa.ColumnElement[bool], ...]:
    """Absences that being seen ends; what was said to be gone returns when it is stated again."""
    return (
        absent.c.source_id == opened.source.id,
        absent.c.harvests > 0,
        _was_seen(absent, opened),
    )


def _was_seen(stated: sa.FromClause, opened: OpenedHarvest) -> sa.ColumnElement[bool]:
    """The harvest saw the row's subject, and not only that it is gone."""
    return sa.exists().where(
        seen.c.harvest_id == opened.id,
        seen.c.subject_id == stated.c.subject_id,
        seen.c.observation_id.is_(None),
    )


def _project(
    session: Session, entries: Iterable[UUID], *, opened: OpenedHarvest, cause: Cause
) -> Outcome:
    """Fold the entries again, some at a time; only a plan keeps what changed."""
    total, sources, left = Outcome(), list_sources(session), sorted(entries)
    for start in range(0, len(left), STEP):
        part = project(session, left[start : start + STEP], sources=sources, cause=cause)
        total.created |= part.created
        total.changed |= part.changed
        total.retired |= part.retired
        total.conflicts += part.conflicts
        total.changes += part.changes if opened.dry_run else []
    return total
