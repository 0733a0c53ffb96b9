"""Changes whose reasons and texts only some may read: what people decided about risk."""

from typing import Final

import sqlalchemy as sa

from service.access.policy import Caller
from service.ledger.tables import ChangeRow

NOTES: Final = "risk:notes"
CONFIDENTIAL: Final = (  # kinds of changes
    "attestation", "condition", "decision", "exception", "exemption", "finding", "legal_hold",
    "override", "review", "waiver",
)  # fmt: skip
change: Final = ChangeRow.__table__


def is_told(caller: Caller, namespace: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """May the caller read a change of an entry in this namespace?"""
    within = caller.within(NOTES)
    if within is None:
        return sa.true()
    return sa.or_(change.c.kind.not_in(CONFIDENTIAL), namespace.in_(sorted(within)))
