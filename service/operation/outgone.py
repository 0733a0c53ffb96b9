"""Whether events arrive: receivers that take nothing, and deliveries that were given up."""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa

from service.db import Database
from service.operation.checks import Finding
from service.outgoing.tables import OutgoingDeliveryRow, ReceiverRow

LONG: Final = sa.text("interval '1 hour'")

receiver, delivery = ReceiverRow.__table__, OutgoingDeliveryRow.__table__


def check_receivers(database: Database) -> Iterator[Finding]:
    """Of each receiver that is enabled; without one there is nothing to say."""
    failed = sa.func.count().filter(delivery.c.state == "FAILED").label("failed")
    long = sa.func.now() - receiver.c.failing_since > LONG
    query = (
        sa.select(*receiver.c["name", "failing_since"], long.label("long"), failed)
        .outerjoin(delivery, delivery.c.receiver_id == receiver.c.id)
        .where(receiver.c.enabled)
        .group_by(receiver.c.id)
        .order_by(receiver.c.name)
    )
    with database.reading() as session:
        rows = session.execute(query).all()
    for row in rows:
        yield _stands(row)


def _stands(row: sa.Row[tuple[str, object, bool, int]]) -> Finding:
    what = f"receiver {row.name}"
    log = f"`model-catalog receiver deliveries {row.name}` says why."
    if row.long:
        since = f"{row.failing_since:%Y-%m-%d %H:%M} UTC"
        return Finding("warn", what, f"nothing has arrived since {since}", log)
    if row.failed:
        return Finding("warn", what, f"{row.failed} deliveries were given up",
                       f"{log} `receiver replay` sends them again.")  # fmt: skip
    return Finding("ok", what, "takes what is sent")
