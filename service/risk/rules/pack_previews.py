"""What a pack of controls would find about every model; nothing of it counts anywhere.

Few models at once, many step by step.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from service.db import Database
from service.ledger.change import Cause
from service.recordset import among, recordset
from service.risk.batch import Batch, Standing
from service.risk.concessions.reading import read_concessions
from service.risk.controls.judging import ControlResult, evaluate
from service.risk.controls.running import documents
from service.risk.looking import read_pictures
from service.risk.reviews.clock import view_reviews
from service.risk.rules.active import as_pack, read_policy
from service.risk.rules.previews import LONGER, ask_preview, finish_preview, transition
from service.risk.rules.rewriting import ACTOR
from service.risk.rules.rule_sets import PACKS, By
from service.risk.rules.stored_uses import FIRST, Span, count_models, next_span
from service.risk.tables import (
    ControlPackRow,
    ControlResultRow,
    ModelRiskRow,
    PackPreviewLine,
    PackPreviewRow,
)

AT_ONCE: Final = 100  # models that are evaluated in the request
STEP: Final = 200  # models of one transaction later
QUIET: Final = frozenset({"PASS", "NOT_APPLICABLE"})  # listed only where it was otherwise

preview, line, packs, result, standing = (
    table.__table__
    for table in (PackPreviewRow, PackPreviewLine, ControlPackRow, ControlResultRow, ModelRiskRow)
)
Advance = Callable[[int], None]


def preview_pack(session: Session, *, given: str, by: By) -> UUID:
    """What a pack would find: at once where few models are, else left to the job."""
    total = count_models(session)
    found = ask_preview(session, PACKS, given=given, by=by, total=total)
    if total <= AT_ONCE:
        while step_preview(session, found, models=AT_ONCE) is not None:
            pass
    return found


def continue_pack_previews(
    database: Database, *, dry_run: bool = False, advance: Advance | None = None, step: int = STEP
) -> int:
    """Go on with all previews of packs; how many models were evaluated."""
    with database.reading() as session:
        waiting = sa.select(preview.c.id).where(preview.c.done_at.is_(None)).order_by(preview.c.id)
        ids = session.execute(waiting).scalars().all()
    if dry_run:
        return 0
    return sum(_continue(database, one, step=step, advance=advance) for one in ids)


def _continue(database: Database, one: UUID, *, step: int, advance: Advance | None) -> int:
    evaluated = 0
    while True:
        some = database.transact(lambda session: step_preview(session, one, models=step))
        if some is None:
            return evaluated
        evaluated += some
        if advance is not None:
            advance(some)


def step_preview(session: Session, one: UUID, *, models: int) -> int | None:
    """Evaluate some more models; None when it is done, or somebody else does it."""
    session.execute(LONGER)
    row = session.execute(
        sa.select(preview)
        .where(preview.c.id == one, preview.c.done_at.is_(None))
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    span = next_span(session, row.after_id or FIRST, models=models, lock=False)
    if span is None:
        finish_preview(session, PACKS, preview=row)
        return None
    batch = _batch(session, span, pack_id=row.pack_id)
    counts, lines = _evaluated(batch, preview_id=one)
    _write(session, lines)
    session.execute(
        sa.update(preview)
        .where(preview.c.id == one)
        .values(
            after_id=span.last, rated=row.rated + len(batch.standings),
            changed=row.changed + sum(found["before"] != found["after"] for found in lines),
            counts=dict(Counter(row.counts) + counts),
        )
    )  # fmt: skip
    return len(batch.standings)


def _batch(session: Session, span: Span, *, pack_id: int) -> Batch:
    """A span's models as they stand: nothing about them is rated anew."""
    rows = session.execute(sa.select(standing).where(span.holds(standing.c.model_id))).mappings()
    stands = {row["model_id"]: row for row in rows}
    pictures = read_pictures(session, stands)
    pack = as_pack(session.execute(sa.select(packs).where(packs.c.id == pack_id)).one())
    standings = {
        one: Standing(picture, stands[one], after=dict(stands[one]))
        for one, picture in pictures.items()
    }
    batch = Batch(session, span.now, Cause(ACTOR), read_policy(session), pack, standings)
    batch.granted = read_concessions(session, batch.ids, now=batch.now)
    view_reviews(batch)
    return batch


def _evaluated(batch: Batch, *, preview_id: UUID) -> tuple[Counter[str], list[dict[str, Any]]]:
    """Everything is counted; what needs a look is listed."""
    session = batch.session
    rows = session.execute(
        sa.select(*result.c["model_id", "control", "result"]).where(
            among(result.c.model_id, batch.ids)
        )
    )
    before = {(row.model_id, row.control): row.result for row in rows}
    counts: Counter[str] = Counter()
    lines = []
    for model, document in documents(batch):
        for found in evaluate(batch.pack.loaded, document):
            earlier, named = before.get((model, found.control)), {"control": found.control}
            after = str(found.result)
            counts[transition(named | {"result": earlier}, named | {"result": after})] += 1
            if after not in QUIET or earlier not in {None, after}:
                lines.append(_line(found, model=model, before=earlier, preview_id=preview_id))
    return counts, lines


def _line(
    found: ControlResult, *, model: UUID, before: str | None, preview_id: UUID
) -> dict[str, Any]:
    return {
        "preview_id": preview_id,
        "model_id": model,
        "control": found.control,
        "severity": str(found.severity),
        "before": before,
        "after": str(found.result),
        "items": list(found.items),
        "missing": [one._asdict() for one in found.missing],
        "message": found.message,
        "pack_defect": found.pack_defect,
    }


def _write(session: Session, lines: Sequence[dict[str, Any]]) -> None:
    if not lines:
        return
    given = recordset(lines, **{column.name: column.type for column in line.columns})
    session.execute(sa.insert(line).from_select([*given.c.keys()], sa.select(given)))
