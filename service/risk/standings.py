"""Rates the models of a batch, and writes the rows that differ from what stood there."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from schemas.digest import canonical_json, sha256
from schemas.policy_scale import Tier
from schemas.strict import instant_text
from service.recordset import among, recordset
from service.risk.batch import Batch, Rated, Standing
from service.risk.concessions.summary import read_concessions
from service.risk.findings.opened import red_signals
from service.risk.picture import UNDECLARED, Consumer, Part, Picture
from service.risk.returning import read_earlier
from service.risk.tables import AssessmentRow, ControlResultRow, ModelRiskRow
from service.risk.tiering import rate
from service.risk.tiers.assess import NOTHING, TOLD, Decided, Row, Terms, assess, assess_model
from service.risk.tiers.facts import use_facts
from service.risk.tiers.rollup import Settled, highest

assessment, model_risk, result = (
    table.__table__ for table in (AssessmentRow, ModelRiskRow, ControlResultRow)
)
KEPT: Final = (  # of a model, by others or from before
    "production_since", "confirmed_digest", "confirmed_by", "confirmed_at", "review_state",
    "last_review_at", "next_review_due", "review_grace_end",
)  # fmt: skip
UNCOMPARED: Final = frozenset({"evaluated_at", "valid_from", "policy_id"})  # of no outcome
Before = dict[UUID, Row]  # assessments by use
Own = tuple[Tier, Tier]  # the ends of a model's own tier
FACTS_DIGEST: Final = "facts_digest"


def rate_models(batch: Batch, models: Sequence[UUID]) -> Before:
    """Rate each use of each model, and roll it up; answers what stood there."""
    found = batch.session.execute(
        sa.select(assessment).where(among(assessment.c.model_id, models))
    ).mappings()
    before: Before = {row["use_id"]: dict(row) for row in found}
    batch.granted = read_concessions(batch.session, models, now=batch.now)
    red = red_signals(batch.session, models)
    known: dict[UUID, list[Row]] = defaultdict(list)
    for row in before.values():
        known[row["model_id"]].append(row)
    _know_consumers(batch)
    unknown = [one for one, standing in batch.standings.items() if standing.before is None]
    earlier = read_earlier(batch.session, unknown)
    for model, standing in batch.standings.items():
        standing.earlier = standing.before or earlier.models.get(model)
        clocks = {**earlier.uses, **{row["use_id"]: row for row in known[model]}}
        _rate_model(batch, standing, before=known[model], clocks=clocks, red_signal=model in red)
    return before


def _know_consumers(batch: Batch) -> None:
    """Consumers that are evaluated too count as risky as they are now, not as they were."""
    rates: dict[UUID, Own] = {}
    for standing in batch.standings.values():
        seen = []
        for one in standing.picture.consumers:
            if one.id in batch.standings:
                if one.id not in rates:
                    rates[one.id] = _own_of(batch, batch.standings[one.id].picture)
                seen.append(Consumer(one.id, *rates[one.id]))
            else:
                seen.append(one)
        standing.picture = replace(standing.picture, consumers=tuple(seen))


def _own_of(batch: Batch, picture: Picture) -> Own:
    """A model's tier before what it feeds itself: so the order makes no difference."""
    policy = batch.policy
    rated = [
        rate(policy.compiled, use_facts(picture, one, rules=policy, red_signal=False).values)
        for one in picture.declared or (None,)
    ]
    return highest(*(one.own_low for one in rated)), highest(*(one.own_high for one in rated))


def _rate_model(
    batch: Batch, standing: Standing, *, before: Sequence[Row], clocks: Mapping[UUID, Row],
    red_signal: bool,
) -> None:  # fmt: skip
    picture = standing.picture
    parts: Sequence[tuple[Part | None, UUID]]
    parts = [(one, one.id) for one in picture.declared] or [(None, picture.id)]
    stood = {row["use_id"]: row for row in before}
    here = {use_id for _, use_id in parts}
    taken_over = _oldest([row for use_id, row in stood.items() if use_id not in here])
    uses = {}
    for part, use_id in parts:
        name = (part.value("name") if part else None) or UNDECLARED
        facts = use_facts(picture, part, rules=batch.policy, red_signal=red_signal)
        rated = Rated(part, use_id, name, facts, stood.get(use_id))
        settled = _rate_use(batch, standing, rated=rated, clock=clocks.get(use_id) or taken_over)
        standing.uses.append(rated)
        uses[name if name not in uses else f"{name} {use_id}"] = (rated.after, settled)
    standing.after = _of_model(standing, assess_model(uses), batch=batch)
    standing.moved = _own(before) != _own([one.after for one in standing.uses])


