"""Counts what speaks against what owners attest: one statement for many models."""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, Link
from service.catalog.typed import TYPED
from service.recordset import among
from service.risk.concessions.ends import APPROVALS
from service.risk.decided_tables import (
    AttestationRow,
    ConditionRow,
    DecisionRow,
    FindingRow,
    ReviewRow,
    RiskExceptionRow,
    WaiverRow,
)
from service.risk.findings.machine import ENDED
from service.risk.tables import ControlResultRow, ModelRiskRow

entry, link = Entry.__table__, Link.__table__
attestation, finding, review, condition, waiver, exception, decision, result, standing = (
    table.__table__
    for table in (
        AttestationRow, FindingRow, ReviewRow, ConditionRow, WaiverRow, RiskExceptionRow,
        DecisionRow, ControlResultRow, ModelRiskRow,
    )
)  # fmt: skip
model, version, use, deployment, owner = (
    TYPED[kind] for kind in (Kind.MODEL, Kind.VERSION, Kind.USE, Kind.DEPLOYMENT, Kind.OWNER)
)
OVER: Final = ("DECIDED", "CANCELLED", "SUPERSEDED")
Number = sa.ColumnElement[Any]


def read_signals(session: Session, models: Iterable[UUID]) -> dict[UUID, Mapping[str, int]]:
    """By code, how many there are of each; models of which nothing is known have none."""
    ids = set(models)
    counted = {code: number.label(code) for code, number in SIGNALS.items()}
    rows = session.execute(
        sa.select(entry.c.id, *counted.values())
        .join_from(entry, model, model.c.id == entry.c.id)
        .where(among(entry.c.id, ids))
    ).mappings()
    return {row["id"]: {code: int(row[code] or 0) for code in counted} for row in rows}


def last_attested() -> sa.ScalarSelect[Any]:
    """When a model was attested last; NULL: never."""
    return (
        sa.select(sa.func.max(attestation.c.attested_at))
        .where(attestation.c.model_id == entry.c.id)
        .correlate(entry)
        .scalar_subquery()
    )


def _count(of: sa.FromClause, *where: sa.ColumnElement[bool], what: Any = None) -> Number:
    """How many rows of one table."""
    counted = sa.func.count() if what is None else sa.func.count(sa.distinct(what))
    query = sa.select(counted).select_from(of).where(*where)
    return query.correlate(entry, model).scalar_subquery()


def _one(condition: sa.ColumnElement[bool]) -> Number:
    return sa.case((condition, 1), else_=0)


def _findings(*where: sa.ColumnElement[bool]) -> Number:
    still_open = finding.c.state.not_in(sorted(ENDED))
    return _count(finding, finding.c.model_id == entry.c.id, still_open, *where)


def _since(of: sa.FromClause) -> sa.ColumnElement[bool]:
    """First seen after the last attestation; without one, nothing is."""
    return sa.func.coalesce(of.c.first_seen_at > last_attested(), sa.false())


def _said() -> dict[str, Number]:
    """By what sources say."""
    its = entry.alias("its")
    interval = sa.func.make_interval(0, 0, 0, sa.cast(model.c.monitoring_interval_days, sa.Integer))
    late = model.c.last_monitored_at + interval < sa.func.now()
    live = sa.and_(its.c.id == use.c.id, its.c.gone_since.is_(None), its.c.merged_into.is_(None))
    live_uses = use.join(its, live)
    deployed = deployment.join(version, version.c.id == deployment.c.version_id).join(
        its, its.c.id == deployment.c.id
    )
    of_use, of_version = use.c.model_id == entry.c.id, version.c.model_id == entry.c.id
    purposeless = sa.func.coalesce(use.c.purpose, "") == ""
    return {
        "gone": _one(entry.c.gone_since.is_not(None)),
        "contested": sa.func.jsonb_array_length(model.c.conflicts),
        "uses_without_purpose": _count(live_uses, of_use, purposeless),
        "uses_since": _count(live_uses, of_use, _since(its)),
        "versions_since": _count(deployed, of_version, _since(its), what=version.c.id),
        "monitoring_late": _one(sa.func.coalesce(late, sa.false())),
        "no_limitations": _one(~model.c.provenance.has_key("limitations")),
        "owners_gone": _owners_gone(),
        "owners_contested": _one(model.c.conflicts.has_key("owners")),
    }


def _decided() -> dict[str, Number]:
    """By what people decided, and what was computed."""
    now = sa.func.now()
    risk = sa.select(standing.c.review_state).where(standing.c.model_id == entry.c.id)
    restricted = risk.correlate(entry).scalar_subquery() == "RESTRICTED"
    past_due = sa.func.greatest(finding.c.due_at, finding.c.accepted_until) <= now
    return {
        "reviews_overdue": _count(
            review, review.c.model_id == entry.c.id, review.c.state.not_in(OVER),
            review.c.due_at <= now,
        ),
        "performance_findings": _findings(finding.c.category == "performance"),
        "restricted": _one(sa.func.coalesce(restricted, sa.false())),
        "conditions_unmet": _count(
            condition, condition.c.model_id == entry.c.id, condition.c.state == "OPEN",
            condition.c.due_at <= now,
        ),
        "exceptions_ended": _exceptions_ended(now),
        "waivers_lapsed": _waivers_lapsed(now),
        "controls_failing": _count(
            result, result.c.model_id == entry.c.id, result.c.result == "FAIL",
            result.c.severity == "high",
        ),
        "findings_past_due": _findings(past_due),
        "incidents_open": _findings(finding.c.category == "incident"),
    }  # fmt: skip


def _exceptions_ended(now: Number) -> Number:
    """Versions whose exception is over, with no other one and no approval."""
    other = exception.alias("other")
    holds = sa.exists(
        sa.select(1)
        .select_from(other)
        .where(other.c.version_id == exception.c.version_id, other.c.state == "IN_FORCE",
               other.c.expires_at > now)
        .correlate(exception)
    )  # fmt: skip
    approved = sa.exists(
        sa.select(1)
        .select_from(decision)
        .where(decision.c.version_id == exception.c.version_id, decision.c.outcome.in_(APPROVALS))
        .correlate(exception)
    )
    mine = sa.and_(exception.c.model_id == entry.c.id, exception.c.granted_at.is_not(None))
    return _count(exception, mine, ~holds, ~approved, what=exception.c.version_id)


def _waivers_lapsed(now: Number) -> Number:
    """Whose time is over, while their control is open without them."""
    over = sa.or_(
        waiver.c.state == "LAPSED",
        sa.and_(waiver.c.state == "IN_FORCE", waiver.c.expires_at <= now),
    )
    found = sa.and_(result.c.model_id == waiver.c.model_id, result.c.control == waiver.c.control)
    still_open = result.c.result.in_(("FAIL", "UNKNOWN"))
    both = waiver.join(result, found)
    return _count(both, waiver.c.model_id == entry.c.id, over, still_open, what=waiver.c.control)


def _owners_gone() -> Number:
    linked = link.join(owner, owner.c.id == link.c.target_id)
    return _count(linked, link.c.entry_id == entry.c.id, link.c.field == "owners",
                  owner.c.active.is_(False))  # fmt: skip


SIGNALS: Final[Mapping[str, Number]] = _said() | _decided()
