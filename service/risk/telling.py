"""Tells other systems of findings that were opened and of concessions that ended."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.events import EventType
from schemas.strict import instant_text
from service.catalog.tables import Entry
from service.outgoing.outbox import Event, announce
from service.recordset import among

entry = Entry.__table__
Data = Mapping[str, Any]


class Ended(NamedTuple):
    """A concession that somebody ended."""

    id: UUID
    model_id: UUID
    state: str
    expires_at: datetime


class About(NamedTuple):
    """Something about a model that happened, and what is said of it."""

    model: UUID
    data: Data


def announce_findings(session: Session, opened: Sequence[Any]) -> None:
    """Announce what `open_findings` has opened. Three statements, none without findings."""
    _announce(session, map(_finding, opened), event=EventType.FINDING_OPENED)


def announce_ended(session: Session, what: str, *, rows: Sequence[Any]) -> None:
    """Announce waivers, exceptions, overrides or exemptions that ended: rows of their table.

    Three statements, none without rows.
    """

    def ended(row: Any) -> About:
        data = {"what": what, "id": str(row.id), "state": row.state,
                "expires_at": instant_text(row.expires_at)}  # fmt: skip
        return About(row.model_id, data)

    _announce(session, map(ended, rows), event=EventType.CONCESSION_ENDED)


def _finding(one: Any) -> About:
    wanted = one.wanted
    data = {"finding": str(one.id), "severity": wanted.severity,
            "due_at": instant_text(one.due_at)}  # fmt: skip
    return About(wanted.model, data)


def _announce(session: Session, happened: Iterable[About], *, event: EventType) -> None:
    told = list(happened)
    if not told:
        return
    models = among(entry.c.id, {one.model for one in told})
    rows = session.execute(sa.select(*entry.c["id", "natural_key", "namespace"]).where(models))
    named = {row.id: row for row in rows}
    announce(session, [
        Event(str(event), named[one.model].natural_key or str(one.model),
              named[one.model].namespace, one.model, one.data)
        for one in told
    ])  # fmt: skip
