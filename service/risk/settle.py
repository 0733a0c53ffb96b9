"""Evaluates models: tiers, reviews, controls, findings; what changed is written and told.

It runs in the transaction that changed something about them, as its last step, and by the clock.
Whoever evaluates models waits for others who do, by their rows of `risk_clock` in id order, after
all entries: so the last of several sees what all of them wrote.
"""

from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from service.catalog.tables import Entry
from service.ledger.change import Actor, Cause, record_changes
from service.outgoing.outbox import announce
from service.recordset import among, recordset
from service.risk.batch import Batch, Standing
from service.risk.concessions.summary import follow_manifest_waivers
from service.risk.concessions.triggered import end_by_triggers
from service.risk.controls.running import run_controls
from service.risk.locking import hold_models
from service.risk.looking import read_pictures
from service.risk.related import hold_targets, models_of, suppliers_of
from service.risk.reviews.clock import follow_reviews
from service.risk.rules.active import read_rules
from service.risk.standings import rate_models, write_standings
from service.risk.tables import ModelRiskRow, RiskClockRow
from service.risk.touch import Touched

SOFTWARE: Final = Cause(Actor("software", "risk"))
AT_ONCE: Final = 2_000  # models that a transaction rates itself; more are left to the worker
WHOLE: Final = 100  # of which it also runs reviews and controls; of more, the worker does

clock, standing, entry = (table.__table__ for table in (RiskClockRow, ModelRiskRow, Entry))


def settle_touched(session: Session, noted: Touched) -> None:
    """Evaluate what the transaction touched; it is its last step."""
    hold_targets(session, noted.entries)
    models = models_of(session, noted.entries, decided=noted.models)
    if models:
        settle(session, models, cause=noted.cause or SOFTWARE)


def settle(session: Session, models: Iterable[UUID], *, cause: Cause, whole: bool = False) -> int:
    """Evaluate these models, and those that they feed where these may see them differently.

    How many models; of more than so many, none: they are left to the worker. Tiers come at once;
    reviews and controls of very many do so only when the worker asks for them (`whole`).
    """
    wanted = set(models)
    if len(wanted) > AT_ONCE:
        mark_due(session, wanted | suppliers_of(session, wanted))
        return 0
    hold_models(session, wanted)
    whole = whole or len(wanted) <= WHOLE
    first = _evaluate(session, wanted, cause=cause, whole=whole)
    moved = {one for one, found in first.standings.items() if found.moved}
    fed = suppliers_of(session, moved | (wanted - first.standings.keys())) - wanted
    if len(fed) > AT_ONCE:
        mark_due(session, fed)
    elif fed:
        hold_models(session, fed)
        _evaluate(session, fed, cause=cause, whole=whole and len(fed) <= WHOLE)
    return len(wanted | fed)


def mark_due(session: Session, models: Iterable[UUID]) -> None:
    """The worker evaluates these as soon as it comes to it."""
    rows = [{"model_id": one} for one in sorted(models)]
    given = recordset(rows, model_id=sa.Uuid())
    due = insert(clock).from_select(
        ["model_id", "due_at"],
        sa.select(given.c.model_id, sa.func.now()).join_from(
            given, entry, entry.c.id == given.c.model_id
        ).order_by(given.c.model_id),
    )  # fmt: skip
    session.execute(
        due.on_conflict_do_update(index_elements=["model_id"], set_={"due_at": sa.func.now()})
    )


def _evaluate(session: Session, models: Iterable[UUID], *, cause: Cause, whole: bool) -> Batch:
    ids = sorted(models)
    rules = read_rules(session)
    pictures = read_pictures(session, ids)
    before = session.execute(sa.select(standing).where(among(standing.c.model_id, ids)))
    known = {row["model_id"]: row for row in before.mappings()}
    batch = Batch(
        session, rules.now, cause, rules.policy, rules.pack,
        {one: Standing(picture, known.get(one)) for one, picture in pictures.items()},
    )  # fmt: skip
    stood = rate_models(batch, ids)
    end_by_triggers(batch)
    if whole:
        follow_reviews(batch)
        follow_manifest_waivers(batch)
        run_controls(batch)
    write_standings(batch, before=stood, vanished=known.keys() - pictures.keys())
    _set_clocks(batch, ids, whole=whole)
    record_changes(session, batch.changes)
    announce(session, batch.events)
    return batch


def _set_clocks(batch: Batch, models: Sequence[UUID], *, whole: bool) -> None:
    """When each was evaluated, and when it is due again: at once if something was left out."""
    later = {
        one: min((m for m in found.moments if m > batch.now), default=None) if whole else batch.now
        for one, found in batch.standings.items()
    }
    rows = [{"model_id": one, "due_at": later.get(one)} for one in models]
    given = recordset(rows, model_id=sa.Uuid(), due_at=clock.c.due_at.type)
    batch.session.execute(
        sa.update(clock)
        .where(clock.c.model_id == given.c.model_id)
        .values(due_at=given.c.due_at, evaluated_at=batch.now)
    )
