"""Evaluates everything again by rules that came into force: step by step, begun again anywhere.

By a policy, uses are rated by their stored facts; equal facts are rated once. Only rows whose
outcome changes are written: what has come by and has no newer row is confirmed as it stands
(`confirmed.py`). Models that stand otherwise are marked due, so that reviews and controls follow.
By a pack of controls, models are settled.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.policies import PolicyDocument
from service.catalog.tables import Entry, Link
from service.db import Busy, Database
from service.ledger.change import Cause
from service.outgoing.outbox import Event, announce
from service.outgoing.tables import ReceiverRow
from service.recordset import among
from service.risk.evaluating import mark_all
from service.risk.related import DEPENDS
from service.risk.rules.active import ActivePolicy, read_pack, read_policy
from service.risk.rules.rater import FEEDS, Rater
from service.risk.rules.rewriting import ACTOR, Rewritten, rewrite
from service.risk.rules.stored_uses import (
    FIRST,
    Profiles,
    Span,
    count_models,
    count_uses,
    next_span,
    read_supply,
    read_uses,
)
from service.risk.settle import mark_due, settle
from service.risk.tables import (
    AssessmentRow,
    ControlResultRow,
    PolicyRow,
    RevaluationRow,
    RiskClockRow,
)
from service.risk.tiers.assess import TOLD, Terms

STEP: Final = 10_000  # models of one transaction, which others wait for
SETTLED: Final = 200  # the same, where everything about them is evaluated
LONGER: Final = sa.text("SET LOCAL statement_timeout = '10min'")
TIERS_OF: Final = ("tier", "status", "workflow_tier")  # that an event says of a model

revaluation, clock, assessment, policies, result, entry, link, receiver = (
    table.__table__
    for table in (
        RevaluationRow, RiskClockRow, AssessmentRow, PolicyRow, ControlResultRow, Entry, Link,
        ReceiverRow,
    )
)  # fmt: skip
Advance = Callable[[int], None]


def ask_revaluation(session: Session, what: str, *, rules_id: int, by: str) -> None:
    """Everything is evaluated again by these rules, which are in force now."""
    total = count_uses(session) if what == "policy" else count_models(session)
    session.execute(
        sa.insert(revaluation).values(
            what=what, rules_id=rules_id, asked_by=by, asked_at=sa.func.clock_timestamp(),
            total=total, rated=0, changed=0,
        )
    )  # fmt: skip


def is_open(session: Session, what: str) -> bool:
    """Does one of this kind go on?"""
    waiting = sa.select(revaluation.c.id).where(
        revaluation.c.what == what, revaluation.c.done_at.is_(None)
    )
    return session.execute(waiting).first() is not None


def continue_revaluations(
    database: Database, *, dry_run: bool = False, advance: Advance | None = None, step: int = STEP
) -> int:
    """Go on with all that waits; how many uses, or models, were evaluated.

    What has to wait for others' transactions is left for the next time.
    """
    with database.reading() as session:
        waiting = sa.select(revaluation.c.id).where(revaluation.c.done_at.is_(None))
        ids = session.execute(waiting.order_by(revaluation.c.id)).scalars().all()
    if dry_run:
        return 0
    return sum(_continue(database, one, step=step, advance=advance) for one in ids)


def _continue(database: Database, one: int, *, step: int, advance: Advance | None) -> int:
    """Go on with one, until it is done or has to wait; its steps share what they have rated."""
    evaluated, stepping = 0, _Stepping(step)
    while True:
        try:
            some = database.transact(lambda session: stepping.step(session, one))
        except Busy:  # somebody evaluates one of these models for longer than we wait
            return evaluated
        if some is None:
            return evaluated
        evaluated += some
        if advance is not None:
            advance(some)


class _Stepping:
    """The steps of one revaluation in one process: it remembers profiles and what they rate."""

    def __init__(self, models: int) -> None:
        self.models, self.profiles = models, Profiles()
        self.rater: Rater | None = None

    def step(self, session: Session, one: int) -> int | None:
        """Evaluate some more; None when it is done, others do it, or have to end first."""
        session.execute(LONGER)
        snapshot = sa.func.pg_snapshot_xmin(sa.func.pg_current_snapshot())
        oldest, own = (
            sa.cast(sa.cast(xid, sa.Text), sa.BigInteger)
            for xid in (snapshot, sa.func.pg_current_xact_id())
        )
        row = session.execute(
            sa.select(revaluation, oldest.label("oldest"), own.label("own"))
            .where(revaluation.c.id == one, revaluation.c.done_at.is_(None))
            .with_for_update(skip_locked=True)
        ).one_or_none()
        if row is None:
            return None
        if row.after_id is None:  # first seen: who runs now may still use the rules before
            _note(session, one, after_id=FIRST, xid=row.own)
            return 0
        if row.oldest < row.xid:
            return None
        by_policy = row.what == "policy"
        models = self.models if by_policy else min(self.models, SETTLED)
        span = next_span(session, row.after_id, models=models, lock=by_policy)
        if span is None:
            _finish(session, row)
            return None
        rated, changed = self._rate(session, span) if by_policy else _settle(session, span)
        _note(session, one, after_id=span.last, rated=revaluation.c.rated + rated,
              changed=revaluation.c.changed + changed)  # fmt: skip
        return rated

    def _rate(self, session: Session, span: Span) -> tuple[int, int]:
        policy = read_policy(session)
        terms = Terms(policy.compiled, policy.document, span.now)
        if self.rater is None or self.rater.terms.policy is not policy.compiled:
            self.rater = Rater(terms)
        rater, profiles = self.rater, self.profiles
        if rater.at(span.now):
            profiles.clear()
        uses = read_uses(session, span)
        profiles.learn(session, ((use.profile, use.use_id) for use in uses))
        supply = read_supply(session, span, profiles=profiles)
        rated = []
        for use in uses:
            fed = supply.fed(use, rater=rater, profiles=profiles)
            rated.append((use, *rater.rate(use, profiles=profiles, fed=fed)))
        if not rated:
            return 0, 0
        written = rewrite(session, rated, policy=policy, span=span)
        _follow(session, written, policy=policy)
        return len(uses), written.changed


def _settle(session: Session, span: Span) -> tuple[int, int]:
    """Evaluate everything about a span's models, by the pack in force."""
    pack = read_pack(session)
    models = session.execute(sa.select(clock.c.model_id).where(span.holds(clock.c.model_id)))
    ids = models.scalars().all()
    settle(
        session,
        ids,
        cause=Cause(ACTOR, reason=f"controls {pack.name} {pack.version}"),
        whole=True,
    )
    changed = sa.select(sa.func.count()).where(
        among(result.c.model_id, ids), result.c.evaluated_at >= span.now
    )
    return len(ids), session.execute(changed).scalar_one()


