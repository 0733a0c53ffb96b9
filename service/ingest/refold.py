"""Folds entries again when a source's settings changed: few at once, many step by step."""

from collections.abc import Collection, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from schemas.refold import Impact
from service.catalog.tables import SubjectRow
from service.catalog.typed import TYPED
from service.catalog.write import Outcome
from service.db import Database
from service.ingest.dryrun import planned_changes
from service.ingest.lock import lock_entries
from service.ingest.project import project
from service.ingest.rebuild import names_of
from service.ingest.sources import list_sources
from service.ingest.tables import IdentityDecision, RefoldRow, SightingRow, SourceRow
from service.ledger.change import Actor, Cause

AT_ONCE: Final = 2_000  # entries that the change's own transaction folds
STEP: Final = 1_000  # entries of one transaction later
LOOKED_AT: Final = 20_000  # entries that a dry run folds at most
SHOWN: Final = 1_000  # changes that an answer lists
FIRST: Final = UUID(int=0)
RANKS: Final = frozenset({"precedence", "field_precedence"})
PLACES: Final = frozenset({"namespace", "namespaces"})
MATTERING: Final = RANKS | PLACES  # settings that entries are folded by
ACTOR: Final = Actor("software", "refold")
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")

refold, subject, sighting, decision, source = (
    t.__table__ for t in (RefoldRow, SubjectRow, SightingRow, IdentityDecision, SourceRow)
)


class Changed(NamedTuple):
    """Which settings of a source changed, and why."""

    source_id: int
    settings: frozenset[str]
    cause: Cause
    change_id: int


def fold_again(session: Session, changed: Changed) -> Impact | None:
    """Fold what a source's changed settings may change; None when that is left to the job.

    The job comes in any case: who began before the change may still write a new entry by the old
    settings, which nobody sees yet.
    """
    if not MATTERING & changed.settings:
        return Impact()
    chosen = _speaking(changed.source_id, FIRST, settings=changed.settings)
    few = session.execute(chosen.limit(AT_ONCE + 1)).scalars().all()
    _ask(session, changed.source_id, change_id=changed.change_id)
    if len(few) > AT_ONCE:
        return None
    return _impact(session, [_fold(session, few, cause=changed.cause)], complete=True)


def foresee(session: Session, changed: Changed) -> Impact:
    """Which entries would change; the caller takes everything back.

    Of many, only those are looked at that are contested: precedence decides nothing else.
    """
    if not MATTERING & changed.settings:
        return Impact()
    chosen = _speaking(changed.source_id, FIRST, settings=changed.settings)
    ids = session.execute(chosen.limit(AT_ONCE + 1)).scalars().all()
    if len(ids) > AT_ONCE:
        disputed = _speaking(changed.source_id, FIRST, settings=changed.settings, contested=True)
        ids = session.execute(disputed.limit(LOOKED_AT + 1)).scalars().all()
    steps = [
        _fold(session, ids[start : start + STEP], cause=changed.cause)
        for start in range(0, min(len(ids), LOOKED_AT), STEP)
    ]
    return _impact(session, steps, complete=len(ids) <= LOOKED_AT)


def continue_refolds(database: Database, *, dry_run: bool = False, step: int = STEP) -> int:
    """Go on with all that waits to be folded again, step by step; how many entries were folded.

    What has to wait for others' transactions is left for the next time.
    """
    with database.reading() as session:
        waiting = sa.select(refold.c.id).where(refold.c.done_at.is_(None)).order_by(refold.c.id)
        ids = session.execute(waiting).scalars().all()
    return 0 if dry_run else sum(continue_refold(database, one, step=step) for one in ids)


def continue_refold(database: Database, refold_id: int, *, step: int = STEP) -> int:
    """Go on with one, until it is done or has to wait."""
    folded = 0
    while True:
        some = database.transact(lambda session: _step(session, refold_id, step=step))
        if some is None:
            return folded
        folded += some


def open_refold(session: Session, name: str) -> int | None:
    """What of a source waits to be folded again."""
    waiting = sa.select(refold.c.id).join(source, source.c.id == refold.c.source_id)
    open_one = waiting.where(source.c.name == name, refold.c.done_at.is_(None))
    found: int | None = session.execute(open_one).scalar_one_or_none()
    return found


