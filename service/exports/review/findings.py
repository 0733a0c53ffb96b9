"""The findings about the models in scope, as they stood."""

from typing import Any, Final

import sqlalchemy as sa

from service.exports.review.entries import versions_called
from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, Text, as_text
from service.risk.decided_tables import FindingRow

FINDING: Final = FindingRow.__table__


def select_findings(reading: Reading) -> sa.Select[Any]:
    """Every finding; a risk that was accepted until a time that is over is open again."""
    finding, version = reading.at(FINDING), versions_called(reading)
    over = sa.and_(finding.c.state == "RISK_ACCEPTED", finding.c.accepted_until <= reading.now)
    rows = reading.at_home(
        finding,
        as_text(finding.c.id),
        version_cell(reading, version),
        reading.noted(reading.words(finding.c.source)),
        reading.noted(reading.words(finding.c.category)),
        finding.c.severity,
        sa.case((over, "OPEN"), else_=finding.c.state),
        reading.noted(reading.words(finding.c.title)),
        reading.noted(reading.words(finding.c.assignee)),
        reading.when(finding.c.opened_at),
        reading.when(finding.c.original_due),
        reading.when(finding.c.due_at),
        as_text(finding.c.extensions),
        reading.when(finding.c.closed_at),
        reading.noted(reading.words(finding.c.closed_by)),
    ).outerjoin(version, version.c.of == finding.c.version_id)
    return reading.ordered(rows, as_text(finding.c.id))


def version_cell(reading: Reading, version: sa.FromClause) -> Text:
    """A version as its file calls it; nothing where it is about all, or the model has none."""
    return sa.case((version.c.of.is_(None), EMPTY), else_=reading.known(version.c.version))
