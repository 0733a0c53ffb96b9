"""Writes identity down: subjects, new entries, merges, replacements; then locks what will change."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from schemas.identifiers import Identifier
from service.catalog.tables import Entry, SubjectRow
from service.db import Moved
from service.ingest.batch import Item
from service.ingest.resolve import Meeting, Placement
from service.ingest.tables import IdentityDecision
from service.ledger.change import Actor, Change, record_changes
from service.recordset import recordset

KEY = {"kind": sa.Text(), "scheme": sa.Text(), "value": sa.Text()}


def write_identity(session: Session, placement: Placement, *, actor: Actor) -> dict[Identifier, int]:
    """Write the plan in the one lock order: subjects, then entries; answers the subjects' ids.

    Raises `Moved` when another transaction placed one of the identifiers meanwhile: the batch is
    rolled back and planned again.
    """
    subjects = _write_subjects(session, placement)
    _retire_replaced(session, placement)
    _write_entries(session, placement)
    _lock_entries(session, placement)
    _check_unmoved(session, placement, subjects)
    _decide(session, placement, subjects, actor=actor)
    return subjects


def _write_subjects(session: Session, placement: Placement) -> dict[Identifier, int]:
    """One sorted insert, so that two batches cannot wait for each other."""
    placed = {i: e for i in placement.entry_of if (e := placement.entry(i)) is not None}
    known = {i: k.subject_id for i, k in placement.known.items() if k.subject_id is not None}
    table = SubjectRow.__table__
    missing = sorted(placed.keys() - known.keys(), key=lambda i: (i.kind, i.scheme, i.value))
    if missing:
        given = recordset(
            [{**_key(i), "entry_id": placed[i]} for i in missing], **KEY, entry_id=sa.Uuid()
        )
        statement = (
            insert(table)
            .from_select([*KEY, "entry_id"], sa.select(given))
            .on_conflict_do_nothing()
            .returning(table.c.id, *(table.c[name] for name in KEY))
        )
        for subject_id, kind, scheme, value in session.execute(statement):
            known[Identifier(kind=kind, scheme=scheme, value=value)] = subject_id
        if not known.keys() >= set(missing):
            raise Moved
    moved = [
        {"id": known[identifier], "entry_id": entry}
        for identifier, entry in placed.items()
        if identifier in placement.known and placement.known[identifier].entry != entry
    ]
    if moved:
        given = recordset(moved, id=sa.BigInteger(), entry_id=sa.Uuid())
        session.execute(
            sa.update(table).where(table.c.id == given.c.id).values(entry_id=given.c.entry_id)
        )
    return known


def _key(identifier: Identifier) -> dict[str, str]:
    return {"kind": identifier.kind, "scheme": identifier.scheme, "value": identifier.value}


def _retire_replaced(session: Session, placement: Placement) -> None:
    """The old entry gives its name free before the new one takes it."""
    rows = [
        {"id": old, "replaced_by": new}
        for old, (new, retires) in placement.replaced.items()
        if retires
    ]
    if not rows:
        return
    table = Entry.__table__
    given = recordset(rows, id=sa.Uuid(), replaced_by=sa.Uuid())
    session.execute(
        sa.update(table).where(table.c.id == given.c.id).values(replaced_by=given.c.replaced_by)
    )


def _write_entries(session: Session, placement: Placement) -> None:
    table = Entry.__table__
    if placement.begun:
        rows = [
            {
                **{name: getattr(entry, name) for name in ("id", "kind", "namespace")},
                "natural_key": entry.natural_key,
                "numbered_by": entry.numbered_by,
                "stub": True,
            }
            for entry in sorted(placement.begun.values())
        ]
        given = recordset(
            rows, id=sa.Uuid(), kind=sa.Text(), namespace=sa.Text(), natural_key=sa.Text(),
            numbered_by=sa.Integer(), stub=sa.Boolean(),
        )  # fmt: skip
        columns = [*rows[0], "by_time", "first_seen_at", "last_changed_at"]
        values = sa.select(given, sa.false(), sa.func.now(), sa.func.now())
        written = session.execute(
            insert(table)
            .from_select(columns, values)
            .on_conflict_do_nothing()
            .returning(table.c.id)
        )
        if len(written.all()) != len(rows):
            raise Moved  # somebody took the natural key
    numbered = sorted(placement.numbered - placement.begun.keys())
    if numbered:
        session.execute(
            sa.update(table)
            .where(table.c.id.in_(numbered), table.c.numbered_by.is_(None))
            .values(numbered_by=placement.source.id)
        )


def _lock_entries(session: Session, placement: Placement) -> None:
    """In id order; `FOR NO KEY UPDATE` lets others refer to these entries meanwhile."""
    table = Entry.__table__
    entries = {e for i in placement.entry_of if (e := placement.entry(i)) is not None}
    entries |= {meeting.joins for meeting in placement.merges} | placement.replaced.keys()
    session.execute(
        sa.select(table.c.id)
        .where(table.c.id.in_(sorted(entries)))
        .order_by(table.c.id)
        .with_for_update(key_share=True)
    )


def _check_unmoved(
    session: Session, placement: Placement, subjects: dict[Identifier, int]
) -> None:
    """Between reading and locking, a merge may have moved a subject."""
    expected = {subjects[i]: placement.entry(i) for i in placement.entry_of}
    table = SubjectRow.__table__
    rows = session.execute(
        sa.select(table.c.id, table.c.entry_id).where(table.c.id.in_(sorted(expected)))
    )
    if any(expected[subject] != entry for subject, entry in rows):
        raise Moved


def _decide(
    session: Session,
    placement: Placement,
    subjects: dict[Identifier, int],
    *,
    actor: Actor,
) -> None:
    """Record merges, proposals and replacements as decisions, each with its ledger row."""
    rows: list[dict[str, Any]] = []
    changes: list[Change] = []
    homes = _homes(session, [meeting.joins for meeting in placement.merges])
    for op, meetings in (("merge", placement.merges), ("proposed", placement.proposed)):
        for meeting in meetings:
            decided = homes.get(meeting.joins, {}) if op == "merge" else {}
            rows.append(_decision(op, meeting, decided, placement))
            changes.append(_change(op, meeting, placement, actor=actor))
    for old, (new, _) in placement.replaced.items():
        rows.append(
            {"op": "replaced", "entry_id": new, "other_id": old, "homes": {}, "evidence": {}}
        )
        changes.append(
            Change(
                "replace", placement.placed(new).kind, actor, entry=old, new=str(new),
                source=placement.source.name,
            )  # fmt: skip
        )
    if not rows:
        return
    ids = record_changes(session, changes)
    for row, change_id in zip(rows, ids, strict=True):
        row |= {"source_id": placement.source.id, "change_id": change_id}
    types = {
        "op": sa.Text(), "entry_id": sa.Uuid(), "other_id": sa.Uuid(), "homes": JSONB(),
        "evidence": JSONB(), "source_id": sa.BigInteger(), "change_id": sa.BigInteger(),
    }  # fmt: skip
    given = recordset(rows, **types)
    chosen = sa.select(*(given.c[name] for name in types))
    session.execute(sa.insert(IdentityDecision.__table__).from_select(list(types), chosen))
    _merge(session, placement.merges)


def _decision(
    op: str, meeting: Meeting, homes: dict[str, str], placement: Placement
) -> dict[str, Any]:
    said = meeting.because
    return {
        "op": op,
        "entry_id": meeting.stays,
        "other_id": meeting.joins,
        "homes": homes,
        "evidence": {
            "source": placement.source.name,
            "subject": said.subject.model_dump(mode="json"),
            "same_as": [claim.model_dump(mode="json") for claim in said.claims],
            "digest": said.digest,
        },
    }


def _change(op: str, meeting: Meeting, placement: Placement, *, actor: Actor) -> Change:
    return Change(
        op,
        placement.placed(meeting.stays).kind,
        actor,
        entry=meeting.joins,
        new=str(meeting.stays),
        source=placement.source.name,
        observation={
            "subject": meeting.because.subject.model_dump(mode="json"),
            "digest": meeting.because.digest,
        },
    )


def _homes(session: Session, joining: Sequence[UUID]) -> dict[UUID, dict[str, str]]:
    """Where the subjects of the joining entries are at home, so that un-merging restores them."""
    if not joining:
        return {}
    table = SubjectRow.__table__
    rows = session.execute(
        sa.select(table.c.entry_id, table.c.id).where(table.c.entry_id.in_(joining))
    )
    homes: dict[UUID, dict[str, str]] = {}
    for entry, subject in rows:
        homes.setdefault(entry, {})[str(subject)] = str(entry)
    return homes


def _merge(session: Session, merges: Iterable[Meeting]) -> None:
    """The younger entry points to the older one; its subjects move, nothing is lost."""
    rows = [{"joins": meeting.joins, "stays": meeting.stays} for meeting in merges]
    if not rows:
        return
    given = recordset(rows, joins=sa.Uuid(), stays=sa.Uuid())
    subject, entry = SubjectRow.__table__, Entry.__table__
    session.execute(
        sa.update(subject)
        .where(subject.c.entry_id == given.c.joins)
        .values(entry_id=given.c.stays)
    )
    session.execute(
        sa.update(entry).where(entry.c.id == given.c.joins).values(merged_into=given.c.stays)
    )


def touched(placement: Placement, items: Iterable[Item]) -> set[UUID]:
    """Entries whose fields may change with the batch."""
    entries = {e for item in items if (e := placement.entry(item.subject)) is not None}
    entries |= placement.stubs & placement.begun.keys()
    entries |= {e for m in placement.merges for e in (m.stays, m.joins)}
    return entries | placement.replaced.keys()
