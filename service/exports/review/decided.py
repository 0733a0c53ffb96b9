"""What people had decided about the models in scope by the moment."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from service.catalog.view import ENTRY
from service.exports.review.reading import Reading
from service.exports.statement import Value
from service.risk.decided_tables import DecisionRow

DECISION: Final = DecisionRow.__table__
SAID: Final = ("id", "outcome", "reviewer", "approver", "decided_at", "version_digest")


def home_of(entry: sa.FromClause) -> Value:
    """What an entry is, or was merged into."""
    return sa.func.coalesce(entry.c.merged_into, entry.c.id)


def decisions_of(reading: Reading) -> sa.Subquery:
    """Every decision: `model_id`, `version_id` and `use_id` are what theirs were merged into."""
    homes, version = reading.homes, reading.at(ENTRY).alias("of_version")
    use = reading.at(ENTRY).alias("of_use")
    return (
        sa.select(
            homes.c.home.label("model_id"),
            home_of(version).label("version_id"),
            home_of(use).label("use_id"),
            *DECISION.c[*SAID],
        )
        .select_from(DECISION)
        .join(homes, homes.c.id == DECISION.c.model_id)
        .join(version, version.c.id == DECISION.c.version_id)
        .outerjoin(use, use.c.id == DECISION.c.use_id)
        .where(reading.past(DECISION.c.decided_at))
        .subquery()
    )


def newest_of(reading: Reading, *of: str) -> sa.Subquery:
    """The newest decision about each version, or about each of these together."""
    every = decisions_of(reading)
    about = [every.c[name] for name in of or ("version_id",)]
    latest: Any = (every.c.decided_at.desc(), every.c.id.desc())
    rows = sa.select(every).ext(distinct_on(*about)).order_by(*about, *latest)
    return rows.subquery()
