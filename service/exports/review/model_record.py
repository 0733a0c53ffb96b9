"""The cells of a model's record: what stands beside its own facts, gathered once for all models."""

from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import aggregate_order_by

from schemas.columns import Column
from schemas.identifiers import Kind
from service.catalog.departed import departed
from service.catalog.risky import RISK
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY, LINK
from service.exports.record import Record
from service.exports.review.entries import version_text
from service.exports.review.eu_class import WORST_FIRST, class_of_use
from service.exports.review.gathering import elements, said_items, together
from service.exports.review.reading import HIDDEN, Reading
from service.exports.review.used import counted_uses
from service.exports.review.values import factor
from service.exports.statement import (
    EMPTY,
    NOT_STATED,
    Text,
    Value,
    bare,
    constant,
    moment,
)
from service.risk.decided_tables import TierOverrideRow
from service.risk.tables import AssessmentRow, PolicyRow

ASSESSMENT, OVERRIDE, POLICY = (
    table.__table__ for table in (AssessmentRow, TierOverrideRow, PolicyRow)
)
USE, VERSION, DEPLOYMENT, OWNER = (
    TYPED[kind] for kind in (Kind.USE, Kind.VERSION, Kind.DEPLOYMENT, Kind.OWNER)
)
RESTING: Final = (Kind.MODEL, Kind.USE, Kind.VERSION)
OF_USES: Final = (
    "purpose", "line_of_business", "jurisdictions", "restrictions", "regulated_purposes",
    "dpia_ref",
)  # fmt: skip


