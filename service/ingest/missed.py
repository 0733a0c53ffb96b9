"""Tells the ledger when a source first missed something, and when it showed it again."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.strict import instant_text
from service.catalog.tables import Entry, SubjectRow
from service.ledger.change import Cause, Change, record_changes
from service.recordset import among

STEP: Final = 2_000  # ledger rows of one statement
FIELD: Final = "unseen_since"

entry, subject = Entry.__table__, SubjectRow.__table__


def tell_missed(
    session: Session, subjects: Iterable[int], *, since: datetime, cause: Cause
) -> None:
    """A row for each entry of which something was seen until now. Being missed again is no news."""
    _tell(session, dict.fromkeys(subjects, since), op="miss", cause=cause)


def tell_seen(session: Session, unseen: Mapping[int, datetime], *, cause: Cause) -> None:
    """A row for each entry of which something is shown again, with how long it was not seen."""
    _tell(session, unseen, op="see", cause=cause)


def _tell(session: Session, subjects: Mapping[int, datetime], *, op: str, cause: Cause) -> None:
    ids = sorted(subjects)
    for start in range(0, len(ids), STEP):
        part = ids[start : start + STEP]
        found = session.execute(
            sa.select(entry.c.id, entry.c.kind, sa.func.array_agg(subject.c.id))
            .join(subject, subject.c.entry_id == entry.c.id)
            .where(among(subject.c.id, part))
            .group_by(entry.c.id)
            .order_by(entry.c.id)
        )
        record_changes(session, list(_changes(found, subjects, op=op, cause=cause)))


def _changes(
    found: Iterable[Any],
    subjects: Mapping[int, datetime],
    *,
    op: str,
    cause: Cause,
) -> Iterator[Change]:
    for entry_id, kind, missed in found:
        since = instant_text(min(subjects[one] for one in missed))
        yield Change(
            op, kind, cause.actor, entry=entry_id, field=FIELD,
            old=since if op == "see" else None, new=since if op == "miss" else None,
            reason=cause.reason, request=cause.request, source=cause.source, harvest=cause.harvest,
        )  # fmt: skip
