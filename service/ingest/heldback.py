"""Holds back what a harvest would retire: a plan of whom it concerns, and what would change."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.digest import sha256
from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.catalog.tables import Entry, SubjectRow
from service.db import Timestamp
from service.ingest import absence
from service.ingest.harvests import OpenedHarvest
from service.ingest.project import project
from service.ingest.quarantine import readable
from service.ingest.sources import list_sources
from service.ingest.tables import (
    AbsenceRow,
    HeldEntryRow,
    HeldSubjectRow,
    QuarantineRow,
    SeenRow,
    SightingRow,
)
from service.ledger.change import RISK, Cause, Change, record_changes
from service.ledger.tables import ChangeRow
from service.recordset import among, recordset

STEP: Final = 500  # entries that are folded at once
ROWS: Final = 5_000  # of a plan that one statement stores
HELD: Final = "held_back"
SUBJECTS: Final = {
    "subject_id": sa.BigInteger(), "entry_id": sa.Uuid(), "observation_id": sa.BigInteger(),
    "since": Timestamp, "digest": sa.Text(), "effective_at": Timestamp,
}  # fmt: skip
ENTRIES: Final = {"entry_id": sa.Uuid(), "changes": JSONB()}

absent, change, entry, held_entry, held_subject, item, seen, sighting, subject = (
    table.__table__
    for table in (
        AbsenceRow, ChangeRow, Entry, HeldEntryRow, HeldSubjectRow, QuarantineRow, SeenRow,
        SightingRow, SubjectRow,
    )
)  # fmt: skip


class Retiring(NamedTuple):
    """Subjects that a harvest would retire: said to be gone, and missed too often.

    `said` selects the observations that say so.
    """

    gone: frozenset[int]
    missed: frozenset[int]
    said: sa.Select[Any]

    @property
    def every(self) -> frozenset[int]:
        """Both."""
        return self.gone | self.missed


class Planned(NamedTuple):
    """What would come of it: subjects that would be gone, and what changes, by entry."""

    subjects: list[dict[str, Any]]
    changes: dict[UUID, list[dict[str, Any]]]

    @property
    def entries(self) -> set[UUID]:
        """Whom it concerns."""
        return {one["entry_id"] for one in self.subjects if one["entry_id"]} | self.changes.keys()


def hold_back(session: Session, opened: OpenedHarvest, *, retiring: Retiring, cause: Cause) -> None:
    """Keep what would be retired, with every field that would change. Locks come before.

    A newer plan of the scope replaces the older one; the same picture again is the same plan.
    """
    picture = _picture(session, opened, subjects=retiring.every)
    standing = _standing(session, opened)
    if standing is not None and standing.plan["digest"] == picture:
        again = {"times": item.c.times + 1, "last_at": sa.func.now(), "harvest_id": opened.id}
        session.execute(sa.update(item).where(item.c.id == standing.id).values(again))
        return
    planned = _plan(session, opened, retiring=retiring, cause=cause)
    settle_plans(session, opened, resolution="superseded")
    _store(session, opened, planned=planned, picture=picture, cause=cause)


def settle_plans(session: Session, opened: OpenedHarvest, *, resolution: str = "settled") -> None:
    """A plan of the scope is overtaken: its head stays to be seen, its details are let go."""
    over = (
        sa.update(item)
        .where(*_open_plans(opened))
        .values(resolved_at=sa.func.now(), resolution=resolution)
        .returning(item.c.id)
    )
    forget_details(session, session.execute(over).scalars().all())


def forget_details(session: Session, plans: Sequence[int]) -> None:
    """Let go of whom plans concerned."""
    if plans:
        for table in (held_entry, held_subject):
            session.execute(sa.delete(table).where(among(table.c.quarantine_id, plans)))


def fold_entries(
    session: Session, entries: Iterable[UUID], *, cause: Cause
) -> dict[UUID, list[dict[str, Any]]]:
    """Fold entries again, some at a time, and write them; answers what changed, by entry."""
    left, sources = sorted(entries), list_sources(session)
    found: dict[UUID, list[dict[str, Any]]] = {}
    for start in range(0, len(left), STEP):
        part = project(session, left[start : start + STEP], sources=sources, cause=cause)
        for one in part.changes:
            if one.entry is not None:
                told = {"field": one.field or one.op, "old": one.old, "new": one.new}
                found.setdefault(one.entry, []).append(told)
    return found


def _open_plans(opened: OpenedHarvest) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        item.c.source_id == opened.source.id,
        item.c.what == HELD,
        item.c.resolved_at.is_(None),
        item.c.plan["scope"].astext == opened.scope,
    )


def _standing(session: Session, opened: OpenedHarvest) -> sa.Row[Any] | None:
    query = sa.select(item.c.id, item.c.plan).where(*_open_plans(opened)).with_for_update()
    return session.execute(query).first()


def _picture(session: Session, opened: OpenedHarvest, *, subjects: Iterable[int]) -> str:
    """A digest of whom it concerns and how they stand; times of the harvest itself are left out."""
    text = sa.func.concat_ws(
        " ", sighting.c.subject_id, sighting.c.digest, sighting.c.effective_at,
        subject.c.entry_id, _newest_change(subject.c.entry_id),
    )  # fmt: skip
    ordered = sa.func.string_agg(text, sa.text("E'\\n' ORDER BY sighting.subject_id"))
    found = session.execute(
        sa.select(sa.func.md5(sa.func.coalesce(ordered, "")))
        .select_from(sighting)
        .join(subject, subject.c.id == sighting.c.subject_id)
        .where(sighting.c.source_id == opened.source.id, among(sighting.c.subject_id, subjects))
    )
    return str(found.scalar_one())


def _newest_change(of_entry: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    newest = sa.select(sa.func.max(change.c.id)).where(
        change.c.entry_id == of_entry, change.c.kind.not_in(RISK)
    )
    return sa.func.coalesce(newest.scalar_subquery(), 0)


def _plan(session: Session, opened: OpenedHarvest, *, retiring: Retiring, cause: Cause) -> Planned:
    """Do it, look what came of it, take it back."""
    with session.begin_nested() as savepoint:
        absence.retire_asked(session, opened.source.id, observations=retiring.said)
        overdue = (
            sa.update(absent)
            .where(absent.c.source_id == opened.source.id)
            .where(among(absent.c.subject_id, retiring.missed), absent.c.gone_since.is_(None))
        )
        session.execute(overdue.values(gone_since=opened.opened_at))
        subjects = _retired(session, opened, subjects=retiring.every)
        entries = {one["entry_id"] for one in subjects if one["entry_id"]}
        changes = fold_entries(session, entries, cause=cause)
        savepoint.rollback()
    return Planned(subjects, changes)


def _retired(
    session: Session, opened: OpenedHarvest, *, subjects: Iterable[int]
) -> list[dict[str, Any]]:
    """Those that are gone now, by whose word, and the sighting that they have."""
    rows = session.execute(
        sa.select(
            subject.c.id.label("subject_id"), subject.c.entry_id,
            _word(opened).label("observation_id"), absent.c.gone_since.label("since"),
            *sighting.c["digest", "effective_at"],
        )
        .join_from(sighting, subject, subject.c.id == sighting.c.subject_id)
        .join(absent, absence.same_key(absent, sighting))
        .where(sighting.c.source_id == opened.source.id, among(sighting.c.subject_id, subjects))
        .where(absent.c.gone_since.is_not(None))
        .order_by(subject.c.id)
    )  # fmt: skip
    return [dict(row) for row in rows.mappings()]


def _word(opened: OpenedHarvest) -> sa.ColumnElement[int]:
    """The observation of the harvest that says a subject is gone, or its model."""
    parent = subject.alias("parent")
    above = sa.and_(
        subject.c.kind == Kind.VERSION,
        parent.c.kind == Kind.MODEL,
        parent.c.scheme == subject.c.scheme,
        parent.c.value == sa.func.regexp_replace(subject.c.value, "/[^/]*$", ""),
    )
    on_model = sa.select(parent.c.id).where(above).correlate(subject).scalar_subquery()
    words = (
        sa.select(seen.c.observation_id)
        .where(seen.c.harvest_id == opened.id, seen.c.subject_id == name)
        .correlate(subject)
        .scalar_subquery()
        for name in (subject.c.id, on_model)
    )
    found: sa.ColumnElement[int] = sa.func.coalesce(*words)
    return found


def _store(
    session: Session, opened: OpenedHarvest, *, planned: Planned, picture: str, cause: Cause
) -> None:
    head = _head(opened, planned)
    values = {
        "source_id": opened.source.id, "harvest_id": opened.id, "what": HELD, "pointer": "",
        "code": "implausible",
        "message": f"harvest of {opened.scope} would retire {len(planned.subjects)} subjects "
        "at once",
        "digest": sha256(f"{HELD} {opened.id}"), "payload": readable(head), "retriable": False,
        "times": 1, "first_at": sa.func.now(), "last_at": sa.func.now(),
        "plan": head | {"digest": picture},
    }  # fmt: skip
    stored = session.execute(sa.insert(item).values(values).returning(item.c.id)).scalar_one()
    times = ("since", "effective_at")
    subjects = [
        one | {name: instant_text(one[name]) for name in times}
        for one in planned.subjects
        if one["entry_id"]
    ]
    for start in range(0, len(subjects), ROWS):
        given = recordset(subjects[start : start + ROWS], **SUBJECTS)
        chosen = sa.select(sa.literal(stored, sa.BigInteger), given)
        columns = ["quarantine_id", *SUBJECTS]
        session.execute(sa.insert(held_subject).from_select(columns, chosen))
    _store_entries(session, stored, planned=planned)
    record_changes(session, [as_decided("hold_back", stored, head=head, cause=cause)])


def _store_entries(session: Session, plan: int, *, planned: Planned) -> None:
    """Each entry with its name and its newest ledger row: if there is a newer one, it has moved."""
    known = sa.func.min(subject.c.scheme + ":" + subject.c.value)
    said = sa.select(known).where(subject.c.entry_id == entry.c.id).scalar_subquery()
    name = sa.func.coalesce(entry.c.natural_key, said, sa.cast(entry.c.id, sa.Text))
    ids = sorted(planned.entries)
    for start in range(0, len(ids), ROWS):
        rows = [
            {"entry_id": one, "changes": planned.changes.get(one, [])}
            for one in ids[start : start + ROWS]
        ]
        given = recordset(rows, **ENTRIES)
        chosen = sa.select(
            sa.literal(plan, sa.BigInteger), entry.c.id, entry.c.kind, name,
            _newest_change(entry.c.id), given.c.changes,
        ).join_from(given, entry, entry.c.id == given.c.entry_id)  # fmt: skip
        columns = ["quarantine_id", "entry_id", "kind", "name", "after_change", "changes"]
        session.execute(sa.insert(held_entry).from_select(columns, chosen))


def _head(opened: OpenedHarvest, planned: Planned) -> dict[str, Any]:
    """What is told of a plan without its details."""
    gone = sum(one["observation_id"] is not None for one in planned.subjects)
    retired = sum(
        any(told["field"] == "gone_since" for told in changes)
        for changes in planned.changes.values()
    )
    return {
        "scope": opened.scope, "coverage": opened.coverage.value,
        "opened_at": instant_text(opened.opened_at),
        "gone": gone, "missed": len(planned.subjects) - gone,
        "entries": len(planned.entries), "retired": retired,
        "changed": len(planned.changes) - retired,
    }  # fmt: skip


def as_decided(op: str, plan: int, *, head: dict[str, Any], cause: Cause) -> Change:
    """The ledger row of what became of an item in quarantine."""
    return Change(
        op, "quarantine", cause.actor, new={"id": plan, **head}, reason=cause.reason,
        request=cause.request, source=cause.source, harvest=cause.harvest,
    )  # fmt: skip