def _ask(session: Session, source_id: int, *, change_id: int) -> None:
    """One waits for a source; a later change begins it again."""
    new = insert(refold).values(
        source_id=source_id, asked_at=sa.func.now(), folded=0, changed=0, change_id=change_id
    )
    begun = {"asked_at": sa.func.now(), "after_id": None, "folded": 0, "changed": 0}
    session.execute(
        new.on_conflict_do_update(
            index_elements=["source_id"],
            index_where=refold.c.done_at.is_(None),
            set_=begun | {"change_id": new.excluded.change_id},
        )
    )


def _step(session: Session, refold_id: int, *, step: int) -> int | None:
    """Fold some more; None when it is done, somebody else does it, or others have to end first."""
    session.execute(LONGER)
    oldest, own = (  # whoever has a number by now has a smaller one than ours
        sa.cast(sa.cast(number, sa.Text), sa.BigInteger)
        for number in (
            sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot()), sa.func.pg_current_xact_id()
        )
    )  # fmt: skip
    found = session.execute(
        sa.select(refold, oldest.label("oldest"), own.label("own"))
        .where(refold.c.id == refold_id, refold.c.done_at.is_(None))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    if found.after_id is None:  # first seen: who runs now may have read the old settings
        _note(session, refold_id, after_id=FIRST, xid=found.own)
        return 0
    if found.oldest < found.xid:
        return None
    ids = session.execute(_speaking(found.source_id, found.after_id).limit(step)).scalars().all()
    if not ids:
        _note(session, refold_id, done_at=sa.func.now())
        return None
    sources = list_sources(session)
    cause = Cause(ACTOR, sources[found.source_id].name, reason="settings of the source changed")
    outcome = _fold(session, ids, cause=cause)
    _note(session, refold_id, after_id=ids[-1], folded=refold.c.folded + len(ids),
          changed=refold.c.changed + len(outcome.changed))  # fmt: skip
    return len(ids)


def _note(session: Session, refold_id: int, **values: Any) -> None:
    session.execute(sa.update(refold).where(refold.c.id == refold_id).values(**values))


def _fold(session: Session, ids: Sequence[UUID], *, cause: Cause) -> Outcome:
    lock_entries(session, ids)
    return project(session, ids, sources=list_sources(session), cause=cause)


def _impact(session: Session, outcomes: Sequence[Outcome], *, complete: bool) -> Impact:
    changes = [change for outcome in outcomes for change in outcome.changes]
    shown = changes[:SHOWN]
    return Impact(
        entries=len({change.entry for change in changes}),
        changes=tuple(planned_changes(shown, names_of(session, shown))),
        complete=complete,
    )


def _speaking(
    source_id: int,
    after: UUID,
    *,
    settings: Collection[str] = MATTERING,
    contested: bool = False,
) -> sa.Select[Any]:
    """Entries that a source speaks of, in id order; of a change of ranks alone: not it alone.

    An index gives them in this order, so that a step reads no more than its part. Replaced entries
    keep what was last said of them, and are few.
    """
    spoken = sa.exists().where(
        sighting.c.subject_id == subject.c.id, sighting.c.source_id == source_id
    )
    said = sa.select(subject.c.entry_id.label("id")).where(subject.c.entry_id > after, spoken)
    if not PLACES & set(settings):
        said = said.where(_contested() if contested else _also_said())
    left = sa.select(decision.c.other_id).where(
        decision.c.op == "replaced", decision.c.other_id > after
    )
    every = sa.union_all(said, left).subquery("speaking")
    return sa.select(every.c.id).distinct().order_by(every.c.id)


def _also_said() -> sa.ColumnElement[bool]:
    """Something else is said of the same entry."""
    other, its = subject.alias("other"), sighting.alias("its")
    count = (
        sa.select(its.c.source_id)
        .join_from(other, its, its.c.subject_id == other.c.id)
        .where(other.c.entry_id == subject.c.entry_id)
        .offset(1)
        .limit(1)
    )
    return sa.exists(count)


def _contested() -> sa.ColumnElement[bool]:
    """Do statements about any field of it differ? Only then does precedence decide something."""
    return sa.or_(
        *(
            sa.exists().where(
                typed.c.id == subject.c.entry_id, typed.c.conflicts != sa.cast([], JSONB)
            )
            for typed in TYPED.values()
        )
    )
