"""What nobody knew of the models in scope, since when, and who could say it."""

from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, distinct_on

from service.catalog.lateness import MISSED, PUSHED, lasting
from service.catalog.tables import Entry
from service.db import Timestamp
from service.exports.review.gathering import elements
from service.exports.review.loose import loose_rows
from service.exports.review.reading import HIDDEN, Reading
from service.exports.review.required import missing_fields
from service.exports.review.reviews import decided_then
from service.exports.review.values import unmarked
from service.exports.statement import EMPTY, Value, as_text, constant
from service.ingest.tables import HarvestRow, ScopeRow, SourceRow
from service.risk.controls.snapshot_schema import REVIEWERS
from service.risk.decided_tables import ReviewRow
from service.risk.picture import UNDECLARED
from service.risk.tables import AssessmentRow, ControlResultRow

ENTRY, REVIEW, ASSESSMENT, RESULT, SOURCE, SCOPE, HARVEST = (
    table.__table__
    for table in (
        Entry, ReviewRow, AssessmentRow, ControlResultRow, SourceRow, ScopeRow, HarvestRow,
    )
)  # fmt: skip
SEEN: Final = (  # facts that a source may show; all others only people can state
    "asset_kind", "description", "exposure", "framework", "jurisdictions", "license", "lifecycle",
    "line_of_business", "metrics", "model_class", "origin", "performance_thresholds", "task",
    "update_mode",
)  # fmt: skip
PERSON, SOURCES, EITHER = (constant(who) for who in ("person", "source", "person or source"))
KEEPERS: Final = constant("whoever keeps the pack of controls")  # the control itself is at fault
ENDED: Final = ("CANCELLED", "SUPERSEDED")
DOT, SPACE, SLASH = constant("."), constant(" "), constant("/")
NEVER: Final = sa.cast(sa.null(), Timestamp)


def select_unknowns(reading: Reading) -> sa.Select[Any]:
    """Facts, floors, controls and identities of each model; sources once, for they are of all."""
    grouped = _grouped(reading).subquery("grouped")
    what = sa.case((grouped.c.what.is_(None), HIDDEN), else_=reading.words(grouped.c.what))
    rows = loose_rows(
        reading, grouped,
        grouped.c.what_kind, what, reading.words(grouped.c.of_use), reading.when(grouped.c.since),
        reading.words(grouped.c.who),
    )  # fmt: skip
    texts = (sa.func.coalesce(grouped.c.what, HIDDEN), grouped.c.of_use)
    return reading.ordered(
        rows, grouped.c.what_kind, *map(unmarked, texts), grouped.c.what, texts[1]
    )


def _grouped(reading: Reading) -> sa.Select[Any]:
    """Everything that is unknown once; what stands in notes is NULL for whom they are not for."""
    branches = (_fields, _floors, _controls, _identities, _reviews, _sources)
    each = sa.union_all(*(branch(reading) for branch in branches)).subquery("each")
    models = reading.models
    hidden = sa.and_(each.c.secret, ~sa.func.coalesce(models.c.told, sa.true()))
    masked = (
        sa.select(*each.c["home", "what_kind", "of_use", "since", "who"],
                  sa.case((~hidden, each.c.what)).label("what"))
        .select_from(each)
        .outerjoin(models, models.c.id == each.c.home)
        .subquery("masked")
    )  # fmt: skip
    key = masked.c["home", "what_kind", "what", "of_use"]
    earliest = (sa.func.min(masked.c[name]).label(name) for name in ("since", "who"))
    return sa.select(*key, *earliest).group_by(*key)


class Unknown(NamedTuple):
    """One thing that is not known; `secret` where what it is stands in notes."""

    what_kind: str
    what: Value
    who: Value
    of_use: Value = EMPTY
    since: Value = NEVER
    secret: bool = False

    def of(self, home: Value) -> sa.Select[Any]:
        """It, of a model."""
        columns: list[Any] = [
            home.label("home"), sa.cast(constant(self.what_kind), sa.Text).label("what_kind"),
            self.what.label("what"), sa.cast(self.of_use, sa.Text).label("of_use"),
            self.since.label("since"), sa.cast(self.who, sa.Text).label("who"),
            sa.literal(self.secret).label("secret"),
        ]  # fmt: skip
        return sa.select(*columns)


def _fields(reading: Reading) -> sa.Select[Any]:
    missing = missing_fields(reading)
    who = sa.case((missing.c.field.in_(SEEN), SOURCES), else_=PERSON)
    what = missing.c.kind + DOT + missing.c.field
    return Unknown("field", what, who).of(missing.c.model_id).select_from(missing)


def _floors(reading: Reading) -> sa.Select[Any]:
    """Rules of the policy that would lift a use's tier, of which too little is known to say."""
    rated, homes = reading.at(ASSESSMENT), reading.homes
    use, model = reading.at(ENTRY).alias("of_use"), reading.models
    floor = sa.func.jsonb_array_elements_text(rated.c.floors_undecided)
    each = floor.table_valued("id", name="floor").render_derived()
    implicit = model.c.name + SLASH + constant(UNDECLARED)
    named = sa.case((rated.c.use_id == rated.c.model_id, implicit), else_=use.c.natural_key)
    return (
        Unknown("floor", each.c.id, EITHER, sa.func.coalesce(named, as_text(rated.c.use_id)),
                since=rated.c.provisional_since)
        .of(homes.c.home)
        .select_from(rated)
        .join(homes, homes.c.id == rated.c.model_id)
        .join(model, model.c.id == homes.c.home)
        .join(each, sa.true())
        .outerjoin(use, use.c.id == rated.c.use_id)
        .where(homes.c.id == homes.c.home)  # what was merged away is rated no more
    )  # fmt: skip


