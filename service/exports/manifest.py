"""What a bundle's manifest says of the catalog then: rules in force, sources, the ledger."""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.bundles import Checkpoint, Covered, Rules
from service.exports.review.reading import Reading
from service.ingest.tables import HarvestRow, ScopeRow, SourceRow
from service.ledger.tables import CheckpointRow
from service.risk.looks import SEES
from service.risk.tables import ControlPackRow, PolicyRow

SOURCE, SCOPE, HARVEST, CHECKPOINT = (
    table.__table__ for table in (SourceRow, ScopeRow, HarvestRow, CheckpointRow)
)
POLICY: Final[sa.Table] = PolicyRow.__table__
PACK: Final[sa.Table] = ControlPackRow.__table__


def rules_then(reading: Reading, table: sa.Table) -> Rules | None:
    """The policy, or the pack, that was in force; None before there was one."""
    then = reading.at(table)
    found = reading.session.execute(
        sa.select(*then.c["name", "version", "digest"]).where(then.c.state == "ACTIVE")
    ).one_or_none()
    return (
        None if found is None else Rules(id=found.name, version=found.version, digest=found.digest)
    )


def coverage_then(reading: Reading) -> Iterable[Covered]:
    """Every source that could be seen, and when the scope that waited longest was complete."""
    source = reading.at(SOURCE)
    whole = sa.and_(
        HARVEST.c.outcome == "complete", HARVEST.c.coverage == "full",
        reading.past(HARVEST.c.closed_at),
    )  # fmt: skip
    closed = (
        sa.select(HARVEST.c.scope_id, sa.func.max(HARVEST.c.closed_at).filter(whole).label("at"))
        .where(~HARVEST.c.dry_run, reading.past(HARVEST.c.opened_at))
        .group_by(HARVEST.c.scope_id)
        .having(sa.func.bool_or(HARVEST.c.coverage == "full"))
        .subquery("closed")
    )
    never = sa.func.bool_or(sa.and_(closed.c.scope_id.is_not(None), closed.c.at.is_(None)))
    oldest = sa.case((never, sa.null()), else_=sa.func.min(closed.c.at))
    rows = (
        sa.select(*source.c["name", "kind"], oldest.label("at"))
        .select_from(source)
        .outerjoin(SCOPE, SCOPE.c.source_id == source.c.id)
        .outerjoin(closed, closed.c.scope_id == SCOPE.c.id)
        .group_by(*source.c["name", "kind"])
        .order_by(source.c.name.collate("C"))
    )
    if reading.caller.namespaces is not None:
        rows = rows.where(source.c.namespace.in_(sorted(reading.caller.namespaces)))
    for row in reading.session.execute(rows).all():
        blind = tuple(sorted(what for what, kinds in SEES.items() if row.kind not in kinds))
        yield Covered(source=row.name, last_complete_at=row.at, cannot_see=blind)


def newest_checkpoint(session: Session) -> Checkpoint | None:
    """The newest sealed state of the ledger; None before the first."""
    newest = sa.select(CHECKPOINT).order_by(CHECKPOINT.c.size.desc()).limit(1)
    found: Any = session.execute(newest).one_or_none()
    return (
        None if found is None else Checkpoint(size=found.size, root=b64encode(found.root).decode())
    )


def count_in_scope(reading: Reading) -> int:
    """How many models the caller could see then, whatever is asked for."""
    view = reading.view
    counted = sa.select(sa.func.count()).select_from(view.rows).where(*view.here())
    found: int = reading.session.execute(counted).scalar_one()
    return found
