"""What a source no longer shows: asked for by name and not there, or missing from its listings."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import SubjectRow
from service.ingest.record import KEY, STATED, sighted_at
from service.ingest.tables import (
    AbsenceRow,
    GoneRow,
    ObservationRow,
    ScopeRow,
    SeenRow,
    SightingRow,
)
from service.recordset import recordset

LEAST_ABSENCE: Final = timedelta(hours=24)  # however often a source is harvested
KEYED = {"source_id": sa.BigInteger(), "subject_id": sa.BigInteger()}
ABSENT = (*KEY, "harvests", "unseen_since", "gone_since")

absence, gone, sighting, scope, subject, seen, observation = (
    table.__table__
    for table in (AbsenceRow, GoneRow, SightingRow, ScopeRow, SubjectRow, SeenRow, ObservationRow)
)


def same_key(one: sa.FromClause, other: sa.FromClause) -> sa.ColumnElement[bool]:
    """The same subject of the same source."""
    return sa.and_(*(one.c[c] == other.c[c] for c in KEY))


def is_gone(stated: sa.FromClause) -> sa.ColumnElement[bool]:
    """A sighting (or a row with its key) whose subject is gone."""
    absent = absence.alias()  # the caller may select absences beside it
    return sa.exists().where(same_key(absent, stated), absent.c.gone_since.is_not(None))


def revive(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[int, datetime | None]:
    """What is stated again after it was missed, or said to be gone, is back.

    Answers its subjects, with since when they were not seen; None for those that were gone.
    """
    if not rows:
        return {}
    given = _keys(rows)
    shown = sa.and_(same_key(sighting, given), sighting.c.effective_at >= absence.c.unseen_since)
    back = sa.delete(absence).where(same_key(absence, given), shown)
    missed_only = sa.case((absence.c.gone_since.is_(None), absence.c.unseen_since))
    return {
        row.subject_id: row.since
        for row in session.execute(back.returning(absence.c.subject_id, missed_only.label("since")))
    }


def keep_below_gone(session: Session, rows: Sequence[Mapping[str, Any]]) -> set[int]:
    """What is stated late stays gone when it, or its model, was said to be gone after that."""
    if not rows:
        return set()
    return _retire(session, sa.select(*_keys(rows).c[*KEY]))


def _keys(rows: Sequence[Mapping[str, Any]]) -> sa.FromClause:
    """The rows' keys alone: what they state is long."""
    return recordset([{name: row[name] for name in KEYED} for row in rows], **KEYED)


def store_gone(session: Session, rows: Sequence[Mapping[str, Any]]) -> dict[int, int]:
    """Append what says that something is gone; answers subject → its newest such observation."""
    if not rows:
        return {}
    given = recordset(rows, **STATED)
    stored = insert(observation).from_select(list(STATED), sa.select(*given.c[*STATED]))
    session.execute(stored.on_conflict_do_nothing())
    same = sa.and_(*(observation.c[c] == given.c[c] for c in (*KEY, "observed_at", "digest")))
    found = session.execute(
        sa.select(observation.c.subject_id, observation.c.id)
        .join_from(given, observation, same)
        .order_by(observation.c.observed_at, observation.c.digest)
    )
    return {row.subject_id: row.id for row in found}


def retire_asked(session: Session, source: int, *, observations: sa.Select[Any]) -> set[int]:
    """Retire what observations (ids selected) say is not there; answers the subjects.

    A model that is gone takes its versions of that source with it. The newest word on a subject
    is kept, also when it was stated after that: what is stated late may be older than the word.
    """
    said_at = sa.func.least(observation.c.observed_at, observation.c.recorded_at)
    said = (
        sa.select(*observation.c[*KEY], said_at.label("said_at"))
        .where(observation.c.source_id == source, observation.c.id.in_(observations))
        .ext(distinct_on(*observation.c[*KEY]))
        .order_by(*observation.c[*KEY], said_at.desc())
    )
    word = insert(gone).from_select([*KEY, "said_at"], said)
    newest = word.on_conflict_do_update(
        index_elements=KEY,
        set_={"said_at": word.excluded.said_at},
        where=gone.c.said_at < word.excluded.said_at,
    )
    session.execute(newest)
    asked = sa.select(*observation.c[*KEY]).where(observation.c.id.in_(observations)).cte("asked")
    return _retire(session, sa.union(sa.select(asked), versions_below(asked)))


