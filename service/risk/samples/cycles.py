"""Each cycle's sample of what is reviewed by chance alone: framed, sealed, drawn, followed.

A frame is written down first. What is drawn from it follows from the root of the first checkpoint
that covers that row of the ledger: nobody knows it while the frame could still be another one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.policies import PolicyDocument
from service.catalog.tables import Entry
from service.ledger.change import Change, record_changes
from service.ledger.tables import CheckpointRow, LeafRow
from service.recordset import among, recordset
from service.risk.acting import BY_CLOCK, clock
from service.risk.reviews.plan import overlay_of
from service.risk.rules.active import read_policy
from service.risk.sample_tables import SampleCycleRow, SampleDrawRow
from service.risk.samples.drawing import (
    Draw,
    cycle_of,
    draw,
    frame_digest,
    ranked,
    sample_size,
    share_size,
)
from service.risk.samples.reviews import count_decisions, let_go, open_samples, without_review
from service.risk.tables import ModelRiskRow

SAMPLED: Final = ("LOW", "NEGLIGIBLE")
KIND: Final = "sample"
SETTLING: Final = timedelta(days=1)  # a catalog's first harvests would be all of its first frame
STANDING: Final = ("DRAWN", "DECIDED")

cycle, drawn, standing, entry, leaf, checkpoint = (
    table.__table__
    for table in (SampleCycleRow, SampleDrawRow, ModelRiskRow, Entry, LeafRow, CheckpointRow)
)


def run_samples(session: Session) -> int:
    """Frame what is to be framed, draw what is sealed, follow what is drawn; how much changed."""
    now, rules = clock(session), read_policy(session).document
    done = make_frames(session, rules=rules, now=now)
    for row in _cycles(session, cycle.c.seed.is_(None)):
        done += _draw(session, row, rules=rules, now=now)
    waits = sa.exists().where(drawn.c.cycle_id == cycle.c.id, drawn.c.state == "DRAWN")
    for row in _cycles(session, waits):
        done += _follow(session, row, rules=rules, now=now)
    return done


def make_frames(session: Session, *, rules: PolicyDocument, now: datetime) -> int:
    """Write down whom a cycle may draw, at its first moment that somebody belongs to it."""
    first = sa.select(sa.func.min(entry.c.first_seen_at)).where(entry.c.kind == Kind.MODEL.value)
    began = session.execute(first).scalar_one()
    if began is None or began + SETTLING > now:
        return 0
    name = cycle_of(now, rules.sampling.cycle)
    known = session.execute(sa.select(cycle.c.tier).where(cycle.c.cycle == name)).scalars().all()
    made = 0
    for tier in SAMPLED:
        after = overlay_of(rules, tier).after
        if tier not in known and after is not None and after.kind == "SAMPLE":
            made += _frame(session, name, tier=tier, now=now)
    return made


def _frame(session: Session, name: str, *, tier: str, now: datetime) -> int:
    query = _standing().where(standing.c.in_production, standing.c.workflow_tier == tier)
    models = sorted(str(one) for one in session.execute(query).scalars())
    if not models:
        return 0
    digest = frame_digest(models)
    said = {"cycle": name, "tier": tier, "frame_digest": digest, "population": len(models)}
    [change] = record_changes(session, [Change("frame", KIND, BY_CLOCK.actor, new=said)])
    session.execute(
        sa.insert(cycle).values(
            cycle=name, tier=tier, framed_at=now, frame=models, frame_digest=digest,
            change_id=change,
        )
    )  # fmt: skip
    return 1


def _draw(session: Session, row: Any, *, rules: PolicyDocument, now: datetime) -> int:
    """Draw from a frame that is sealed; nothing before that."""
    covering = (
        sa.select(checkpoint.c.size, checkpoint.c.root)
        .join_from(leaf, checkpoint, checkpoint.c.size >= leaf.c.seq)
        .where(leaf.c.change_id == row.change_id)
        .order_by(checkpoint.c.size)
        .limit(1)
    )
    sealed = session.execute(covering).one_or_none()
    if sealed is None:
        return 0
    size = size_of(len(row.frame), row.tier, rules=rules)
    told = {"size": size, "seed": bytes(sealed.root).hex(), "checkpoint_size": sealed.size}
    session.execute(sa.update(cycle).where(cycle.c.id == row.id).values(**told, drawn_at=now))
    _tell(session, row, op="draw", new=told)
    fresh = _cycles(session, cycle.c.id == row.id)[0]
    _fill(session, fresh, target=size, rules=rules, now=now)
    return 1


def size_of(population: int, tier: str, *, rules: PolicyDocument) -> int:
    """How many are drawn at first: a share of what is exempt, else what proves enough."""
    after = overlay_of(rules, tier).after
    if after is not None and after.share is not None:
        return share_size(population, after.share)
    sampling = rules.sampling
    return sample_size(
        population, confidence=sampling.confidence, tolerable_rate=sampling.tolerable_rate
    )


def target_of(row: Any) -> int:
    """How many have to stand: as many again once something was found, and never more than all."""
    twice: int = row.size * (1 if row.extended_at is None else 2)
    return min(len(row.frame), twice)


def _follow(session: Session, row: Any, *, rules: PolicyDocument, now: datetime) -> int:
    """Count decisions, replace who left, draw as many again once something was found."""
    decided = count_decisions(session, row, now=now)
    left = _leave(session, row)
    wrong = sa.select(sa.func.count()).where(
        drawn.c.cycle_id == row.id, drawn.c.tier_confirmed.is_(sa.false())
    )
    found = session.execute(wrong).scalar_one()
    if row.extended_at is None and found > rules.sampling.accept:
        session.execute(sa.update(cycle).where(cycle.c.id == row.id).values(extended_at=now))
        _tell(session, row, op="extend", new={"found": found, "more": row.size})
        [row] = _cycles(session, cycle.c.id == row.id)
    added = _fill(session, row, target=target_of(row), rules=rules, now=now)
    again = without_review(session, row)
    open_samples(session, again, row=row, rules=rules, now=now)
    return decided + left + added


def _leave(session: Session, row: Any) -> int:
    """Who is in production no more is reported, and its review has no cause any more."""
    waiting = sa.select(drawn.c.model_id).where(
        drawn.c.cycle_id == row.id, drawn.c.state == "DRAWN"
    )
    models = session.execute(waiting.order_by(drawn.c.model_id)).scalars().all()
    here = _present(session, models)
    gone = [one for one in models if str(one) not in here]
    if not gone:
        return 0
    own = sa.and_(drawn.c.cycle_id == row.id, among(drawn.c.model_id, gone))
    reviews = session.execute(
        sa.update(drawn).where(own).values(state="LEFT").returning(drawn.c.review_id)
    )
    let_go(session, [one for one in reviews.scalars() if one is not None])
    _tell_left(session, row, models=gone)
    return len(gone)


def _fill(session: Session, row: Any, *, target: int, rules: PolicyDocument, now: datetime) -> int:
    """Draw the next ranks until so many stand, and open their reviews."""
    counted = sa.select(sa.func.count(), sa.func.count().filter(drawn.c.state.in_(STANDING))).where(
        drawn.c.cycle_id == row.id
    )
    already, stand = session.execute(counted).one()
    if stand >= target or already >= len(row.frame):
        return 0
    rest = ranked(row.seed, row.frame)
    present = _present(session, [UUID(one) for one in rest[already:]])
    new = draw(rest, drawn=already, standing=stand, target=target, present=present)
    _store(session, row, new=new)
    models = [UUID(one.model) for one in new if not one.left]
    open_samples(session, models, row=row, rules=rules, now=now)
    return len(new)


def _store(session: Session, row: Any, *, new: Sequence[Draw]) -> None:
    rows = [
        {"model_id": one.model, "rank": one.rank, "state": "LEFT" if one.left else "DRAWN"}
        for one in new
    ]
    given = recordset(rows, model_id=sa.Uuid(), rank=sa.Integer(), state=sa.Text())
    names = ["cycle_id", "model_id", "rank", "state"]
    told = sa.select(sa.literal(row.id, sa.BigInteger), given)
    session.execute(insert(drawn).from_select(names, told))
    record_changes(session, [
        Change("draw", KIND, BY_CLOCK.actor, entry=UUID(one.model), field=row.cycle,
               new={"tier": row.tier, "rank": one.rank, "left": one.left})
        for one in new
    ])  # fmt: skip


def _present(session: Session, models: Collection[UUID]) -> frozenset[str]:
    """Those that nobody knows to have left production."""
    stays = sa.func.coalesce(standing.c.in_production, sa.true())
    query = _standing().where(stays, among(standing.c.model_id, models))
    return frozenset(str(one) for one in session.execute(query).scalars())


def _standing() -> sa.Select[Any]:
    """Models that stand for themselves."""
    return (
        sa.select(standing.c.model_id)
        .join(entry, entry.c.id == standing.c.model_id)
        .where(
            entry.c.gone_since.is_(None),
            entry.c.merged_into.is_(None),
            entry.c.replaced_by.is_(None),
        )
    )


def _cycles(session: Session, which: sa.ColumnElement[bool]) -> list[Any]:
    return list(session.execute(sa.select(cycle).where(which).order_by(cycle.c.id)).all())


def _tell(session: Session, row: Any, *, op: str, new: dict[str, Any]) -> None:
    about = {"cycle": row.cycle, "tier": row.tier}
    record_changes(session, [Change(op, KIND, BY_CLOCK.actor, new=about | new)])


def _tell_left(session: Session, row: Any, *, models: Sequence[UUID]) -> None:
    record_changes(session, [
        Change("leave", KIND, BY_CLOCK.actor, entry=one, field=row.cycle, new={"tier": row.tier})
        for one in models
    ])  # fmt: skip