class ModelRecord(Record):
    """The cells of models at the moment of a reading; tables are joined when a cell needs them."""

    def __init__(self, reading: Reading, columns: tuple[Column, ...]) -> None:
        """Prepare the cells of these columns."""
        self.reading = reading
        super().__init__(columns, reading.found, whole=True, raw=reading.raw)

    def joined_by(self, table: sa.FromClause, key: Value, *, to: Value) -> Any:
        """A table with at most one row a model, joined when it is needed first."""
        self.beside.append((table, key == to))
        return table

    def of_home(self, table: sa.FromClause) -> tuple[sa.FromClause, Value]:
        """Rows that stand under a model or under what was merged into it, and which model."""
        homes = self.reading.homes
        return table.join(homes, homes.c.id == table.c.model_id), homes.c.home

    def noted(self, written: Text) -> Text:
        """A note, for those who may read notes of the model."""
        return sa.case((self.reading.tells(self.entry), written), else_=HIDDEN)

    def rated(self, written: Text) -> Text:
        """What an evaluation says; `unknown` before the first."""
        return sa.case((self.risk.c.model_id.is_(None), NOT_STATED), else_=written)

    def time(self, value: Value) -> Text:
        """A time, else nothing."""
        return sa.func.coalesce(moment(value), EMPTY)

    def fact_of_tier(self, name: str) -> Text:
        """A factor of the deciding use, as its tier reads it."""
        return factor(self.cells, self.deciding.c.facts, name=name)

    @cached_property
    def deciding(self) -> Any:
        """The assessment that the model's tier comes from."""
        risk = self.risk
        table = self.reading.at(ASSESSMENT).alias("deciding")
        return self.joined_by(table, table.c.use_id, to=risk.c.deciding_use)

    @cached_property
    def deciding_use(self) -> Any:
        """The use that it is of; none where nobody declared one."""
        risk = self.risk
        table = self.reading.at(USE).alias("deciding_of")
        return self.joined_by(table, table.c.id, to=risk.c.deciding_use)

    @cached_property
    def override(self) -> Any:
        """What people set of the deciding use."""
        deciding = self.deciding
        then = self.reading.at(OVERRIDE)
        holds = sa.and_(then.c.state == "IN_FORCE", then.c.expires_at > self.reading.now)
        table = sa.select(then).where(holds).subquery("set_by_people")
        return self.joined_by(table, table.c.id, to=deciding.c.override_id)

    @cached_property
    def policy(self) -> Any:
        """The policy that the tier was computed by; its name and version never change."""
        deciding = self.deciding
        table = POLICY.alias("computed_by")
        return self.joined_by(table, table.c.id, to=deciding.c.policy_id)

    @cached_property
    def used(self) -> Any:
        """What the uses that count state, together; `<fact>_said` where any states it."""
        counted, use = counted_uses(self.reading), self.reading.at(USE).alias("counted_use")
        said = said_items(use, OF_USES)
        texts = [together(said.c.value, where=said.c.fact == constant(one)).label(one)
                 for one in OF_USES]  # fmt: skip
        stated = [
            sa.func.bool_or(use.c.provenance.has_key(constant(one))).label(f"{one}_said")
            for one in OF_USES
        ]
        declared = sa.func.count(sa.distinct(use.c.id)).filter(~counted.c.implicit)
        shown: list[Any] = [*texts, *stated, declared.label("declared")]
        rows = sa.select(*shown).select_from(
            counted.join(use, use.c.id == counted.c.use_id).outerjoin(said, sa.true())
        )
        return self.gathered(rows, counted.c.model_id, name="used")

    def standing(self, kind: Kind) -> Any:
        """The facts of the entries of a kind that are there: not retired, merged or replaced."""
        typed, entry = self.reading.at(TYPED[kind]), self.reading.at(ENTRY)
        there = sa.select(typed).join(entry, entry.c.id == typed.c.id).where(
            entry.c.gone_since.is_(None), entry.c.merged_into.is_(None),
            entry.c.replaced_by.is_(None),
        )  # fmt: skip
        return there.subquery(f"standing_{kind}")

    def of_uses(self, fact: str) -> Text:
        """What they state of one fact: nothing, where one states that there is none."""
        gathered, said = self.used.c[fact], self.used.c[f"{fact}_said"]
        return sa.case(
            (gathered.is_not(None), self.cells.words(gathered)), (said, EMPTY), else_=NOT_STATED
        )

    @cached_property
    def live_ids(self) -> Any:
        """The versions that are in use: `model_id`, `version_id`."""
        risk = self.reading.at(RISK)
        each = sa.func.jsonb_array_elements_text(risk.c.live).table_valued("value", name="each")
        each = each.render_derived()
        version = sa.cast(each.c.value, sa.Uuid).label("version_id")
        return (
            sa.select(risk.c.model_id, version).select_from(risk).join(each, sa.true()).cte("live")
        )

    @cached_property
    def live(self) -> Any:
        """The numbers, commits and digests of the live versions."""
        ids, version = self.live_ids, self.reading.at(VERSION).alias("lived")
        entry = self.reading.at(ENTRY).alias("lived_as")
        digest = elements(version.c.digests, "digest")
        rows = sa.select(
            together(
                version_text(entry, version.c.number, label=self.view.label_of(version.c.id))
            ).label("numbers"),
            together(constant("git:") + version.c.source_commit).label("commits"),
            together(bare(digest.c.value)).label("digests"),
            sa.func.bool_or(version.c.provenance.has_key(constant("source_commit"))).label("commits_said"),
            sa.func.bool_or(version.c.provenance.has_key(constant("digests"))).label("digests_said"),
        ).select_from(
            ids.join(version, version.c.id == ids.c.version_id)
            .join(entry, entry.c.id == version.c.id)
            .outerjoin(digest, sa.true())
        )  # fmt: skip
        return self.gathered(rows, ids.c.model_id, name="in_use")

    def of_live(self, name: str) -> Text:
        """Digests or commits of the live versions."""
        found, said = self.live.c[name], self.live.c[f"{name}_said"]
        return sa.case(
            (found.is_not(None), self.cells.words(found)), (said, EMPTY), else_=NOT_STATED
        )

    @cached_property
    def runs(self) -> Any:
        """The environments that something of it runs in."""
        deployment, version = self.standing(Kind.DEPLOYMENT), self.reading.at(VERSION)
        where = sa.func.coalesce(deployment.c.environment, deployment.c.environment_class)
        rows = sa.select(together(where).label("environments")).select_from(
            deployment.join(version, version.c.id == deployment.c.version_id)
        )
        return self.gathered(rows, version.c.model_id, name="runs")

    @cached_property
    def parts(self) -> sa.CTE:
        """The entries that a model's record rests on: itself, its uses, its live versions."""
        use, ids, model = counted_uses(self.reading), self.live_ids, self.reading.models
        return sa.union_all(
            sa.select(model.c.id.label("model_id"), model.c.id),
            sa.select(use.c.model_id, use.c.use_id).where(use.c.use_id.is_not(None)),
            sa.select(ids.c.model_id, ids.c.version_id),
        ).cte("parts")

    @cached_property
    def data(self) -> Any:
        """The datasets of a model and its live versions."""
        link, parts = self.reading.at(LINK), self.parts
        named = sa.func.concat_ws(constant(" "), link.c.attributes["dataset"]["value"].astext,
                                  link.c.attributes["role"].astext)  # fmt: skip
        rows = sa.select(together(named).label("datasets")).select_from(
            parts.join(link, link.c.entry_id == parts.c.id)
        )
        return self.gathered(
            rows.where(link.c.field == constant("datasets")), parts.c.model_id, name="data"
        )

    @cached_property
    def owned(self) -> Any:
        """The accountable owners: their addresses, and whether one is still there."""
        link, owner = self.reading.at(LINK).alias("owning"), self.reading.at(OWNER)
        left = departed(self.view, owner)
        rows = (
            sa.select(
                sa.func.count().label("owners"),
                together(owner.c.email).label("emails"),
                sa.func.bool_or(left.is_(sa.false())).label("some"),
                sa.func.bool_and(sa.func.coalesce(left, sa.false())).label("none"),
            )
            .select_from(link.join(owner, owner.c.id == link.c.target_id))
            .where(link.c.field == constant("owners"), link.c.role == constant("accountable"))
        )
        return self.gathered(rows, link.c.entry_id, name="owned")

    @cached_property
    def depends(self) -> Any:
        """The models whose output it consumes."""
        link, target = self.reading.at(LINK).alias("depending"), self.reading.at(ENTRY).alias("fed")
        stated = link.c.attributes["value"].astext
        known = sa.case((self.view.sees(target), target.c.natural_key))
        named = sa.func.coalesce(known, stated)
        rows = sa.select(together(named).label("models")).select_from(
            link.outerjoin(target, target.c.id == link.c.target_id)
        )
        return self.gathered(
            rows.where(link.c.field == constant("depends_on")), link.c.entry_id, name="depends"
        )

    @cached_property
    def rests(self) -> Any:
        """The SHA-256 over what every observation behind the record is known by, line by line."""
        parts = self.parts
        told = [
            sa.select(typed.c.id, typed.c.statements)
            for typed in (self.reading.at(TYPED[kind]) for kind in RESTING)
        ]
        every = sa.union_all(*told).subquery("told")
        said = elements(every.c.statements, "said")
        line = sa.func.concat_ws(
            constant(" "),
            *(said.c.value[name].astext for name in ("source", "by", "subject", "field", "digest")),
        ).collate("C")
        lines = sa.func.string_agg(
            sa.distinct(line), aggregate_order_by(constant("\n"), line), type_=sa.Text
        )
        digest = sa.func.sha256(sa.func.convert_to(lines, constant("UTF8")))
        written = constant("sha256:") + sa.func.encode(digest, constant("hex"))
        rows = sa.select(written.label("digest")).select_from(
            parts.join(every, every.c.id == parts.c.id).join(said, sa.true())
        )
        return self.gathered(rows, parts.c.model_id, name="rests")

    @cached_property
    def eu_classes(self) -> Any:
        """Which classes of the EU AI Act its uses have."""
        assessment = self.reading.at(ASSESSMENT)
        found = class_of_use(assessment.c.facts)
        each = [sa.func.bool_or(found == constant(one)).label(one) for one in WORST_FIRST]
        return self.gathered(sa.select(*each), assessment.c.model_id, name="eu_classes")
