"""How risky models are, beside what is said of them: for lists, files and filters."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from service.catalog.view import View
from service.risk.tables import ModelRiskRow

RISK: Final = ModelRiskRow.__table__
SHOWN: Final = {  # member of a row → column
    "tier": "tier",
    "tier_status": "status",
    "tier_low": "tier_low",
    "tier_high": "tier_high",
    "workflow_tier": "workflow_tier",
    "review_state": "review_state",
    "next_review_due": "next_review_due",
}


def risk_of(view: View) -> sa.ColumnElement[Any]:
    """What a model's row shows of its risk, as JSON; NULL while nobody has evaluated it."""
    of = view.table(RISK)
    members: list[Any] = []
    for name, column in SHOWN.items():
        members += [sa.literal_column(f"'{name}'"), of.c[column]]
    found = sa.select(sa.func.json_build_object(*members))
    return found.where(of.c.model_id == view.entry.c.id).correlate_except(of).scalar_subquery()


def is_rated(view: View, values: Sequence[str], *, name: str) -> sa.ColumnElement[bool]:
    """Does a model's risk say one of these?"""
    of = view.table(RISK)
    rated = sa.select(1).where(of.c.model_id == view.entry.c.id, of.c[SHOWN[name]].in_(values))
    return rated.correlate_except(of).exists()


def facet_of(view: View, *, name: str) -> sa.ColumnElement[Any]:
    """The value that a facet counts; nothing while nobody knows it."""
    of = view.table(RISK)
    value = sa.select(of.c[SHOWN[name]]).where(of.c.model_id == view.entry.c.id)
    return sa.func.coalesce(value.correlate_except(of).scalar_subquery(), "")
