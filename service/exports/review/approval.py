"""Which uses people had said yes to at the moment, as far as that stands."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by, distinct_on

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY
from service.exports.review.decided import decisions_of, home_of
from service.exports.review.reading import Reading
from service.exports.review.standing import CLOSED, TRIGGERED
from service.exports.review.used import counted_uses
from service.exports.statement import Value, constant
from service.risk.decided_tables import ReviewRow
from service.risk.reviews.state import APPROVALS, CLEARED, HIGH, ReviewState
from service.risk.tables import ModelRiskRow

RISK, REVIEW = ModelRiskRow.__table__, ReviewRow.__table__
VERSION: Final = TYPED[Kind.VERSION]


def approvals_of(reading: Reading) -> sa.Subquery:
    """Of each use that counts: `model_id`, `stands_as`, and is it `approved`? NULL: not rated.

    The newest decision about a live version that covers the use has to say yes, as its tier asks
    for; and it has to stand: the version is still what was decided about, no trigger has come
    since, its grace is not over, and the model is not RESTRICTED.
    """
    uses, risk, newest = counted_uses(reading), reading.at(RISK).alias("of_model"), _newest(reading)
    enough = sa.case(
        (risk.c.workflow_tier == HIGH, newest.c.outcome.in_(sorted(APPROVALS))),
        else_=newest.c.outcome.in_(sorted(CLEARED)),
    )
    grace = sa.func.coalesce(risk.c.review_grace_end > reading.now, sa.true())
    free = risk.c.review_state.is_distinct_from(ReviewState.RESTRICTED.value)
    yes = sa.and_(enough, newest.c.untouched, grace, free)
    rated = (risk.c.model_id.is_not(None), sa.func.coalesce(yes, sa.false()))
    same = (newest.c.model_id == uses.c.model_id, newest.c.stands_as == uses.c.stands_as)
    return (
        sa.select(uses.c.model_id, uses.c.stands_as, sa.case(rated).label("approved"))
        .select_from(uses)
        .outerjoin(risk, risk.c.model_id == uses.c.model_id)
        .outerjoin(newest, sa.and_(*same))
        .subquery()
    )


def _newest(reading: Reading) -> sa.Subquery:
    """The newest decision about a live version that covers a use; of a model without, about it."""
    uses, said, risk = counted_uses(reading), decisions_of(reading), reading.at(RISK).alias("rated")
    version = reading.at(VERSION).alias("decided_about")
    whole = sa.and_(
        sa.func.jsonb_array_length(risk.c.live) == 0, said.c.version_id == said.c.model_id
    )
    live = sa.or_(risk.c.live.has_key(sa.cast(said.c.version_id, sa.Text)), whole)
    covers = sa.or_(said.c.use_id.is_(None), said.c.use_id == uses.c.use_id)
    about = (uses.c.model_id, uses.c.stands_as)
    latest: Any = (said.c.decided_at.desc(), said.c.id.desc())
    return (
        sa.select(
            *about,
            said.c.outcome,
            sa.and_(_same(said, version), ~_triggered(reading, said)).label("untouched"),
        )
        .select_from(uses)
        .join(said, sa.and_(said.c.model_id == uses.c.model_id, covers))
        .join(risk, sa.and_(risk.c.model_id == uses.c.model_id, live))
        .outerjoin(version, version.c.id == said.c.version_id)
        .ext(distinct_on(*about))
        .order_by(*about, *latest)
        .subquery()
    )


def _same(said: sa.FromClause, version: sa.FromClause) -> Value:
    """Is the version still what was decided about? As `has_digest` has it."""
    about, digests = said.c.version_digest, version.c.digests
    none = sa.func.coalesce(sa.func.jsonb_array_length(digests) == 0, sa.true())
    return sa.or_(about.is_(None), none, digests.has_key(about), _together(digests) == about)


def _together(digests: Value) -> Value:
    """The one digest of several: that of their list in canonical form."""
    each = sa.func.jsonb_array_elements_text(digests).table_valued("value").render_derived()
    one = constant('"') + each.c.value + constant('"')
    listed = sa.func.string_agg(one, aggregate_order_by(constant(","), one.collate("C")))
    whole = constant("[") + listed + constant("]")
    hashed = sa.func.encode(sa.func.sha256(sa.func.convert_to(whole, "UTF8")), "hex")
    return sa.select(constant("sha256:") + hashed).select_from(each).scalar_subquery()


def _triggered(reading: Reading, said: sa.FromClause) -> Value:
    """Has an open review begun for a trigger since?"""
    review, home = reading.at(REVIEW).alias("trigger"), reading.at(ENTRY).alias("triggered")
    return (
        sa.select(1)
        .join_from(review, home, home.c.id == review.c.version_id)
        .where(
            home_of(home) == said.c.version_id,
            review.c.kind == TRIGGERED,
            review.c.state.not_in(CLOSED),
            review.c.opened_at >= said.c.decided_at,
        )
        .correlate(said)
        .exists()
    )
