"""Findings as the software sees them: opened, open again when an accepted risk is over, read.

It never closes one: a control that passes again leaves it to people.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.strict import instant_text
from service.catalog.tables import Entry
from service.db import Timestamp
from service.ledger.change import Cause, Change, record_changes
from service.recordset import among, recordset
from service.risk.acting import BY_CLOCK
from service.risk.decided_tables import FindingRow
from service.risk.findings.machine import ENDED, due_in
from service.risk.telling import announce_findings
from service.risk.touch import touch

finding, entry = FindingRow.__table__, Entry.__table__
KIND: Final = "finding"
INCIDENT: Final = "incident"
OVER: Final = "the time for which its risk was accepted is over"
COLUMNS: Final[Mapping[str, Any]] = {
    "id": sa.Uuid(), "model_id": sa.Uuid(), "version_id": sa.Uuid(), "source": sa.Text(),
    "cause": sa.Text(), "category": sa.Text(), "severity": sa.Text(), "state": sa.Text(),
    "title": sa.Text(), "description": sa.Text(), "opened_by": sa.Text(), "opened_at": Timestamp,
    "original_due": Timestamp, "due_at": Timestamp, "extensions": sa.Integer(),
}  # fmt: skip


class WantedFinding(NamedTuple):
    """What has to be mended, and what it is one finding of: that opens no second one."""

    model: UUID
    version: UUID | None
    source: str
    cause: str
    category: str
    severity: str
    title: str
    description: str


class Opened(NamedTuple):
    """A finding that was opened now, and when it is due."""

    id: UUID
    due_at: datetime
    wanted: WantedFinding


def open_findings(
    session: Session, wanted: Sequence[WantedFinding], *, cause: Cause, now: datetime
) -> list[Opened]:
    """Open those of whose cause none is open yet, with their ledger rows; answers these.

    A constant number of statements, however many. Each is overdue once its time is over: whoever
    calls it has its model evaluated again then.
    """
    unique = {(one.model, one.cause): one for one in wanted}
    if not unique:
        return []
    found = {uuid7(): unique[key] for key in sorted(unique, key=str)}
    given = recordset([_row(at, one, cause=cause, now=now) for at, one in found.items()], **COLUMNS)
    columns = {name: given.c[name] for name in COLUMNS} | {
        "evidence": sa.literal([], finding.c.evidence.type),
        "valid_from": sa.func.now(),
    }
    new = insert(finding).from_select([*columns], sa.select(*columns.values()))
    kept = new.on_conflict_do_nothing(
        index_elements=["model_id", "cause"],
        index_where=sa.text("state NOT IN ('CLOSED', 'WITHDRAWN')"),
    )
    ids = session.execute(kept.returning(finding.c.id)).scalars().all()
    opened = [Opened(one, now + due_in(found[one].severity), found[one]) for one in sorted(ids)]
    record_changes(session, [_told(one, cause=cause) for one in opened])
    announce_findings(session, opened)
    return opened


def _row(at: UUID, one: WantedFinding, *, cause: Cause, now: datetime) -> dict[str, Any]:
    due = instant_text(now + due_in(one.severity))
    return {
        "id": str(at), "model_id": str(one.model),
        "version_id": str(one.version) if one.version else None,
        "source": one.source, "cause": one.cause, "category": one.category,
        "severity": one.severity, "state": "OPEN", "title": one.title,
        "description": one.description, "opened_by": cause.actor.id,
        "opened_at": instant_text(now), "original_due": due, "due_at": due, "extensions": 0,
    }  # fmt: skip


def _told(one: Opened, *, cause: Cause) -> Change:
    wanted = one.wanted
    new = {"state": "OPEN", "source": wanted.source, "cause": wanted.cause,
           "category": wanted.category, "severity": wanted.severity,
           "due_at": instant_text(one.due_at)}  # fmt: skip
    return Change(
        "open", KIND, cause.actor, entry=wanted.model, field=str(one.id), new=new,
        reason=cause.reason, request=cause.request, source=cause.source, harvest=cause.harvest,
    )  # fmt: skip


def end_acceptances(session: Session, *, now: datetime) -> int:
    """What was accepted until now is open again; how many. A clock that goes back ends none twice.

    They are due when they were before: mostly at once.
    """
    over = sa.select(finding.c.id).where(
        finding.c.state == "RISK_ACCEPTED", finding.c.accepted_until <= now
    )
    rows = session.execute(
        sa.update(finding)
        .where(finding.c.id.in_(over.order_by(finding.c.id).with_for_update()))
        .values(state="OPEN", accepted_until=None, accepted_by=None)
        .returning(finding.c.id, finding.c.model_id)
    ).all()
    record_changes(session, [
        Change("expire", KIND, BY_CLOCK.actor, entry=row.model_id, field=str(row.id),
               old={"state": "RISK_ACCEPTED"}, new={"state": "OPEN"}, reason=OVER)
        for row in sorted(rows)
    ])  # fmt: skip
    touch(session, {row.model_id for row in rows})
    return len(rows)


def red_signals(session: Session, models: Iterable[UUID]) -> set[UUID]:
    """Those of the models with a severe incident that nobody has closed, merged ones included."""
    return set(session.execute(
        sa.select(_home())
        .join_from(finding, entry, entry.c.id == finding.c.model_id)
        .where(_of(models), finding.c.category == INCIDENT, finding.c.severity == "high",
               finding.c.state.not_in(sorted(ENDED)))
    ).scalars())  # fmt: skip


def read_finding_snapshot(
    session: Session, models: Iterable[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """What controls read of findings: a risk that is accepted is due when that is over."""
    due = sa.func.greatest(finding.c.due_at, finding.c.accepted_until)
    closed = finding.c.state.in_(sorted(ENDED))
    rows = session.execute(
        sa.select(_home().label("home"), finding.c.id, closed.label("closed"), due.label("due_at"),
                  finding.c.extensions)
        .join_from(finding, entry, entry.c.id == finding.c.model_id)
        .where(_of(models))
        .order_by(finding.c.opened_at, finding.c.id)
    )  # fmt: skip
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row.home].append({"id": str(row.id), "closed": row.closed, "due_at": row.due_at,
                                "extensions": row.extensions})  # fmt: skip
    return found


def _home() -> sa.ColumnElement[UUID]:
    """The model that a finding's model is, or was merged into."""
    return sa.func.coalesce(entry.c.merged_into, entry.c.id)


def _of(models: Iterable[UUID]) -> sa.ColumnElement[bool]:
    ids = set(models)
    return sa.or_(among(entry.c.id, ids), among(entry.c.merged_into, ids)) & _is_home(ids)


def _is_home(ids: set[UUID]) -> sa.ColumnElement[bool]:
    """What was merged away counts for the one it went into."""
    return sa.or_(entry.c.merged_into.is_(None), among(entry.c.merged_into, ids))
