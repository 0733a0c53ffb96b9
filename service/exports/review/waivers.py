"""The waivers of the models in scope, as they stood."""

from typing import Any, Final

import sqlalchemy as sa

from service.exports.review.reading import Reading
from service.exports.statement import as_text
from service.risk.decided_tables import WaiverRow

WAIVER: Final = WaiverRow.__table__


def select_waivers(reading: Reading) -> sa.Select[Any]:
    """Every waiver; one whose time is over reads LAPSED, also before that is written down."""
    waiver = reading.at(WAIVER)
    over = sa.and_(waiver.c.state == "IN_FORCE", waiver.c.expires_at <= reading.now)
    rows = reading.at_home(
        waiver,
        as_text(waiver.c.id),
        reading.words(waiver.c.control),
        reading.words(waiver.c.item),
        sa.case((over, "LAPSED"), else_=waiver.c.state),
        reading.noted(reading.words(waiver.c.reason)),
        reading.noted(reading.words(waiver.c.compensating)),
        reading.noted(reading.words(waiver.c.requested_by)),
        reading.noted(reading.words(waiver.c.approved_by)),
        reading.when(waiver.c.granted_at),
        reading.when(waiver.c.expires_at),
        as_text(waiver.c.renewals),
    )
    return reading.ordered(rows, as_text(waiver.c.id))
