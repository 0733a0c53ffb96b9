"""Sightings of a full sweep: which observations the service wants, which subjects are unseen."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.harvest import KnownSubject, SubjectPage
from schemas.identifiers import Identifier
from schemas.observation import Sighting, Wanted
from service.catalog.tables import SubjectRow
from service.ingest.absence import live_in_scope, missed, same_key
from service.ingest.harvests import OpenedHarvest, harvest
from service.ingest.known import KEY, as_key, is_subject
from service.ingest.tables import AbsenceRow, PlanRow, SeenRow, SightingRow
from service.recordset import recordset

PAGE: Final = 1_000

subject, sighting, absence, seen, plan = (
    table.__table__ for table in (SubjectRow, SightingRow, AbsenceRow, SeenRow, PlanRow)
)


def record_sightings(
    session: Session, opened: OpenedHarvest, *, sightings: Sequence[Sighting]
) -> Wanted:
    """Note what a sweep saw; answers the indices of those it should send.

    Wanted is what is new, what says something else than the current observation, and what was
    absent. The others are confirmed by this alone: nothing is written about them.
    """
    current = _compared(opened, sightings)
    marked = _marked(opened, current)
    marks = sa.select(sa.func.count()).select_from(marked).scalar_subquery()
    answer = session.execute(sa.select(current.c.i, current.c.confirmed, marks)).all()
    wanted = sorted(index for index, confirmed, _ in answer if not confirmed)
    new = answer[0][2] if answer else 0
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == opened.id)
        .values(
            seen=harvest.c.seen + new,
            unchanged=harvest.c.unchanged + new,  # a repeated request counts nothing twice
        )
    )
    return Wanted(wanted=tuple(wanted))


def _compared(opened: OpenedHarvest, sightings: Sequence[Sighting]) -> sa.CTE:
    """Each sighting with its subject, and whether what it would say is current and live."""
    rows = [
        {"i": index, **as_key(one.subject), "digest": one.digest}
        for index, one in enumerate(sightings)
    ]
    given = recordset(rows, i=sa.Integer(), **KEY, digest=sa.Text())
    own = sa.and_(sighting.c.subject_id == subject.c.id, sighting.c.source_id == opened.source.id)
    live = sa.and_(sighting.c.digest == given.c.digest, absence.c.subject_id.is_(None))
    confirmed = sa.or_(live, _planned(opened, given))
    return (
        sa.select(given.c.i, subject.c.id.label("subject_id"), confirmed.label("confirmed"))
        .select_from(given)
        .outerjoin(subject, is_subject(subject, given))
        .outerjoin(sighting, own)
        .outerjoin(absence, same_key(absence, sighting))
        .cte("current")
    )


def _marked(opened: OpenedHarvest, current: sa.CTE) -> sa.CTE:
    """Adds what is confirmed to the seen set; a row for each subject that was not yet in it."""
    mark = insert(seen).from_select(
        ["harvest_id", "subject_id"],
        sa.select(sa.literal(opened.id, sa.Uuid()), current.c.subject_id)
        .where(current.c.confirmed)
        .where(current.c.subject_id.is_not(None))
        .distinct()
        .order_by(current.c.subject_id),
    )
    return mark.on_conflict_do_nothing().returning(sa.literal(1).label("one")).cte("marked")


def _planned(opened: OpenedHarvest, given: sa.FromClause) -> sa.ColumnElement[bool]:
    """A dry run has already planned just this."""
    if not opened.dry_run:
        return sa.false()
    text = given.c.kind + ":" + given.c.scheme + ":" + given.c.value
    return sa.exists().where(
        plan.c.harvest_id == opened.id, plan.c.subject == text, plan.c.digest == given.c.digest
    )


def unseen_page(session: Session, opened: OpenedHarvest, *, after: int) -> SubjectPage:
    """The scope's live subjects that the sweep has not seen: to be asked for by name."""
    return _page(session, missed(opened.scope_id, opened.id), after=after)


def known_page(session: Session, opened: OpenedHarvest, *, after: int) -> SubjectPage:
    """All live subjects of the scope, so that what did not change is not fetched."""
    return _page(session, live_in_scope(opened.scope_id), after=after)


def _page(session: Session, chosen: sa.Select[Any], *, after: int) -> SubjectPage:
    columns = (subject.c.id, subject.c.kind, subject.c.scheme, subject.c.value)
    rows = session.execute(
        chosen.with_only_columns(*columns, sighting.c.digest, sighting.c.marker)
        .join(subject, subject.c.id == sighting.c.subject_id)
        .where(subject.c.id > after)
        .order_by(subject.c.id)
        .limit(PAGE + 1)
    ).all()
    more = len(rows) > PAGE
    return SubjectPage(
        subjects=tuple(
            KnownSubject(
                subject=Identifier(kind=row.kind, scheme=row.scheme, value=row.value),
                digest=row.digest,
                marker=row.marker,
            )
            for row in rows[:PAGE]
        ),
        next_page_token=str(rows[PAGE - 1].id) if more else None,
    )


def seen_count(session: Session, harvest_id: UUID) -> int:
    """How many subjects the seen set really holds."""
    count: int = session.execute(
        sa.select(sa.func.count()).select_from(seen).where(seen.c.harvest_id == harvest_id)
    ).scalar_one()
    return count


def saw_something(session: Session, opened: OpenedHarvest) -> bool:
    """Did the listing show anything? That something is gone was only asked for by name."""
    shown: sa.ColumnElement[bool] = sa.exists().where(
        seen.c.harvest_id == opened.id, seen.c.observation_id.is_(None)
    )
    if opened.dry_run:
        said = plan.c.document["gone"].astext.is_distinct_from("true")
        shown = sa.or_(shown, sa.exists().where(plan.c.harvest_id == opened.id, said))
    found: bool = session.execute(sa.select(shown)).scalar_one()
    return found
