"""What the review state of a version follows from at the moment, and that state."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY
from service.exports.cells import UNKNOWN
from service.exports.review.decided import home_of, newest_of
from service.exports.review.reading import Reading
from service.exports.review.used import counted_uses
from service.exports.statement import Value
from service.risk.decided_tables import ConditionRow, ReviewRow, RiskExceptionRow
from service.risk.reviews.content import has_digest
from service.risk.reviews.plan import weakest
from service.risk.reviews.rows import UNMET
from service.risk.reviews.state import APPROVALS, REFUSED, Case, Held, version_state
from service.risk.tables import ModelRiskRow

CONDITION, REVIEW, EXCEPTION, RISK = (
    table.__table__ for table in (ConditionRow, ReviewRow, RiskExceptionRow, ModelRiskRow)
)
VERSION: Final = TYPED[Kind.VERSION]
CLOSED: Final = ("DECIDED", "CANCELLED", "SUPERSEDED")
TRIGGERED: Final = "TRIGGERED"
IN_FORCE: Final = "IN_FORCE"
NOTHING: Final = sa.cast([], JSONB)


def cases_of(reading: Reading) -> sa.Subquery:
    """Of each version of a rated model a document: `of` which, and everything that decides."""
    version, homes = reading.at(VERSION).alias("its"), reading.homes
    risk = reading.at(RISK).alias("its_model")
    decided, opened, granted, uses = (
        of(reading) for of in (_decisions, _open_reviews, _exceptions, _uses)
    )
    live = risk.c.live.has_key(sa.cast(version.c.id, sa.Text))
    members: dict[str, Any] = {
        "workflow_tier": risk.c.workflow_tier,
        "in_use": sa.case((live, risk.c.in_production), else_=sa.false()),
        "blocked": risk.c.blocked,
        "grace_end": risk.c.review_grace_end,
        "digests": sa.func.coalesce(version.c.digests, NOTHING),
        "uses": sa.func.coalesce(uses.c.uses, NOTHING),
        "decisions": sa.func.coalesce(decided.c.said, NOTHING),
        "exceptions": sa.func.coalesce(granted.c.said, NOTHING),
        "triggered_at": opened.c.triggered_at,
        "review_open": sa.func.coalesce(opened.c.of.is_not(None), sa.false()),
        "overdue": sa.func.coalesce(opened.c.overdue, sa.false()),
    }
    return (
        sa.select(version.c.id.label("of"), _object(members).label("document"))
        .select_from(version)
        .join(homes, homes.c.id == version.c.model_id)
        .join(risk, risk.c.model_id == homes.c.home)
        .outerjoin(uses, uses.c.of == homes.c.home)
        .outerjoin(decided, decided.c.of == version.c.id)
        .outerjoin(opened, opened.c.of == version.c.id)
        .outerjoin(granted, granted.c.of == version.c.id)
        .subquery()
    )


def _object(members: Mapping[str, Any]) -> Value:
    named: list[Any] = []
    for name, value in members.items():
        named += [sa.literal(name, sa.Text), value]
    return sa.func.jsonb_build_object(*named, type_=JSONB)


def _decisions(reading: Reading) -> sa.Subquery:
    """The newest about each version and use, and is a condition of it not met in time?"""
    newest, condition = newest_of(reading, "version_id", "use_id"), reading.at(CONDITION)
    late = sa.exists().where(
        condition.c.decision_id == newest.c.id,
        condition.c.state.in_(UNMET),
        condition.c.due_at <= reading.now,
    )
    named = ("outcome", "use_id", "decided_at", "version_digest")
    one = _object({name: newest.c[name] for name in named} | {"unmet": late})
    return (
        sa.select(newest.c.version_id.label("of"), sa.func.jsonb_agg(one).label("said"))
        .group_by(newest.c.version_id)
        .subquery()
    )


def _open_reviews(reading: Reading) -> sa.Subquery:
    review, home = reading.at(REVIEW).alias("its_review"), reading.at(ENTRY).alias("home")
    triggered = review.c.kind == TRIGGERED
    return (
        sa.select(
            home_of(home).label("of"),
            sa.func.min(review.c.opened_at).filter(triggered).label("triggered_at"),
            sa.func.bool_or(
                sa.func.coalesce(review.c.due_at <= reading.now, sa.false())
            ).label("overdue"),
        )
        .join_from(review, home, home.c.id == review.c.version_id)
        .where(review.c.state.not_in(CLOSED))
        .group_by(home_of(home))
        .subquery()
    )  # fmt: skip


def _exceptions(reading: Reading) -> sa.Subquery:
    """Every exception that was ever granted to a version, and is it in force?"""
    exception, home = reading.at(EXCEPTION).alias("granted"), reading.at(ENTRY).alias("home")
    holds = sa.and_(exception.c.state == IN_FORCE, exception.c.expires_at > reading.now)
    one = _object({"holds": holds, "version_digest": exception.c.version_digest})
    return (
        sa.select(home_of(home).label("of"), sa.func.jsonb_agg(one).label("said"))
        .join_from(exception, home, home.c.id == exception.c.version_id)
        .where(exception.c.granted_at.is_not(None))
        .group_by(home_of(home))
        .subquery()
    )


def _uses(reading: Reading) -> sa.Subquery:
    """The declared uses of each model."""
    uses = counted_uses(reading)
    return (
        sa.select(uses.c.model_id.label("of"), sa.func.jsonb_agg(uses.c.use_id).label("uses"))
        .where(uses.c.use_id.is_not(None))
        .group_by(uses.c.model_id)
        .subquery()
    )


def write_review_state(reading: Reading, text: str) -> str:
    """The cell of a review state, by the rules of reviews; `unknown` where nobody has looked."""
    if not text.startswith("{"):
        return text
    state = version_state(_case(json.loads(text)), now=reading.as_of)
    return UNKNOWN if state is None else state.value


def _case(said: Mapping[str, Any]) -> Case:
    digests, uses = said["digests"], frozenset(said["uses"])
    decided = [
        one for one in said["decisions"]
        if one["outcome"] in REFUSED or has_digest(digests, one["version_digest"])
    ]  # fmt: skip
    holding = any(
        one["holds"] and has_digest(digests, one["version_digest"]) for one in said["exceptions"]
    )
    approved = _outcome(decided, uses=uses) in APPROVALS
    return Case(
        workflow_tier=said["workflow_tier"],
        in_use=said["in_use"],
        blocked=said["blocked"],
        uses=uses,
        decisions=[
            Held(one["outcome"], one["use_id"], _time(one["decided_at"])) for one in decided
        ],
        triggered_at=_time(said["triggered_at"]) if said["triggered_at"] else None,
        grace_end=_time(said["grace_end"]) if said["grace_end"] else None,
        review_open=said["review_open"],
        overdue=said["overdue"],
        exception=holding,
        exception_ended=bool(said["exceptions"]) and not holding and not approved,
        condition_unmet=any(one["unmet"] for one in decided),
    )


def _outcome(decided: Sequence[Mapping[str, Any]], *, uses: frozenset[str]) -> str | None:
    """The weakest of what was decided; an approval of some uses alone is none of the version."""
    found, about = weakest(one["outcome"] for one in decided), {one["use_id"] for one in decided}
    whole = None in about or (bool(uses) and uses <= about)
    return found if whole or found in REFUSED else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
