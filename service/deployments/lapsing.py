"""Decisions about deployments fall away: when their time is over, or when something else runs."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.catalog.view import bears_name
from service.db import Database
from service.deployments.deciding import FIELD, LINKING
from service.deployments.judging import running
from service.deployments.tables import DeploymentDecisionRow
from service.ingest.lock import lock_entries
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ledger.change import Actor, Cause, Change, record_changes
from service.people.pinning import hold_field
from service.people.pins import remove_pins
from service.recordset import among

STEP: Final = 200  # decisions of one transaction
ACTOR: Final = Actor("software", "expiry")
OVER: Final = "its time is over"
CHANGED: Final = "something else runs than what was decided about"
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")

decision, entry = DeploymentDecisionRow.__table__, Entry.__table__
deployment: Final = TYPED[Kind.DEPLOYMENT]


def end_decisions(database: Database, *, dry_run: bool = False, step: int = STEP) -> int:
    """End every decision that holds no more, step by step; how many.

    A link stands for what ran when it was made: its pin goes when that changes. Beside itself it
    does no harm: each decision ends once.
    """
    if dry_run:
        with database.reading() as session:
            due = sa.select(sa.func.count()).select_from(_due().subquery())
            return int(session.execute(due).scalar_one())
    ended = 0
    while some := database.transact(partial(_end_some, step=step)):
        ended += some
    return ended


def _due() -> sa.Select[Any]:
    """Standing decisions about what changed since, or whose time is over."""
    is_over = decision.c.expires_at <= sa.func.clock_timestamp()
    moved = sa.and_(
        decision.c.decision == "accept",
        decision.c.version_id.is_distinct_from(deployment.c.version_id),
    )
    changed = sa.or_(decision.c.running != running(), moved)
    why = sa.case((is_over, OVER), else_=CHANGED).label("why")
    return (
        sa.select(*decision.c["id", "entry_id", "decision"], why)
        .join_from(decision, deployment, deployment.c.id == decision.c.entry_id)
        .join(entry, sa.and_(entry.c.id == deployment.c.id, bears_name(entry)))
        .where(decision.c.ended_at.is_(None), sa.or_(is_over, changed))
    )


def _end_some(session: Session, *, step: int) -> int:
    """One step: entries first, in id order, as every batch locks them; then looked at again."""
    session.execute(LONGER)
    entries = session.execute(_due().order_by(decision.c.id).limit(step)).mappings().all()
    if not entries:
        return 0
    lock_entries(session, {one["entry_id"] for one in entries})
    due = _due().where(among(decision.c.id, [one["id"] for one in entries]))
    found = session.execute(due.order_by(decision.c.id)).mappings().all()
    _end(session, found)
    _unlink(session, found)
    return len(entries)


def _end(session: Session, found: Sequence[sa.RowMapping]) -> None:
    ids = [one["id"] for one in found]
    ended = sa.update(decision).where(among(decision.c.id, ids))
    session.execute(ended.values(ended_at=sa.func.clock_timestamp()))
    changes = [
        Change("expire", Kind.DEPLOYMENT, ACTOR, entry=one["entry_id"],
               old={"decision": one["decision"]}, reason=one["why"])
        for one in found
    ]  # fmt: skip
    record_changes(session, changes)


def _unlink(session: Session, found: Sequence[sa.RowMapping]) -> None:
    """The pins of links go, and what sources say holds again."""
    cause = Cause(ACTOR, reason=CHANGED)
    folded = set()
    for one in found:
        if one["decision"] in LINKING:
            held = hold_field(session, Kind.DEPLOYMENT, entry=one["entry_id"], field=FIELD)
            if held.pins:
                remove_pins(session, held, cause=cause)
                folded.add(held.entry)
    if folded:
        project(session, folded, sources=list_sources(session), cause=cause)