def _rate_use(batch: Batch, standing: Standing, *, rated: Rated, clock: Row | None) -> Settled:
    in_force = batch.granted.uses.get(rated.use_id)
    values = rated.facts.values
    row, settled = assess(
        values,
        terms=Terms(batch.policy.compiled, batch.policy.document, batch.now),
        decided=Decided(in_force.override_tier, in_force.raises, in_force.exempt)
        if in_force
        else NOTHING,
        clock=clock,
        in_production=bool(standing.picture.in_production),
    )
    rated.after = row | {
        "use_id": rated.use_id, "model_id": standing.picture.id, "policy_id": batch.policy.id,
        "facts": values, FACTS_DIGEST: _digest(values), "outside": dict(rated.facts.outside),
        "override_id": in_force.override if in_force else None,
        "exemption_id": in_force.exemption if in_force else None,
        "evaluated_at": batch.now,
    }  # fmt: skip
    standing.again_at(row["grace_end"], *(in_force.ends if in_force else ()))
    return settled


def _oldest(ended: Sequence[Row]) -> Row | None:
    """The clock that a new use goes on with: of the uses that it takes the place of.

    So a use that is declared, or called by another name, wins no time.
    """
    begun = [row for row in ended if row["provisional_since"] is not None]
    return min(begun, key=lambda row: row["provisional_since"], default=None)


def _own(rows: Sequence[Row]) -> Own | None:
    if not rows:
        return None
    return highest(*(row["own_low"] for row in rows)), highest(*(row["own_high"] for row in rows))


def _digest(values: Mapping[str, Any]) -> str:
    return sha256(canonical_json(values))


def _of_model(standing: Standing, rolled: dict[str, Any], *, batch: Batch) -> dict[str, Any]:
    picture, before = standing.picture, standing.earlier or {}
    kept = {name: before.get(name) for name in KEPT}
    if picture.in_production:
        kept["production_since"] = kept["production_since"] or picture.first_production_at
        kept["production_since"] = kept["production_since"] or batch.now
    return {
        **kept,
        **rolled,
        "model_id": picture.id,
        "uses": sum(not one.implicit for one in standing.uses),
        "live": sorted(str(one.id) for one in picture.live),
        "in_production": picture.in_production,
        FACTS_DIGEST: _digest({one.name: one.facts.values for one in standing.uses}),
        "evaluated_at": batch.now,
    }


def write_standings(batch: Batch, *, before: Before, vanished: Collection[UUID]) -> None:
    """Write assessments and models whose result differs, tell what changed, drop what is gone."""
    rated = [one for found in batch.standings.values() for one in found.uses]
    _upsert(batch, assessment, key="use_id", rows=[one.after for one in rated if _differs(one)])
    for found in batch.standings.values():
        for one in found.uses:
            _tell(batch, one)
        _announce(batch, found)
    _drop(batch, ended=before.keys() - {one.use_id for one in rated}, vanished=vanished)
    changed = [found.after for found in batch.standings.values() if _differs(found)]
    _upsert(batch, model_risk, key="model_id", rows=changed)


def _differs(one: Rated | Standing) -> bool:
    if one.before is None:
        return True
    new = {name: value for name, value in one.after.items() if name not in UNCOMPARED}
    return any(one.before[name] != value for name, value in new.items())


def _tell(batch: Batch, one: Rated) -> None:
    if one.before is None or all(one.before[name] == one.after[name] for name in TOLD):
        return
    old, new = ({name: row[name] for name in TOLD} for row in (one.before, one.after))
    batch.tell("rate", "assessment", model=one.after["model_id"], field=one.name, old=old, new=new)


def _announce(batch: Batch, found: Standing) -> None:
    before, after = found.before, found.after
    if before is None or all(before[name] == after[name] for name in TOLD):
        return
    batch.announce("tier.changed", model=found.picture.id, before={n: before[n] for n in TOLD},
                   after={n: after[n] for n in TOLD},
                   grace_end=after["grace_end"] and instant_text(after["grace_end"]))  # fmt: skip


def _upsert(batch: Batch, table: sa.Table, *, key: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    columns = {c.name: c.type for c in table.columns if c.name in rows[0]}
    given = recordset(sorted(rows, key=lambda row: str(row[key])), **columns)
    new = insert(table).from_select([*columns], sa.select(given))
    changed = {name: new.excluded[name] for name in columns if name != key}
    batch.session.execute(new.on_conflict_do_update(index_elements=[key], set_=changed))


def _drop(batch: Batch, *, ended: Collection[UUID], vanished: Collection[UUID]) -> None:
    """Uses that ended, and models that are others' now; history keeps how they stood."""
    for column, gone in (
        (assessment.c.use_id, ended), (model_risk.c.model_id, vanished),
        (result.c.model_id, vanished),
    ):  # fmt: skip
        if gone:
            batch.session.execute(sa.delete(column.table).where(among(column, gone)))
