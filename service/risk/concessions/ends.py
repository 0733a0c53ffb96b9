"""Ends what is over: waivers, exceptions, overrides and exemptions lapse, or a trigger ends them.

Each ends once: a clock that goes back brings none of them back.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, cast, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.policy_review import Trigger
from schemas.strict import instant_text
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.ledger.change import Change, record_changes
from service.recordset import among
from service.risk.acting import BY_CLOCK, SOFTWARE
from service.risk.concessions.machine import Sort
from service.risk.concessions.reading import IN_FORCE, of_models
from service.risk.decided_tables import (
    DecisionRow,
    ExemptionRow,
    RiskExceptionRow,
    TierOverrideRow,
    WaiverRow,
)
from service.risk.findings.opened import WantedFinding, open_findings
from service.risk.rules.active import read_policy
from service.risk.telling import announce_ended
from service.risk.tiers.override_rules import ends_down_override, triggers_at
from service.risk.tiers.rollup import NEGLIGIBLE
from service.risk.touch import touch

TABLES: Final[dict[Sort, sa.Table]] = {
    "waiver": WaiverRow.__table__,
    "exception": RiskExceptionRow.__table__,
    "override": TierOverrideRow.__table__,
    "exemption": ExemptionRow.__table__,
}
OVER: Final = "its time is over"
APPROVALS: Final = ("APPROVED", "APPROVED_WITH_CONDITIONS")
TRIGGERS: Final[frozenset[str]] = frozenset(get_args(Trigger))

entry, decision = Entry.__table__, DecisionRow.__table__
version: Final = TYPED[Kind.VERSION]


def lapse(session: Session, now: datetime) -> int:
    """Write down that the time of these is over; how many.

    The end of an exception that nothing took over from opens a finding. Their models are evaluated
    again at the end of the transaction.
    """
    ended = 0
    for sort, table in TABLES.items():
        over = sa.and_(table.c.state == IN_FORCE, table.c.expires_at <= now)
        rows = _end(session, table, where=over, state="LAPSED", why=OVER)
        _tell(session, sort, rows=rows, op="lapse")
        if sort == "exception":
            open_after_exceptions(session, [row.id for row in rows], now=now)
        ended += len(rows)
    return ended


def end_for_triggers(session: Session, models: Iterable[UUID], triggers: Collection[str]) -> int:  # noqa: PLR0917  # as its callers say it
    """End overrides to a lower tier and exemptions of these models; how many.

    Only triggers that the policy names for them end anything.
    """
    ids, told = set(models), cast("frozenset[Trigger]", TRIGGERS & set(triggers))
    if not ids or not told:
        return 0
    policy = read_policy(session).compiled
    mine = sa.select(entry.c.id).where(of_models(ids))
    ended = 0
    for sort, ending, only in (
        ("override", ends_down_override(policy), TABLES["override"].c.direction == "down"),
        ("exemption", triggers_at(policy, NEGLIGIBLE), sa.true()),
    ):
        if why := ", ".join(sorted(told & ending)):
            table = TABLES[cast("Sort", sort)]
            where = sa.and_(table.c.state == IN_FORCE, table.c.model_id.in_(mine), only)
            rows = _end(session, table, where=where, state="REVOKED", why=f"ended by {why}")
            _tell(session, cast("Sort", sort), rows=rows, op="end", reason=f"ended by {why}")
            ended += len(rows)
    return ended


def _end(
    session: Session, table: sa.Table, *, where: sa.ColumnElement[bool], state: str, why: str
) -> Sequence[Any]:
    """End what matches, once; answers the rows as they stand then, in the order of ids."""
    due = sa.select(table.c.id).where(where).order_by(table.c.id).with_for_update()
    ended = (
        sa.update(table)
        .where(table.c.id.in_(due), table.c.state == IN_FORCE)
        .values(state=state, ended_by=SOFTWARE, ended_at=sa.func.clock_timestamp(), end_reason=why)
        .returning(table.c.id, table.c.model_id, table.c.state, table.c.expires_at)
    )
    return sorted(session.execute(ended).all())


def _tell(
    session: Session, sort: Sort, *, rows: Sequence[Any], op: str, reason: str = OVER
) -> None:
    record_changes(session, [
        Change(op, sort, BY_CLOCK.actor, entry=row.model_id, field=str(row.id),
               old={"state": IN_FORCE, "expires_at": instant_text(row.expires_at)},
               new={"state": row.state}, reason=reason)
        for row in rows
    ])  # fmt: skip
    announce_ended(session, sort, rows=rows)
    touch(session, {row.model_id for row in rows})


def open_after_exceptions(session: Session, ended: Collection[UUID], *, now: datetime) -> None:
    """The finding that each leaves whose version is neither approved nor under another one."""
    if not ended:
        return
    table = TABLES["exception"]
    other = table.alias("other")
    again = sa.exists().where(
        other.c.version_id == table.c.version_id, other.c.state == IN_FORCE,
        other.c.expires_at > now,
    )  # fmt: skip
    last = (
        sa.select(decision.c.outcome)
        .where(decision.c.version_id == table.c.version_id)
        .order_by(decision.c.decided_at.desc(), decision.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(table.c.id, table.c.model_id, table.c.version_id, table.c.state, version.c.number)
        .join_from(table, version, version.c.id == table.c.version_id)
        .where(among(table.c.id, ended), ~again, sa.func.coalesce(last, "").not_in(APPROVALS))
        .order_by(table.c.id)
    )
    wanted = [_wanted(row) for row in rows]
    open_findings(session, wanted, cause=BY_CLOCK, now=now)


def _wanted(row: Any) -> WantedFinding:
    word = "lapsed" if row.state == "LAPSED" else "was revoked"
    return WantedFinding(
        model=row.model_id, version=row.version_id, source="exception",
        cause=f"exception:{row.version_id}", category="approval", severity="high",
        title=f"The exception of version {row.number} {word}, and nobody has approved it",
        description="Have the version approved, ask for another exception, or take it out of "
        "production.",
    )  # fmt: skip
