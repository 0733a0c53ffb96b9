"""Lets go of bundles whose time is over; what they were of stays, and can be asked for again."""

from typing import Final

import sqlalchemy as sa
from sqlmodel import Session

from service.exports.jobs.asking import clock
from service.exports.jobs.rights import export
from service.exports.jobs.tables import ExportChunkRow

chunk: Final = ExportChunkRow.__table__


def expire_bundles(session: Session) -> int:
    """Delete the pieces of bundles that nobody may expect any more; answers how many ended."""
    over = sa.select(export.c.id).where(export.c.state == "DONE", export.c.expires_at < clock())
    ended = (
        sa.update(export)
        .where(export.c.id.in_(over.with_for_update(skip_locked=True)))
        .values(state="EXPIRED")
        .returning(export.c.id)
    )
    found = session.execute(ended).scalars().all()
    if found:
        session.execute(sa.delete(chunk).where(chunk.c.export_id.in_(found)))
    return len(found)