def versions_below(asked: sa.FromClause) -> sa.Select[Any]:
    """What the same source shows as versions of the models among some subjects."""
    child, parent = subject.alias("child"), subject.alias("parent")
    below = sa.and_(
        child.c.kind == Kind.VERSION,
        child.c.scheme == parent.c.scheme,
        child.c.value > parent.c.value + "/",
        child.c.value < parent.c.value + "0",  # the character after "/"
    )
    own = sa.and_(sighting.c.subject_id == child.c.id, sighting.c.source_id == asked.c.source_id)
    return (
        sa.select(*sighting.c[*KEY])
        .select_from(asked)
        .join(parent, sa.and_(parent.c.id == asked.c.subject_id, parent.c.kind == Kind.MODEL))
        .join(child, below)
        .join(sighting, own)
    )


def _retire(session: Session, chosen: sa.Select[Any] | sa.CompoundSelect[Any]) -> set[int]:
    """Set `gone_since` where the newest word on a subject came after all that states it."""
    asked = chosen.cte("retiring")
    word = sa.union_all(_own_word(asked), _word_on_model(asked)).cte("word")
    absent = absence.alias("absent")
    last = (
        sa.select(*word.c[*KEY], sa.literal(0), word.c.said_at, word.c.said_at.label("since"))
        .join_from(word, sighting, same_key(sighting, word))
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(absent, same_key(absent, sighting))
        .where(sighted_at(absent) < word.c.said_at)
        .ext(distinct_on(*word.c[*KEY]))
        .order_by(*word.c[*KEY], word.c.said_at.desc())
    )
    upsert = insert(absence).from_select(ABSENT, last)
    then = upsert.excluded
    retired = upsert.on_conflict_do_update(
        index_elements=KEY,
        set_={name: then[name] for name in ABSENT if name not in KEY},
        where=absence.c.gone_since.is_distinct_from(then.gone_since),
    )
    return set(session.execute(retired.returning(absence.c.subject_id)).scalars())


def _own_word(asked: sa.CTE) -> sa.Select[Any]:
    return sa.select(*gone.c[*KEY, "said_at"]).join_from(asked, gone, same_key(gone, asked))


def _word_on_model(asked: sa.CTE) -> sa.Select[Any]:
    """What was said of a version's model holds for the version too."""
    child, parent = subject.alias("child"), subject.alias("parent")
    above = sa.and_(
        parent.c.kind == Kind.MODEL,
        parent.c.scheme == child.c.scheme,
        parent.c.value == sa.func.regexp_replace(child.c.value, "/[^/]*$", ""),
    )
    of_model = sa.and_(gone.c.source_id == asked.c.source_id, gone.c.subject_id == parent.c.id)
    return (
        sa.select(*asked.c[*KEY], gone.c.said_at)
        .select_from(asked)
        .join(child, sa.and_(child.c.id == asked.c.subject_id, child.c.kind == Kind.VERSION))
        .join(parent, above)
        .join(gone, of_model)
    )


def live_in_scope(scope_id: int) -> sa.Select[Any]:
    """The live subjects that full harvests of a scope have seen."""
    return sa.select(sighting.c.source_id, sighting.c.subject_id).where(
        sighting.c.scope_id == scope_id, ~is_gone(sighting)
    )


def missed(scope_id: int, harvest: UUID) -> sa.Select[Any]:
    """The live subjects of a scope that an open harvest has not seen."""
    noted = seen.alias()
    here = sa.exists().where(
        noted.c.harvest_id == harvest, noted.c.subject_id == sighting.c.subject_id
    )
    return live_in_scope(scope_id).where(~here)
