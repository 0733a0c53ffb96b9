"""Records one batch: the route of an observation through identity, storage and the fold."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Identifier
from schemas.observation import Receipt, Refusal
from service.catalog.tables import SubjectRow
from service.catalog.write import Outcome
from service.errors import Conflict
from service.ingest import absence, identity, known, quarantine
from service.ingest.batch import Item, read_batch
from service.ingest.follow import referring
from service.ingest.harvests import OpenedHarvest, SourceDisabled, harvest
from service.ingest.identity import write_identity
from service.ingest.missed import tell_seen
from service.ingest.place import place
from service.ingest.project import project
from service.ingest.record import as_rows, record_stated
from service.ingest.resolve import Placement
from service.ingest.sources import SourceFacts, list_sources
from service.ingest.tables import ObservationRow, SeenRow, SightingRow
from service.ledger.change import Cause
from service.recordset import among, recordset

seen = SeenRow.__table__


class PushImplausible(Conflict):
    """One push would retire too much of what the source shows.

    Nothing was changed. Open a harvest and send it there: what is implausible is held back as a
    plan that people see. `held_back_count` and `held_back_share` of the source say how much is.
    """


@dataclass
class Recorded:
    """What one batch did."""

    receipt: Receipt
    outcome: Outcome
    subjects: dict[UUID, Identifier] = field(default_factory=dict)  # by which entries are named


def record_batch(  # noqa: PLR0913  # what a batch is
    session: Session,
    documents: Sequence[Any],
    *,
    source: SourceFacts,
    cause: Cause,
    opened: OpenedHarvest | None = None,
    again: bool = False,
    once: Collection[int] = (),
) -> Recorded:
    """Record every readable observation of a batch; refuse the others one by one.

    Costs a constant number of statements, whatever the size. Never commits: what the receipt
    counts is stored once the caller's transaction is. `again`: these stand in quarantine, and
    whoever tries them again sees to that. `once`: those that nobody may try again, by index.
    """
    items, refusals = read_batch(documents, source)
    sources = list_sources(session)
    placement = Placement(source)
    items = place(session, placement, items=items)
    refusals += placement.refused
    subjects = write_identity(session, placement, items=items, sources=sources, actor=cause.actor)
    said = [item for item in items if not item.observation.gone]
    rows = as_rows(said, subjects, source=source, harvest=opened.id if opened else None)
    moved, ahead = record_stated(session, rows)
    touched = identity.touched(placement, (i for i in said if subjects[i.subject] in moved))
    altered = _shown_again(session, rows, cause=cause) | absence.keep_below_gone(session, rows)
    altered |= _gone(session, items, subjects=subjects, source=source, opened=opened)
    touched |= entries_of(session, altered)
    if opened is not None:
        _mark_seen(session, opened, subjects={row["subject_id"]: None for row in rows})
        _mark_refused(session, opened, refusals=refusals)
    if not again:
        quarantine.settle(session, source, items=said)
        quarantine.keep(
            session, source, refusals=refusals, documents=documents, opened=opened, once=once
        )
    touched |= referring(session, identity.left(placement))
    outcome = project(session, touched, sources=sources, cause=cause)
    stored = sum(subjects.get(i.subject) in moved or i.observation.gone for i in items)
    receipt = _receipt(items, refusals, stored=stored, ahead=ahead)
    named = {e: item.subject for item in items if (e := placement.entry(item.subject))}
    recorded = Recorded(receipt, outcome, named)
    if opened is not None:
        count_batch(session, opened, recorded=recorded)
    return recorded


def _receipt(
    items: Sequence[Item], refusals: Iterable[Refusal], *, stored: int, ahead: int
) -> Receipt:
    refused = tuple(sorted(refusals, key=lambda refusal: refusal.index))
    return Receipt(recorded=stored, unchanged=len(items) - stored, refused=refused, ahead=ahead)


def push_batch(
    session: Session,
    source: SourceFacts,
    *,
    documents: Sequence[Any],
    cause: Cause,
    once: Collection[int] = (),
) -> Receipt:
    """Record a batch that belongs to no harvest. Raises `SourceDisabled`, `PushImplausible`."""
    if not source.enabled:
        raise SourceDisabled(source=source.name)
    _check_plausible(session, source, documents=documents)
    return record_batch(session, documents, source=source, cause=cause, once=once).receipt


def _check_plausible(session: Session, source: SourceFacts, *, documents: Sequence[Any]) -> None:
    """More than the source's number *and* share of its live subjects do not go by one push."""
    gone = sum(isinstance(one, Mapping) and one.get("gone") is True for one in documents)
    if gone <= source.held_back_count:
        return
    sighting = SightingRow.__table__
    live = sa.select(sa.func.count()).where(
        sighting.c.source_id == source.id, ~absence.is_gone(sighting)
    )
    if gone > source.held_back_share * session.execute(live).scalar_one():
        raise PushImplausible(source=source.name, gone=gone)


