"""Which facts the tier of a model requires, and which of them nobody states, as it stood.

The same answer as `service.risk.controls.snapshot.missing_required` gives for one picture; a test
compares them.
"""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.catalog.view import bears_name
from service.exports.review.reading import Reading
from service.exports.statement import Value, as_text, constant
from service.risk.controls.snapshot import ELSEWHERE, REQUIRED
from service.risk.picture import UNDECLARED
from service.risk.tables import ModelRiskRow

RISK: Final = ModelRiskRow.__table__
ENTRY: Final = Entry.__table__
MODEL, USE, VERSION = (TYPED[kind] for kind in (Kind.MODEL, Kind.USE, Kind.VERSION))
HIGHER: Final = ("MEDIUM", "HIGH")  # tiers that require more


def missing_fields(reading: Reading) -> sa.Subquery:
    """Facts that the workflow tier requires and nobody states: one row a model and fact.

    `model_id`, `use_id` (always NULL: a fact is missing where one use lacks it), `kind` and
    `field`. Models that were not evaluated by then have none.
    """
    return _missing(reading, _rated(reading))


def required_count(tier: Value) -> Value:
    """How many facts a workflow tier requires."""
    few, more = (sum(map(len, REQUIRED[name].values())) for name in ("LOW", "MEDIUM"))
    return sa.case((tier.in_(HIGHER), constant(few + more)), else_=constant(few))


def completeness(reading: Reading) -> sa.Subquery:
    """`model_id` and `percent`: the share of the required facts that somebody states."""
    rated = _rated(reading)
    missing = _missing(reading, rated)
    required, lacking = required_count(rated.c.workflow_tier), sa.func.count(missing.c.field)
    percent = constant(100) * (required - lacking) // required
    return (
        sa.select(rated.c.id.label("model_id"), sa.cast(percent, sa.Integer).label("percent"))
        .select_from(rated)
        .outerjoin(missing, missing.c.model_id == rated.c.id)
        .group_by(rated.c.id, rated.c.workflow_tier)
        .subquery("completeness")
    )


def _missing(reading: Reading, rated: sa.CTE) -> sa.Subquery:
    branches = (_lacking(rated, part, kind=kind) for kind, part in _parts(reading, rated))
    return sa.union(*branches).subquery("missing")


def _rated(reading: Reading) -> sa.CTE:
    """The models in scope with their workflow tier, live versions, and what is said of each."""
    models, risk = reading.models, reading.at(RISK)
    entry, model = reading.at(ENTRY), reading.at(MODEL)
    return (
        sa.select(
            models.c.id, risk.c.workflow_tier, risk.c.live, model.c.provenance, entry.c.gone_since
        )
        .select_from(models)
        .join(risk, risk.c.model_id == models.c.id)
        .join(model, model.c.id == models.c.id)
        .join(entry, entry.c.id == models.c.id)
        .cte()
    )


def _parts(reading: Reading, rated: sa.CTE) -> Iterator[tuple[str, sa.FromClause | None]]:
    """What the facts are of: the model itself, uses that count, live versions."""
    yield "model", None
    yield "use", _declared(reading, rated)
    yield "version", _live(reading, rated)


def _declared(reading: Reading, rated: sa.CTE) -> sa.Subquery:
    """The uses of each model; what somebody answered without declaring one gives way."""
    entry, use = reading.at(ENTRY), reading.at(USE)
    named = use.c.name.is_distinct_from(constant(UNDECLARED))
    some = sa.func.bool_or(named).over(partition_by=use.c.model_id)
    each = (
        sa.select(use.c.model_id, use.c.provenance, named.label("named"), some.label("some"))
        .select_from(use)
        .join(entry, entry.c.id == use.c.id)
        .join(rated, rated.c.id == use.c.model_id)
        .where(bears_name(entry))
        .where(sa.or_(entry.c.gone_since.is_(None), entry.c.gone_since >= rated.c.gone_since))
        .subquery("each_use")
    )
    counts = sa.or_(each.c.named, ~each.c.some)
    return sa.select(each.c.model_id, each.c.provenance).where(counts).subquery("declared")


def _live(reading: Reading, rated: sa.CTE) -> sa.Subquery:
    """The live versions, as they were found when the model was evaluated."""
    version = reading.at(VERSION)
    return (
        sa.select(version.c.model_id, version.c.provenance)
        .select_from(version)
        .join(rated, rated.c.id == version.c.model_id)
        .where(rated.c.live.has_key(as_text(version.c.id)))
        .subquery("live")
    )


def _lacking(rated: sa.CTE, part: sa.FromClause | None, *, kind: str) -> sa.Select[Any]:
    """Facts of a kind that some part does not state; all of them where there is no part."""
    asked, said = _asked(kind), rated.c.provenance
    joined: sa.FromClause = rated
    if part is not None:
        said, joined = part.c.provenance, rated.outerjoin(part, part.c.model_id == rated.c.id)
    states = sa.func.coalesce(said.has_key(asked.c.field), sa.false())
    for_all = sa.and_(asked.c.elsewhere, rated.c.provenance.has_key(asked.c.field))
    return (
        sa.select(
            rated.c.id.label("model_id"), sa.cast(sa.null(), sa.Uuid).label("use_id"),
            sa.cast(constant(kind), sa.Text).label("kind"), asked.c.field,
        )
        .distinct()
        .select_from(joined)
        .join(asked, sa.or_(~asked.c.more, rated.c.workflow_tier.in_(HIGHER)))
        .where(~states, ~for_all)
    )  # fmt: skip


def _asked(kind: str) -> sa.Values:
    """The facts of a kind: `more` where only higher tiers require them."""
    rows = [
        (name, tier != "LOW", name in ELSEWHERE)
        for tier, fields in REQUIRED.items()
        for name in fields.get(kind, ())
    ]
    columns = (sa.column("field", sa.Text), sa.column("more", sa.Boolean),
               sa.column("elsewhere", sa.Boolean))  # fmt: skip
    return sa.values(*columns, name=f"required_of_{kind}", literal_binds=True).data(rows)
