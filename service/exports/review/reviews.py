"""The reviews of the models in scope, as they stood, with what was decided in them."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from service.catalog.view import ENTRY
from service.exports.review.entries import versions_called
from service.exports.review.findings import version_cell
from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, as_text, flag, item, joined
from service.risk.decided_tables import ConditionRow, DecisionRow, ReviewRow

REVIEW, DECISION, CONDITION = (table.__table__ for table in (ReviewRow, DecisionRow, ConditionRow))
SETTLED: Final = ("VERIFIED", "DROPPED")  # of such a condition nothing is left to do


def select_reviews(reading: Reading) -> sa.Select[Any]:
    """Every review; what its decision asks for is a note, who works on it is not."""
    review, version = reading.at(REVIEW), versions_called(reading)
    decided, asked = decided_then(reading), _asked(reading)
    use = reading.at(ENTRY).alias("of_use")
    rows = reading.at_home(
        review,
        as_text(review.c.id),
        review.c.kind,
        version_cell(reading, version),
        reading.words(sa.func.coalesce(decided.c.version_digest, review.c.version_digest)),
        sa.case((review.c.use_id.is_(None), EMPTY), else_=reading.known(use.c.natural_key)),
        review.c.state,
        sa.func.coalesce(decided.c.outcome, EMPTY),
        sa.func.coalesce(flag_of(decided.c.tier_confirmed), EMPTY),
        reading.words(sa.func.coalesce(decided.c.reviewer, review.c.reviewer)),
        reading.words(sa.func.coalesce(decided.c.approver, review.c.approver)),
        sa.func.coalesce(decided.c.independence, review.c.independence, EMPTY),
        reading.when(review.c.opened_at),
        reading.when(review.c.due_at),
        reading.when(decided.c.decided_at),
        reading.noted(reading.words(asked.c.texts)),
    )
    rows = (
        rows.outerjoin(version, version.c.of == review.c.version_id)
        .outerjoin(use, use.c.id == review.c.use_id)
        .outerjoin(decided, decided.c.review_id == review.c.id)
        .outerjoin(asked, asked.c.decision_id == decided.c.id)
    )
    return reading.ordered(rows, as_text(review.c.id))


def decided_then(reading: Reading) -> sa.Subquery:
    """What was decided by then: of each review the newest decision, which replaces others."""
    return (
        sa.select(DECISION)
        .ext(distinct_on(DECISION.c.review_id))
        .where(reading.past(DECISION.c.decided_at))
        .order_by(DECISION.c.review_id, DECISION.c.decided_at.desc(), DECISION.c.id.desc())
        .subquery("decided")
    )


def flag_of(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """`true` or `false`; NULL where there is no answer."""
    return sa.case((value.is_not(None), flag(value)))


def _asked(reading: Reading) -> sa.Subquery:
    """The texts of the conditions of each decision that nobody has verified."""
    condition = reading.at(CONDITION)
    return (
        sa.select(condition.c.decision_id, joined(item(condition.c.text)).label("texts"))
        .where(condition.c.state.not_in(SETTLED))
        .group_by(condition.c.decision_id)
        .subquery("asked")
    )