def _note(session: Session, one: int, **values: Any) -> None:
    session.execute(sa.update(revaluation).where(revaluation.c.id == one).values(**values))


def _follow(session: Session, written: Rewritten, *, policy: ActivePolicy) -> None:
    """Reviews and controls follow by the clock; receivers are told of changed tiers at once."""
    if written.models:
        mark_due(session, written.models)
    wanted = sa.select(receiver.c.id).where(receiver.c.enabled).limit(1)
    if not written.moved or session.execute(wanted).first() is None:
        return
    moved = {row["model_id"]: row for row in written.moved}
    named = session.execute(
        sa.select(*entry.c["id", "namespace", "natural_key"]).where(among(entry.c.id, moved))
    )
    announce(session, [
        Event("tier.changed", row.natural_key or str(row.id), row.namespace, row.id,
              _told(moved[row.id], policy=policy))
        for row in named
    ])  # fmt: skip


def _told(row: Any, *, policy: ActivePolicy) -> dict[str, Any]:
    before, after = (dict(zip(TOLD, row[name], strict=True)) for name in ("before", "after"))
    return {
        **{name: after[name] for name in TIERS_OF},
        "before": before,
        "after": after,
        "policy": f"{policy.name}@{policy.version}",
    }


def _finish(session: Session, row: sa.Row[Any]) -> None:
    """Done; what stored facts alone cannot tell is settled by the clock."""
    if row.what == "policy":
        new = read_policy(session)
        before = session.execute(
            sa.select(policies.c.document)
            .where(policies.c.superseded_at.is_not(None), policies.c.id != new.id)
            .order_by(policies.c.superseded_at.desc())
            .limit(1)
        ).scalar_one_or_none()
        if before is not None and _read_otherwise(
            PolicyDocument.model_validate(before), new.document
        ):
            mark_all(session)
        elif apart := _disagreeing(session):
            mark_due(session, apart)
    _note(session, row.id, done_at=sa.func.clock_timestamp())


def _read_otherwise(before: PolicyDocument, after: PolicyDocument) -> bool:
    """Would facts be built otherwise? By values, limits and their order, not by points alone."""
    return bool(_form(before) != _form(after))


def _form(document: PolicyDocument) -> Any:
    factors = {**document.axes.materiality, **document.axes.inherent}
    return (
        {name: _ranked(points) for name, points in factors.items()},
        document.numeric,
        {name: rule.possible for name, rule in document.facts.items()},
        set(document.purposes),
    )


def _ranked(points: dict[str, int]) -> dict[str, int]:
    """The values with their places; equal points share one."""
    places = {points: place for place, points in enumerate(sorted(set(points.values())))}
    return {value: places[worth] for value, worth in points.items()}


def _disagreeing(session: Session) -> Sequence[UUID]:
    """Models whose fact that they feed a HIGH one is not what their consumers' tiers say.

    A consumer may have changed between its own step and that of the model.
    """
    consumer = assessment.alias("consumer")
    fact = assessment.c.facts[FEEDS].as_boolean()
    certain, possible = (
        sa.func.coalesce(sa.func.bool_or(end == "HIGH"), sa.false())
        for end in (consumer.c.own_low, consumer.c.own_high)
    )
    wrong = sa.or_(
        certain.is_distinct_from(sa.func.coalesce(sa.func.bool_or(fact), sa.false())),
        sa.and_(possible, ~sa.func.bool_and(sa.func.coalesce(fact, sa.true()))),
    )
    found = (
        sa.select(link.c.target_id)
        .join(entry, entry.c.id == link.c.entry_id)
        .join(consumer, consumer.c.model_id == link.c.entry_id)
        .join(assessment, assessment.c.model_id == link.c.target_id)
        .where(link.c.field == DEPENDS, link.c.entry_id != link.c.target_id,
               entry.c.merged_into.is_(None), entry.c.replaced_by.is_(None),
               entry.c.gone_since.is_(None))
        .group_by(link.c.target_id)
        .having(wrong)
    )  # fmt: skip
    return session.execute(found).scalars().all()