def _gone(
    session: Session,
    items: Sequence[Item],
    *,
    subjects: dict[Identifier, int],
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
        _mark_seen(session, opened, subjects=stored)
        return set()
    observation = ObservationRow.__table__
    chosen = sa.select(observation.c.id).where(among(observation.c.id, stored.values()))
    return absence.retire_asked(session, source.id, observations=chosen)


def _without_entry(session: Session, identifiers: set[Identifier]) -> dict[Identifier, int]:
    """Subjects of which it is only known that they are gone have no entry yet."""
    table = SubjectRow.__table__
    rows = [known.as_key(i) for i in sorted(identifiers, key=lambda i: (i.kind, i.scheme, i.value))]
    if not rows:
        return {}
    given = recordset(rows, **known.KEY)
    session.execute(
        insert(table).from_select([*known.KEY], sa.select(given)).on_conflict_do_nothing()
    )
    found = session.execute(
        sa.select(table.c.id, *table.c[*known.KEY]).join_from(
            given, table, known.is_subject(table, given)
        )
    )
    return {Identifier(kind=k, scheme=s, value=v): subject for subject, k, s, v in found}


def entries_of(session: Session, subjects: Iterable[int]) -> set[UUID]:
    """The entries that subjects belong to."""
    table = SubjectRow.__table__
    wanted = set(subjects)
    if not wanted:
        return set()
    rows = session.execute(
        sa.select(table.c.entry_id).where(among(table.c.id, wanted), table.c.entry_id.is_not(None))
    )
    return set(rows.scalars())


def _shown_again(session: Session, rows: Sequence[Mapping[str, Any]], *, cause: Cause) -> set[int]:
    """What was missed or gone, and is stated again; the ledger tells of what was missed."""
    back = absence.revive(session, rows)
    tell_seen(session, {one: since for one, since in back.items() if since}, cause=cause)
    return set(back)


def _mark_refused(session: Session, opened: OpenedHarvest, *, refusals: Iterable[Refusal]) -> None:
    """The source has it, whatever it says."""
    shown = [refused.subject for refused in refusals if refused.subject]
    mark_known_seen(session, opened, identifiers=shown)


def _mark_seen(
    session: Session, opened: OpenedHarvest, *, subjects: Mapping[int, int | None]
) -> None:
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
        set_={  # what it is told to be gone stays so, until the close looks which came last
            "observation_id": sa.func.coalesce(mark.excluded.observation_id, seen.c.observation_id)
        },
    ).returning(sa.literal_column("(xmax = 0)::int", sa.Integer))
    new = sum(session.execute(added).scalars())
    session.execute(
        sa.update(harvest).where(harvest.c.id == opened.id).values(seen=harvest.c.seen + new)
    )


def mark_known_seen(
    session: Session, opened: OpenedHarvest, *, identifiers: Iterable[Identifier]
) -> None:
    """The source shows these, whatever became of their records; as far as they are known."""
    subject, sighting = SubjectRow.__table__, SightingRow.__table__
    rows = [known.as_key(identifier) for identifier in set(identifiers)]
    if rows:
        given = recordset(rows, **known.KEY)
        own = sa.and_(
            sighting.c.subject_id == subject.c.id, sighting.c.source_id == opened.source.id
        )
        found = session.execute(
            sa.select(subject.c.id)
            .join_from(given, subject, known.is_subject(subject, given))
            .join(sighting, own)
        )
        _mark_seen(session, opened, subjects=dict.fromkeys(found.scalars()))


def count_batch(session: Session, opened: OpenedHarvest, *, recorded: Recorded) -> None:
    """Add what a batch did to the harvest's figures."""
    outcome, receipt = recorded.outcome, recorded.receipt
    session.execute(
        sa.update(harvest)
        .where(harvest.c.id == opened.id)
        .values(
            created=harvest.c.created + len(outcome.created),
            changed=harvest.c.changed + len(outcome.changed),
            unchanged=harvest.c.unchanged + receipt.unchanged,
            conflicts=harvest.c.conflicts + outcome.conflicts,
            refused=harvest.c.refused + len(receipt.refused),
            ahead=harvest.c.ahead + receipt.ahead,
        )
    )
