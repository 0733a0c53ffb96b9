"""Writes identity down: subjects, entries, merges, replacements; locks what will change."""

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Identifier
from service.catalog.tables import Entry, SubjectRow
from service.db import Moved
from service.ingest.batch import Item
from service.ingest.decisions import record_decisions
from service.ingest.follow import referring
from service.ingest.known import KEY, as_key, stored_identifier
from service.ingest.lock import lock_entries
from service.ingest.placed import Placed
from service.ingest.resolve import Placement
from service.ingest.sources import SourceFacts
from service.ledger.change import Actor
from service.recordset import among, recordset

COMPARED = ("namespace", "natural_key", "numbered_by", "stub", "merged_into", "replaced_by")

entry_table, subject_table = Entry.__table__, SubjectRow.__table__


def write_identity(
    session: Session,
    placement: Placement,
    *,
    items: Iterable[Item],
    sources: Mapping[int, SourceFacts],
    actor: Actor,
) -> dict[Identifier, int]:
    """Write the plan in the one lock order: subjects, then entries; answers the subjects' ids.

    Raises `Moved` when another transaction changed what the plan rests on: the batch is rolled
    back and planned again.
    """
    placed = {i: e for i in placement.entry_of if (e := placement.entry(i)) is not None}
    subjects = _write_subjects(session, placement, placed=placed)
    gone = {item.subject for item in items if item.observation.gone}
    _lock_entries(session, placement, gone=gone)
    _check_unmoved(session, placement, subjects=subjects)
    homes = homes_of(session, (meeting.joins for meeting in placement.merges))
    _retire_replaced(session, placement)
    _write_entries(session, placement)
    record_decisions(
        session, placement, homes=homes, subjects=subjects, sources=sources, actor=actor
    )
    move_subjects(session, _moves(placement, homes=homes, placed=placed, subjects=subjects))
    merge_entries(session, {m.joins: placement.final(m.joins) for m in placement.merges})
    return subjects


def _write_subjects(
    session: Session, placement: Placement, *, placed: Mapping[Identifier, UUID]
) -> dict[Identifier, int]:
    """One sorted insert, so that two batches cannot wait for each other."""
    known = {i: k.subject_id for i, k in placement.known.items() if k.subject_id is not None}
    missing = sorted(placed.keys() - known.keys(), key=lambda i: (i.kind, i.scheme, i.value))
    if missing:
        given = recordset(
            [as_key(i) | {"entry_id": placed[i], "home_id": _bound(placement, i)} for i in missing],
            **KEY, entry_id=sa.Uuid(), home_id=sa.Uuid(),
        )  # fmt: skip
        statement = (
            insert(subject_table)
            .from_select([*KEY, "entry_id", "home_id"], sa.select(given))
            .on_conflict_do_nothing()
            .returning(subject_table.c.id, *(subject_table.c[name] for name in KEY))
        )
        for subject_id, kind, scheme, value in session.execute(statement):
            known[stored_identifier(kind, scheme, value=value)] = subject_id
        if not known.keys() >= set(missing):
            raise Moved
    return known


def _bound(placement: Placement, identifier: Identifier) -> UUID | None:
    """The home of a new identifier, where it is another one than its entry."""
    home = placement.homes.get(identifier)
    return home if home != placement.entry(identifier) else None


def left(placement: Placement) -> set[UUID]:
    """Entries that identifiers of the batch leave: who refers to them may mean another one now.

    Also those whose numbers another registry holds now: their versions are called otherwise.
    """
    gone = {meeting.joins for meeting in placement.merges}
    gone |= {replacement.old for replacement in placement.replaced}
    homes = {
        known.home
        for identifier, known in placement.known.items()
        if identifier in placement.entry_of and known.home != placement.entry(identifier)
    }
    renumbered = {
        entry
        for entry in placement.numbered.keys() - placement.begun.keys()
        if placement.entries[entry].numbered_by is not None
    }
    return {entry for entry in gone | homes | renumbered if entry is not None}


def _lock_entries(session: Session, placement: Placement, *, gone: Iterable[Identifier]) -> None:
    """Lock what the batch is about, and parents, whose names their children take.

    Raises `Moved` when one is not what it was.
    """
    leaving = left(placement)
    known = (
        {placement.entry(i) for i in (*placement.entry_of, *gone)}
        | leaving
        | placement.numbered.keys()
    )
    known |= {e for m in (*placement.merges, *placement.proposed) for e in (m.stays, m.joins)}
    known |= {placement.entry(named) for named in placement.parents}
    wanted = {e for e in known if e is not None} - placement.begun.keys()
    wanted |= referring(session, leaving)
    for now in map(Placed._make, lock_entries(session, wanted, read=Placed._fields)):
        was = placement.entries.get(now.id)
        if was and any(getattr(was, name) != getattr(now, name) for name in COMPARED):
            raise Moved


def _check_unmoved(
    session: Session, placement: Placement, *, subjects: Mapping[Identifier, int]
) -> None:
    """Between reading and locking, a merge, or its undoing, may have moved a subject.

    Also that of a parent, from which a version takes its name.
    """
    placed = placement.entry_of.keys() | placement.parents
    expected = {
        subjects[identifier]: known.home
        for identifier, known in placement.known.items()
        if identifier in placed and known.subject_id is not None
    }
    if not expected:
        return
    rows = session.execute(
        sa.select(subject_table.c.id, subject_table.c.entry_id).where(
            among(subject_table.c.id, expected)
        )
    )
    if any(expected[subject] != entry for subject, entry in rows):
        raise Moved