def _controls(reading: Reading) -> sa.Select[Any]:
    """Each thing that a control would have to know; of one that is at fault the control alone."""
    result, homes = reading.at(RESULT), reading.homes
    lacking = elements(result.c.missing, "lacking")
    path = lacking.c.value["path"].astext
    who = sa.func.coalesce(lacking.c.value["who"].astext, KEEPERS)
    what = sa.func.concat_ws(SPACE, result.c.control, path)
    return (
        Unknown("control", what, who, since=result.c.since)
        .of(homes.c.home)
        .select_from(result)
        .join(homes, homes.c.id == result.c.model_id)
        .outerjoin(lacking, sa.true())
        .where(result.c.result == "UNKNOWN", homes.c.id == homes.c.home)
    )


def _identities(reading: Reading) -> sa.Select[Any]:
    """Builders whom nobody knew when the newest decision about a version was taken."""
    decided, homes = _newest(reading), reading.homes
    builder = elements(decided.c.builders, "builder")
    return (
        Unknown("identity", builder.c.value["identity"].astext, constant(REVIEWERS),
                since=decided.c.decided_at, secret=True)
        .of(homes.c.home)
        .select_from(decided)
        .join(homes, homes.c.id == decided.c.model_id)
        .join(builder, _unresolved(builder))
    )  # fmt: skip


def _reviews(reading: Reading) -> sa.Select[Any]:
    """Reviews of which nobody can say whether they are independent, and that name no identity."""
    review, decided, homes = reading.at(REVIEW), decided_then(reading), reading.homes
    builder = elements(decided.c.builders, "builder")
    names = sa.exists(sa.select(1).select_from(builder).where(_unresolved(builder)))
    independence = sa.func.coalesce(decided.c.independence, review.c.independence)
    since = sa.func.coalesce(decided.c.decided_at, review.c.opened_at)
    return (
        Unknown("identity", constant("review ") + as_text(review.c.id), constant(REVIEWERS),
                since=since)
        .of(homes.c.home)
        .select_from(review)
        .join(homes, homes.c.id == review.c.model_id)
        .outerjoin(decided, decided.c.review_id == review.c.id)
        .where(independence == "UNKNOWN", review.c.state.not_in(ENDED))
        .where(sa.or_(decided.c.id.is_(None), ~names))
    )  # fmt: skip


def _newest(reading: Reading) -> sa.Subquery:
    """The newest decision about each version."""
    decided = decided_then(reading)
    order = (decided.c.decided_at.desc(), decided.c.id.desc())
    newest = sa.select(decided).ext(distinct_on(decided.c.version_id))
    return newest.order_by(decided.c.version_id, *order).subquery("newest")


def _unresolved(builder: Any) -> sa.ColumnElement[bool]:
    found: sa.ColumnElement[bool] = builder.c.value["resolved"] == sa.cast(False, JSONB)  # noqa: FBT003  # JSON
    return found


def _sources(reading: Reading) -> sa.Select[Any]:
    """Sources without a complete look in time of each scope, since when that is so."""
    source, look = reading.at(SOURCE), _looks(reading)
    interval = MISSED * lasting(source.c.expected_interval_seconds)
    late = sa.func.coalesce(look.c.closed_at + interval < reading.now, sa.true())
    lacking = sa.func.bool_or(sa.or_(late, look.c.held_back))
    never = sa.func.bool_or(look.c.closed_at.is_(None))
    since = sa.case((never, NEVER), else_=sa.func.min(look.c.closed_at))
    rows = (
        Unknown("source", source.c.name, SOURCES, since=since)
        .of(sa.cast(sa.null(), sa.Uuid))
        .select_from(source)
        .outerjoin(look, look.c.source_id == source.c.id)
        .where(source.c.kind.not_in(PUSHED))
        .group_by(source.c.id, source.c.name, source.c.enabled)
        .having(sa.or_(~source.c.enabled, lacking))
    )
    if reading.caller.namespaces is not None:
        rows = rows.where(source.c.namespace.in_(sorted(reading.caller.namespaces)))
    return rows


def _looks(reading: Reading) -> sa.Subquery:
    """Each scope that a harvest was opened of, and its last complete full one."""
    until = (
        sa.select(HARVEST.c.scope_id, HARVEST.c.closed_at, HARVEST.c.report)
        .where(~HARVEST.c.dry_run, HARVEST.c.coverage == "full", HARVEST.c.outcome == "complete",
               reading.past(HARVEST.c.closed_at))
        .ext(distinct_on(HARVEST.c.scope_id))
        .order_by(HARVEST.c.scope_id, HARVEST.c.closed_at.desc())
        .subquery("until")
    )  # fmt: skip
    opened = sa.exists().where(
        HARVEST.c.scope_id == SCOPE.c.id, ~HARVEST.c.dry_run, reading.past(HARVEST.c.opened_at)
    )
    held = sa.cast(until.c.report["held_back"].astext, sa.BigInteger) > 0
    return (
        sa.select(SCOPE.c.source_id, until.c.closed_at,
                  sa.func.coalesce(held, sa.false()).label("held_back"))
        .select_from(SCOPE)
        .outerjoin(until, until.c.scope_id == SCOPE.c.id)
        .where(opened)
        .subquery("look")
    )  # fmt: skip
