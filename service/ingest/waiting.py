"""What waits in quarantine, as people look at it: lists, one item, the pages of a plan."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlmodel import Session

from schemas.quarantine import PlannedEntry, QuarantineFilters, QuarantineRow
from service.catalog.keyset import Keyset
from service.catalog.rows import API
from service.catalog.sorting import Key
from service.catalog.tables import SubjectRow
from service.errors import Conflict, NotFound
from service.ingest import tables

LONGEST: Final = 65_536  # characters of a payload
IN_LISTS: Final = 2_000
COLUMNS: Final = (
    "id", "what", "subject", "pointer", "code", "message", "times", "first_at", "last_at",
    "harvest_id", "harvester_version", "retriable", "resolution", "resolved_at", "resolved_by",
    "reason",
)  # fmt: skip

item, source, held_entry, held_subject, subject = (
    table.__table__
    for table in (
        tables.QuarantineRow, tables.SourceRow, tables.HeldEntryRow, tables.HeldSubjectRow,
        SubjectRow,
    )
)  # fmt: skip
NEWEST: Final = (Key(item.c.last_at, descending=True), Key(item.c.id, descending=True))
BY_NAME: Final = (Key(held_entry.c.name), Key(held_entry.c.entry_id))


class ItemNotFound(NotFound):
    """Nothing in quarantine has this number.

    `GET /api/v1/quarantine` lists what waits; what was resolved is shown for 90 days.
    """


class NotHeldBack(Conflict):
    """This item is a refused record, and no harvest that was held back.

    `POST /api/v1/quarantine/{item}:retry` tries it again, `:drop` forgets it.
    """


def quarantined(asked: QuarantineFilters) -> Keyset:
    """What is refused or held back, the newest first; open items unless others are asked for."""
    query = _select(IN_LISTS)
    if len(set(asked.state)) == 1:
        is_open = item.c.resolved_at.is_(None)
        query = query.where(is_open if "open" in asked.state else ~is_open)
    if asked.source is not None:
        query = query.where(source.c.name.in_(asked.source))
    if asked.code is not None:
        query = query.where(item.c.code.in_(asked.code))
    if asked.what is not None:
        query = query.where(item.c.what.in_(asked.what))
    return Keyset(query, NEWEST, _row)


def get_item(session: Session, item_id: int) -> QuarantineRow:
    """One item, open or resolved. Raises `ItemNotFound`."""
    query = _select(LONGEST).where(item.c.id == item_id)
    found = session.execute(query).mappings().one_or_none()
    if found is None:
        raise ItemNotFound(item=item_id)
    return _row(found)


def plan_of(session: Session, item_id: int) -> Keyset:
    """The entries that a plan concerns, by name, with each field that would change.

    Raises `ItemNotFound`, `NotHeldBack`.
    """
    if get_item(session, item_id).plan is None:
        raise NotHeldBack(item=item_id)
    query = sa.select(
        *held_entry.c["entry_id", "kind", "name", "changes"], _subjects().label("subjects")
    ).where(held_entry.c.quarantine_id == item_id)
    return Keyset(query, BY_NAME, _entry)


def _subjects() -> sa.ScalarSelect[Any]:
    """The identifiers of an entry that the plan retires."""
    named = subject.c.kind + ":" + subject.c.scheme + ":" + subject.c.value
    why = sa.case((held_subject.c.observation_id.is_(None), "missed"), else_="gone")
    one = sa.func.jsonb_build_object(
        "subject", named, "why", why, "since", held_subject.c.since, type_=JSONB
    )
    return (
        sa.select(sa.func.jsonb_agg(aggregate_order_by(one, subject.c.id), type_=JSONB))
        .join_from(held_subject, subject, subject.c.id == held_subject.c.subject_id)
        .where(
            held_subject.c.quarantine_id == held_entry.c.quarantine_id,
            held_subject.c.entry_id == held_entry.c.entry_id,
        )
        .correlate(held_entry)
        .scalar_subquery()
    )


def _select(longest: int) -> sa.Select[Any]:
    return sa.select(
        *item.c[COLUMNS], item.c.plan.op("-", return_type=JSONB)("digest").label("plan"),
        sa.func.left(item.c.payload, longest).label("payload"), source.c.name.label("source"),
    ).join_from(item, source, source.c.id == item.c.source_id)  # fmt: skip


def _row(row: sa.RowMapping) -> QuarantineRow:
    names = QuarantineRow.model_fields.keys() - {"url"}
    members = {name: row[name] for name in names}
    return QuarantineRow.model_validate(members | {"url": f"{API}/quarantine/{row['id']}"})


def _entry(row: sa.RowMapping) -> PlannedEntry:
    return PlannedEntry.model_validate(
        {
            "entry": row["entry_id"], "kind": row["kind"], "name": row["name"],
            "subjects": row["subjects"] or (), "changes": row["changes"],
        }
    )  # fmt: skip
