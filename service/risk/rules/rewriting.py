"""Writes what a span of uses is rated now: only what differs, in a few set-based statements."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from service.db import Timestamp
from service.ledger.change import Actor, Change, record_changes
from service.recordset import among, recordset
from service.risk.picture import UNDECLARED
from service.risk.rules.active import ActivePolicy
from service.risk.rules.rater import Clock, Outcome, StoredUse, facts_digest
from service.risk.rules.stored_uses import Span
from service.risk.tables import AssessmentRow, ModelRiskRow
from service.risk.tiers.assess import CLOCK, TOLD, assess_model

ACTOR: Final = Actor("software", "revaluation")
assessment, standing = AssessmentRow.__table__, ModelRiskRow.__table__
use = TYPED[Kind.USE]
RATED: Final = (  # what an outcome sets
    *TOLD, "computed_tier", "own_low", "own_high", "blocked", "materiality_low", "materiality_high",
    "inherent_low", "inherent_high", "floors", "floors_undecided",
)  # fmt: skip
FACTS: Final = ("facts", "facts_digest", "outside")
MATTERING: Final = (*TOLD, "computed_tier", "blocked", "grace_end", "facts_digest")  # to a model
ROLLED: Final = (*TOLD, "computed_tier", "deciding_use", "blocked", "grace_end")
Rated = tuple[StoredUse, Outcome, Clock]


class Rewritten(NamedTuple):
    """What was written: how many uses, and the models that stand otherwise now."""

    changed: int
    models: Sequence[UUID] = ()
    moved: Sequence[sa.RowMapping] = ()  # models with their tiers before and after


def rewrite(
    session: Session, rated: Sequence[Rated], *, policy: ActivePolicy, span: Span
) -> Rewritten:
    """Store the outcomes that differ from what stands, roll them up, and tell the ledger."""
    changed = _write_uses(session, rated, policy=policy, span=span)
    mattering = {row.model_id for row in changed if row.old is not None}
    if not mattering:
        return Rewritten(len(changed))
    concerned = [one for one in rated if one[0].model_id in mattering]
    names = _names(session, mattering)
    _tell(session, changed, names=names, policy=policy)
    moved = _write_models(session, _rolled(concerned, names=names), span=span)
    return Rewritten(len(changed), sorted(mattering), moved)


def _write_uses(
    session: Session, rated: Sequence[Rated], *, policy: ActivePolicy, span: Span
) -> Sequence[sa.Row[Any]]:
    """Answers the rows that changed, with what a change is told of where it matters to a model."""
    given, outcome, moved = _given(rated), _outcomes(rated), _moved(rated)
    new: dict[str, Any] = {name: outcome.c[name] for name in RATED}
    goes_on = moved.c.use_id.is_(None)
    new |= {name: sa.case((goes_on, assessment.c[name]), else_=moved.c[name]) for name in CLOCK}
    new |= {name: sa.func.coalesce(outcome.c[name], assessment.c[name]) for name in FACTS}
    stands = sa.tuple_(*(assessment.c[name] for name in new))
    differ = (
        sa.select(
            assessment.c.use_id,
            *(value.label(name) for name, value in new.items()),
            *(assessment.c[name].label(f"old_{name}") for name in MATTERING),
        )
        .join_from(given, outcome, outcome.c.number == given.c.number)
        .join(assessment, assessment.c.use_id == given.c.use_id)
        .outerjoin(moved, moved.c.use_id == given.c.use_id)
        .where(stands.is_distinct_from(sa.tuple_(*new.values())))
        .subquery("differ")
    )
    matters = sa.tuple_(*(differ.c[name] for name in MATTERING)).is_distinct_from(
        sa.tuple_(*(differ.c[f"old_{name}"] for name in MATTERING))
    )
    old, now = (
        sa.case((matters, _texts(differ.c[f"{prefix}{name}"] for name in TOLD)))
        for prefix in ("old_", "")
    )
    statement = (
        sa.update(assessment)
        .where(assessment.c.use_id == differ.c.use_id)
        .values({name: differ.c[name] for name in new})
        .values(policy_id=policy.id, evaluated_at=span.now)
        .returning(assessment.c.use_id, assessment.c.model_id, old.label("old"), now.label("new"))
    )
    return session.execute(statement).all()


def _given(rated: Sequence[Rated]) -> sa.FromClause:
    """The uses with the numbers of their outcomes: two texts, which is the fastest way there."""
    columns: dict[str, tuple[Any, str]] = {
        "use_id": (sa.Uuid(), ",".join([str(one.use_id) for one, _, _ in rated])),
        "number": (sa.Integer(), ",".join([str(outcome.number) for _, outcome, _ in rated])),
    }
    arrays = [
        sa.cast(sa.func.string_to_array(sa.bindparam(None, text, sa.Text), ","), ARRAY(of))
        for of, text in columns.values()
    ]
    typed = [sa.column(name, of) for name, (of, _) in columns.items()]
    return sa.func.unnest(*arrays).table_valued(*typed, name="given").render_derived()


def _moved(rated: Sequence[Rated]) -> sa.FromClause:
    """Clocks that begin or stop; the others go on as they are."""
    rows = [
        {"use_id": one.use_id, **dict(zip(CLOCK, clock, strict=True))}
        for one, _, clock in rated
        if clock != one.clock
    ]
    return recordset(rows, "moved", use_id=sa.Uuid(), **dict.fromkeys(CLOCK, Timestamp))


def _outcomes(rated: Sequence[Rated]) -> sa.FromClause:
    """Each outcome once; its facts only where they read otherwise than they are stored."""
    rows = []
    for outcome in {one.number: one for _, one, _ in rated}.values():
        row: dict[str, Any] = {"number": outcome.number}
        row |= {name: outcome.row[name] for name in RATED}
        if outcome.moved:
            facts, outside = outcome.said
            row |= {"facts": facts, "facts_digest": facts_digest(facts), "outside": outside}
        rows.append(row)
    types = {name: assessment.c[name].type for name in (*RATED, *FACTS)}
    return recordset(rows, "outcome", number=sa.Integer(), **types)


def _texts(columns: Iterable[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    return array(list(columns), type_=sa.Text())


def _names(session: Session, models: Iterable[UUID]) -> Mapping[UUID, str]:
    """What the uses of models are called; the one that nobody declared stands under the model."""
    rows = session.execute(sa.select(use.c.id, use.c.name).where(among(use.c.model_id, models)))
    return {row.id: row.name or UNDECLARED for row in rows}


def _tell(
    session: Session,
    changed: Sequence[sa.Row[Any]],
    *,
    names: Mapping[UUID, str],
    policy: ActivePolicy,
) -> None:
    """A row of the ledger for each use whose tier, status or workflow tier is another."""
    reason = f"policy {policy.name} {policy.version}"
    record_changes(session, [
        Change("rate", "assessment", ACTOR, entry=row.model_id,
               field=names.get(row.use_id, UNDECLARED), old=dict(zip(TOLD, row.old, strict=True)),
               new=dict(zip(TOLD, row.new, strict=True)), reason=reason)
        for row in changed if row.old is not None and row.old != row.new
    ])  # fmt: skip


def _rolled(rated: Iterable[Rated], *, names: Mapping[UUID, str]) -> list[dict[str, Any]]:
    """The models of these uses, as settling rolls them up."""
    models: dict[UUID, list[Rated]] = {}
    for one in rated:
        models.setdefault(one[0].model_id, []).append(one)
    rows = []
    for model, uses in models.items():
        of = {}
        for stored, outcome, clock in uses:
            name = names.get(stored.use_id, UNDECLARED)
            row = {**outcome.row, "use_id": stored.use_id, "grace_end": clock[2]}
            of[name if name not in of else f"{name} {stored.use_id}"] = (row, outcome.settled)
        row = assess_model(of) | {"model_id": model}
        if any(outcome.moved for _, outcome, _ in uses):
            row["facts_digest"] = facts_digest({
                names.get(stored.use_id, UNDECLARED): outcome.said.facts
                for stored, outcome, _ in uses
            })  # fmt: skip
        rows.append(row)
    return rows


def _write_models(
    session: Session, rows: Sequence[Mapping[str, Any]], *, span: Span
) -> Sequence[sa.RowMapping]:
    """Answers those whose tier, status or workflow tier is another, before and after."""
    columns = {name: standing.c[name].type for name in (*ROLLED, "facts_digest")}
    given = recordset(rows, model_id=sa.Uuid(), **columns)
    new: dict[str, Any] = {name: given.c[name] for name in ROLLED}
    new["facts_digest"] = sa.func.coalesce(given.c.facts_digest, standing.c.facts_digest)
    stands = sa.tuple_(*(standing.c[name] for name in new))
    differ = (
        sa.select(
            standing.c.model_id,
            *(value.label(name) for name, value in new.items()),
            *(standing.c[name].label(f"old_{name}") for name in TOLD),
        )
        .join_from(given, standing, standing.c.model_id == given.c.model_id)
        .where(stands.is_distinct_from(sa.tuple_(*new.values())))
        .subquery("differ")
    )
    written = (
        sa.update(standing)
        .where(standing.c.model_id == differ.c.model_id)
        .values({name: differ.c[name] for name in new})
        .values(evaluated_at=span.now)
        .returning(
            standing.c.model_id, standing.c.grace_end,
            _texts(differ.c[f"old_{name}"] for name in TOLD).label("before"),
            _texts(differ.c[name] for name in TOLD).label("after"),
        )
    )  # fmt: skip
    found = session.execute(written).mappings()
    return [row for row in found if row["before"] != row["after"]]
