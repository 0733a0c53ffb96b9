"""Records one batch: the route of an observation through identity, storage and the fold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.observation import Receipt, Refusal
from service.catalog.tables import SubjectRow
from service.catalog.write import Outcome
from service.ingest import absence, identity, quarantine, resolve
from service.ingest.batch import Item, read_batch
from service.ingest.harvests import OpenedHarvest, harvest
from service.ingest.project import Cause, project
from service.ingest.record import as_rows, record_stated
from service.ingest.sources import SourceFacts, list_sources
from service.ingest.tables import ObservationRow, SeenRow, SightingRow
from service.recordset import recordset

seen = SeenRow.__table__


@dataclass
class Recorded:
    """What one batch did."""

    receipt: Receipt
    outcome: Outcome
    subjects: dict[UUID, Identifier] = field(default_factory=dict)  # by which entries are named


def record_batch(
    session: Session,
    documents: Sequence[Any],
    *,
    source: SourceFacts,
    cause: Cause,
    opened: OpenedHarvest | None = None,
) -> Recorded:
    """Record every readable observation of a batch; refuse the others one by one.

    Costs a constant number of statements, whatever the size. Never commits: what the receipt
    counts is stored once the caller's transaction is.
    """
    items, refusals = read_batch(documents, source)
    placement = resolve.Placement(source)
    items = _place(session, placement, items)
    refusals += placement.refused
    subjects = identity.write_identity(session, placement, actor=cause.actor)
    said = [item for item in items if not item.observation.gone]
    rows = as_rows(said, subjects, source=source, harvest=opened.id if opened else None)
    moved = record_stated(session, rows)
    touched = identity.touched(placement, (i for i in said if subjects[i.subject] in moved))
    altered = absence.revive(session, rows) | absence.keep_below_gone(session, rows)
    altered |= _gone(session, items, subjects, source=source, opened=opened)
    touched |= entries_of(session, altered)
    if opened is not None:
        _mark_seen(session, opened, {row["subject_id"]: None for row in rows})
    quarantine.settle(session, source, said)
    quarantine.keep(session, source, refusals, documents, harvest=cause.harvest)
    outcome = project(session, touched, sources=list_sources(session), cause=cause)
    recorded = sum(1 for item in items if subjects.get(item.subject) in moved or item.observation.gone)
    receipt = Receipt(
        recorded=recorded,
        unchanged=len(items) - recorded,
        refused=tuple(sorted(refusals, key=lambda refusal: refusal.index)),
    )
    if opened is not None:
        _count(session, opened, receipt, outcome)
    named = {e: item.subject for item in items if (e := placement.entry(item.subject))}
    return Recorded(receipt, outcome, named)


def _place(session: Session, placement: resolve.Placement, items: Sequence[Item]) -> list[Item]:
    """Give every observation its entry: models first, since versions are numbered below them."""
    mentioned = {item.index: item.observation.mentioned() for item in items}
    resolve.read_known(
        session,
        placement,
        (i for item in items for i in (*item.claims, *mentioned[item.index])),
    )
    items = _may_mention(placement, items, mentioned)
    first = [item for item in items if item.subject.kind is not Kind.VERSION]
    resolve.read_live(session, placement, first)
    placed = [item for item in first if item.observation.gone or placement.place(item)]
    versions = [item for item in items if item.subject.kind is Kind.VERSION]
    placement.refer(i for item in versions for i in mentioned[item.index])
    versions = [placement.number(item) for item in versions]
    resolve.read_known(session, placement, (i for item in versions for i in item.claims))
    resolve.read_live(session, placement, versions)
    placed += [item for item in versions if item.observation.gone or placement.place(item)]
    placement.refer(i for item in placed for i in mentioned[item.index])
    return sorted(placed, key=lambda item: item.index)


def _may_mention(
    placement: resolve.Placement,
    items: Iterable[Item],
    mentioned: Mapping[int, Sequence[Identifier]],
) -> list[Item]:
    """A mention of what nobody described creates a stub, which takes the right to name it."""
    allowed = []
    for item in items:
        foreign = [
            identifier
            for identifier in mentioned[item.index]
            if resolve.is_natural(identifier)
            and placement.known[identifier].entry is None
            and not placement.source.may_claim(identifier)
        ]
        if not foreign:
            allowed.append(item)
            continue
        placement.refused.append(
            Refusal(
                index=item.index,
                subject=item.subject,
                pointer="/facts",
                code="namespace_not_allowed",
                message=f"{foreign[0].value} is not known, and source {placement.source.name} may "
                "not create it; an admin can add its namespace to the source's may_name",
            )
        )
    return allowed


def _gone(
    session: Session,
    items: Sequence[Item],
    subjects: dict[Identifier, int],
    *,
    source: SourceFacts,
    opened: OpenedHarvest | None,
) -> set[int]:
    """What is gone: at once when pushed; in a harvest when it closes, if it is plausible."""
    gone = [item for item in items if item.observation.gone]
    if not gone:
        return set()
    unplaced = {item.subject for item in gone} - subjects.keys()
    subjects |= _without_entry(session, unplaced)
    rows = as_rows(gone, subjects, source=source, harvest=opened.id if opened else None)
    stored = absence.store_gone(session, rows)
    if opened is not None:
        _mark_seen(session, opened, stored)
        return set()
    observation = ObservationRow.__table__
    chosen = sa.select(observation.c.id).where(observation.c.id.in_(sorted(stored.values())))
    return absence.retire_asked(session, source.id, chosen)


def _without_entry(session: Session, identifiers: set[Identifier]) -> dict[Identifier, int]:
    """Subjects of which it is only known that they are gone have no entry yet."""
    table = SubjectRow.__table__
    rows = [
        {"kind": i.kind, "scheme": i.scheme, "value": i.value}
        for i in sorted(identifiers, key=lambda i: (i.kind, i.scheme, i.value))
    ]
    if not rows:
        return {}
    given = recordset(rows, kind=sa.Text(), scheme=sa.Text(), value=sa.Text())
    session.execute(
        insert(table).from_select(list(rows[0]), sa.select(given)).on_conflict_do_nothing()
    )
    same = (table.c[name] == given.c[name] for name in rows[0])
    found = session.execute(
        sa.select(table.c.id, *(table.c[name] for name in rows[0])).join_from(
            given, table, sa.and_(*same)
        )
    )
    return {Identifier(kind=k, scheme=s, value=v): subject for subject, k, s, v in found}


def entries_of(session: Session, subjects: Iterable[int]) -> set[UUID]:
    """The entries that subjects belong to."""
    table = SubjectRow.__table__
    wanted = sorted(set(subjects))
    if not wanted:
        return set()
    rows = session.execute(
        sa.select(table.c.entry_id).where(table.c.id.in_(wanted), table.c.entry_id.is_not(None))
    )
    return set(rows.scalars())


def _mark_seen(session: Session, opened: OpenedHarvest, subjects: Mapping[int, int | None]) -> None:
    """Add to what the harvest saw, and to its count: their difference betrays a lost table."""
    if not subjects:
        return
    rows = [{"subject_id": s, "observation_id": o} for s, o in sorted(subjects.items())]
    given = recordset(rows, subject_id=sa.BigInteger(), observation_id=sa.BigInteger())
    mark = insert(seen).from_select(
        ["harvest_id", "subject_id", "observation_id"],
        sa.select(sa.literal(opened.id, sa.Uuid()), given.c.subject_id, given.c.observation_id),
    )
    added = mark.on_conflict_do_update(
        index_elements=["harvest_id", "subject_id"],
        set_={"observation_id": mark.excluded.observation_id},
    ).returning(sa.literal_column("(xmax = 0)::int"))
    new = sum(session.execute(added).scalars())
    session.execute(
        sa.update(harvest).where(harvest.c.id == opened.id).values(seen=harvest.c.seen + new)
    )


def mark_known_seen(
    session: Session,
    source: SourceFacts,
    opened: OpenedHarvest,
    identifiers: Iterable[Identifier],
) -> None:
    """A dry run saw these, as far as the catalog knows them."""
    table, known = SubjectRow.__table__, SightingRow.__table__
    rows = [{"kind": i.kind, "scheme": i.scheme, "value": i.value} for i in set(identifiers)]
    if rows:
        given = recordset(rows, kind=sa.Text(), scheme=sa.Text(), value=sa.Text())
        same = (table.c[name] == given.c[name] for name in rows[0])
        found = session.execute(
            sa.select(table.c.id)
            .join_from(given, table, sa.and_(*same))
            .join(known, sa.and_(known.c.subject_id == table.c.id, known.c.source_id == source.id))
        )
        _mark_seen(session, opened, dict.fromkeys(found.scalars()))


def _count(session: Session, opened: OpenedHarvest, receipt: Receipt, outcome: Outcome) -> None:
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == opened.id)
        .values(
            created=harvest.c.created + len(outcome.created),
            changed=harvest.c.changed + len(outcome.changed),
            unchanged=harvest.c.unchanged + receipt.unchanged,
            conflicts=harvest.c.conflicts + outcome.conflicts,
            refused=harvest.c.refused + len(receipt.refused),
        )
    )
