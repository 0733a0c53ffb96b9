"""By which policy an assessment holds: a row that a newer policy would not change stays as it is.

Its `policy_id` says by which policy it became what it is. Whatever the evaluation by the policy in
force has come by, or was rated since, holds by that one.
"""

from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.risk.tables import PolicyRow, RevaluationRow

revaluation, policies = RevaluationRow.__table__, PolicyRow.__table__


def holding_policy(
    model_id: sa.ColumnElement[UUID], policy_id: sa.ColumnElement[int]
) -> sa.ColumnElement[int]:
    """The policy that a stored assessment of a model holds by, as a part of a statement."""
    active = sa.select(policies.c.id).where(policies.c.state == "ACTIVE").scalar_subquery()
    ahead = sa.exists().where(
        revaluation.c.what == "policy",
        revaluation.c.done_at.is_(None),
        sa.or_(revaluation.c.after_id.is_(None), revaluation.c.after_id < model_id),
    )
    return sa.case((ahead, policy_id), else_=active)


def holds_by(session: Session, model_id: UUID, *, policy_id: int) -> int:
    """The same of one assessment."""
    found = holding_policy(sa.literal(model_id, sa.Uuid()), sa.literal(policy_id, sa.BigInteger()))
    holding: int = session.execute(sa.select(found)).scalar_one()
    return holding