def homes_of(session: Session, entries: Iterable[UUID]) -> dict[int, UUID]:
    """Where the subjects of joining entries stand, so that un-merging restores them."""
    joining = set(entries)
    if not joining:
        return {}
    rows = session.execute(
        sa.select(subject_table.c.id, subject_table.c.entry_id).where(
            among(subject_table.c.entry_id, joining)
        )
    )
    return {row.id: row.entry_id for row in rows}


def _retire_replaced(session: Session, placement: Placement) -> None:
    """The old entry gives its name free before the new one takes it."""
    rows = [
        {"id": one.old, "replaced_by": placement.final(one.new)}
        for one in placement.replaced
        if one.retires
    ]
    if not rows:
        return
    given = recordset(rows, id=sa.Uuid(), replaced_by=sa.Uuid())
    session.execute(
        sa.update(entry_table)
        .where(entry_table.c.id == given.c.id)
        .values(replaced_by=given.c.replaced_by)
    )


def _write_entries(session: Session, placement: Placement) -> None:
    numbered = dict(placement.numbered)
    if placement.begun:
        rows = [
            {
                **{name: getattr(entry, name) for name in ("id", "kind", "namespace")},
                "natural_key": entry.natural_key,
                "numbered_by": numbered.pop(entry.id, None),
                "stub": not placement.describes(entry.id),
            }
            for entry in sorted(placement.begun.values(), key=_by_name)  # one order for all
        ]
        insert_entries(session, rows)
    if numbered:
        number_entries(session, numbered)


def _by_name(entry: Placed) -> tuple[str, str, UUID]:
    return entry.kind, entry.natural_key or "", entry.id


def insert_entries(session: Session, rows: Sequence[Mapping[str, object]]) -> None:
    """Begin entries. Raises `Moved` when one's natural key is taken."""
    given = recordset(
        rows, id=sa.Uuid(), kind=sa.Text(), namespace=sa.Text(), natural_key=sa.Text(),
        numbered_by=sa.Integer(), stub=sa.Boolean(),
    )  # fmt: skip
    columns = [*rows[0], "by_time", "first_seen_at", "last_changed_at"]
    values = sa.select(given, sa.false(), sa.func.now(), sa.func.now())
    written = session.execute(
        insert(entry_table)
        .from_select(columns, values)
        .on_conflict_do_nothing()
        .returning(entry_table.c.id)
    )
    if len(written.all()) != len(rows):
        raise Moved  # somebody took the natural key


def number_entries(session: Session, numbered: Mapping[UUID, int | None]) -> None:
    """Let a source's version numbers stand bare below each model."""
    rows = [{"id": entry, "source": numbered[entry]} for entry in sorted(numbered)]
    given = recordset(rows, id=sa.Uuid(), source=sa.Integer())
    session.execute(
        sa.update(entry_table)
        .where(entry_table.c.id == given.c.id)
        .values(numbered_by=given.c.source)
    )


def _moves(
    placement: Placement,
    *,
    homes: Mapping[int, UUID],
    placed: Mapping[Identifier, UUID],
    subjects: Mapping[Identifier, int],
) -> dict[int, tuple[UUID, bool]]:
    """Where subjects go, and whether they go there with their entry: then they keep their home."""
    moved = {subject: (placement.final(home), True) for subject, home in homes.items()}
    for identifier, known in placement.known.items():
        goes = placed.get(identifier, known.home)
        if known.subject_id is not None and goes is not None and goes != known.home:
            merged = known.home is not None and placement.final(known.home) == goes
            moved[subjects[identifier]] = goes, merged
    return moved


def move_subjects(session: Session, moved: Mapping[int, tuple[UUID, bool]]) -> None:
    """Give subjects their entry; those that go there with theirs keep their home."""
    if not moved:
        return
    rows = [
        {"id": subject, "entry_id": entry, "merged": merged}
        for subject, (entry, merged) in sorted(moved.items())
    ]
    given = recordset(rows, id=sa.BigInteger(), entry_id=sa.Uuid(), merged=sa.Boolean())
    kept = sa.func.coalesce(subject_table.c.home_id, subject_table.c.entry_id)
    session.execute(
        sa.update(subject_table)
        .where(subject_table.c.id == given.c.id)
        .values(entry_id=given.c.entry_id, home_id=sa.case((given.c.merged, kept)))
    )


def merge_entries(session: Session, pairs: Mapping[UUID, UUID]) -> None:
    """The younger entry points to the older one, and so does all that had merged into it."""
    if not pairs:
        return
    rows = [{"joins": joins, "stays": pairs[joins]} for joins in sorted(pairs)]
    given = recordset(rows, joins=sa.Uuid(), stays=sa.Uuid())
    joining = sa.or_(entry_table.c.id == given.c.joins, entry_table.c.merged_into == given.c.joins)
    session.execute(sa.update(entry_table).where(joining).values(merged_into=given.c.stays))


def touched(placement: Placement, items: Iterable[Item]) -> set[UUID]:
    """Entries whose fields may change with the batch."""
    entries = {e for item in items if (e := placement.entry(item.subject)) is not None}
    entries |= placement.begun.keys() | placement.numbered.keys()
    entries |= {placement.final(meeting.stays) for meeting in placement.merges}
    return entries | left(placement)
