"""What controls found about the models in scope, as it stood."""

from typing import Any, Final

import sqlalchemy as sa

from service.exports.review.reading import Reading
from service.exports.review.values import members_at
from service.exports.statement import EMPTY, as_text
from service.risk.tables import ControlPackRow, ControlResultRow

RESULT: Final = ControlResultRow.__table__
PACK: Final = ControlPackRow.__table__


def select_controls(reading: Reading) -> sa.Select[Any]:
    """Every result, also of controls that do not apply. A stored result stands until it changes.

    What was found about a model that was merged away is over; what was decided of it is not.
    """
    result, pack = reading.at(RESULT), reading.at(PACK)
    rows = reading.at_home(
        result,
        reading.words(result.c.control),
        result.c.severity,
        result.c.result,
        reading.when(result.c.since),
        reading.when(result.c.evaluated_at),
        reading.cells.items(result.c["items"]),
        members_at(reading.cells, result.c.missing, name="path"),
        reading.words(result.c.message),
        sa.func.coalesce(as_text(result.c.waiver_id), EMPTY),
        reading.words(pack.c.version),
    ).outerjoin(pack, pack.c.id == result.c.pack_id)
    rows = rows.where(result.c.model_id == reading.models.c.id)
    return reading.ordered(rows, result.c.control)
