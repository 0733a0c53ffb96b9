"""The uses of the models in scope as an inventory of AI uses: a record each, 36 columns.

A record selects for every cell what the facts say, whether the inventory's own source decides them,
and the cell that was kept; `service.exports.review.omb_cells` writes it.
"""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from schemas.identifiers import Kind
from schemas.omb_columns import OMB
from schemas.omb_words import BY_NAME, Column, Form
from service.catalog.risky import RISK
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY, LINK, SUBJECT, bears_name
from service.exports.review.gathering import elements
from service.exports.review.omb_cells import write_cell
from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, Value, as_text, bare, constant
from service.risk.tables import AssessmentRow

ASSESSMENT: Final = AssessmentRow.__table__
SCHEME: Final = "omb"  # of the identifiers that records are known by
CODE: Final = "code"  # the title of a link to code that is in no repository
TIERED: Final = frozenset({"model_class", "origin", "data_sensitivity"})  # of parts of a model too
FINISH: Final[Mapping[str, Callable[[Reading, str], str]]] = {
    column.name: partial(write_cell, column=column.name) for column in OMB
}


def select_omb(reading: Reading) -> sa.Select[Any]:
    """A record a use; a model of which nobody declared one has one record too."""
    inventory = _Inventory(reading)
    shown = [inventory.selected(BY_NAME[column.name]) for column in OMB]
    labelled: list[Any] = [as_text(cell).label(f"c{n}") for n, cell in enumerate(shown)]
    rows = sa.select(*labelled).select_from(inventory.joined)
    return reading.ordered(rows, sa.func.coalesce(inventory.use_entry.c.natural_key, EMPTY))


class _Inventory:
    """The tables that a record is read from, and what is selected for its cells."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.model = reading.at(TYPED[Kind.MODEL]).alias("of_model")
        self.use, self.use_entry = self._uses()
        self.assessed = reading.at(ASSESSMENT).alias("assessed")
        self.kept = self._kept()
        self.ours = self._ours()

    @property
    def joined(self) -> sa.FromClause:
        """Every use of a model beside the model, its data, owners and code."""
        models, use = self.reading.models, self.use
        about = sa.func.coalesce(use.c.id, models.c.id)
        found = (
            models.join(self.model, self.model.c.id == models.c.id)
            .outerjoin(use, use.c.home == models.c.id)
            .outerjoin(self.use_entry, self.use_entry.c.id == use.c.id)
            .outerjoin(self.assessed, self.assessed.c.use_id == about)
            .join(self.kept, sa.true())
            .join(self.ours, sa.true())
        )
        for table in (self.known, self.owned, self.coded, self.data):
            found = found.outerjoin(table, table.c.of == models.c.id)
        return found

    def selected(self, column: Column) -> Value:
        """What a cell is written from, as JSON."""
        parts: dict[str, Value] = {
            "cell": self.kept.c.cells[constant(column.name)],
            "said": self.said(column),
        }
        if column.form in {Form.IDENTITY, Form.TITLE}:
            name = sa.func.coalesce(self.use_entry.c.natural_key, self.reading.models.c.name)
            parts |= {"known": self.known.c.known, "use": sa.func.to_jsonb(name)}
        if column.form is Form.TITLE:
            parts["title"] = sa.func.to_jsonb(self.model.c.display_name)
        return _document(parts)

    def said(self, column: Column) -> Value:
        """What is said of a column's fact; NULL where nobody states it."""
        beside: Mapping[str, Callable[[], Value]] = {
            "agency": self._agency, "id": self._id,
            "contact_email": self._owners, "has_custom_code": self._repositories,
            "code_url": self._code, "data_description": partial(self._of_data, "described"),
            "link_to_data": partial(self._of_data, "placed"),
        }  # fmt: skip
        if column.name in beside:
            return beside[column.name]()
        kind, _, fact = column.facts[-1 if column.form is Form.TITLE else 0].partition(".")
        said = self._stated(self.use if kind == Kind.USE else self.model, fact)
        if fact not in TIERED:
            return said
        tiered = self.assessed.c.facts[constant(fact)]
        return sa.func.coalesce(said, _if(tiered.is_not(None), _said(tiered, sa.false())))

    def _stated(self, table: sa.FromClause, fact: str) -> Value:
        ranked, name = table.c.provenance[constant(fact)], constant(fact)
        value = sa.func.coalesce(
            _if(
                table.c.narrowed.has_key(name),
                sa.func.jsonb_build_object(constant("one_of"), table.c.narrowed[name]),
            ),
            sa.func.to_jsonb(table.c[fact]),
        )
        return _if(ranked.is_not(None), _said(value, self._decided(table, ranked)))

    def _decided(self, table: sa.FromClause, ranked: Value) -> Value:
        """Is the strongest statement the inventory's?"""
        strongest = table.c.statements[sa.cast(ranked[0].astext, sa.Integer)]["source"]
        return sa.func.coalesce(self.ours.c.sources.contains(strongest), sa.false())

    def _alone(self, fact: str) -> Value:
        """Is a fact that several may add to the inventory's alone, or nobody's?"""
        ranked = elements(self.model.c.provenance[constant(fact)], f"ranked_{fact}")
        place = sa.cast(bare(ranked.c.value), sa.Integer)
        source = self.model.c.statements[place]["source"]
        theirs = ~sa.func.coalesce(self.ours.c.sources.contains(source), sa.false())
        every: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(ranked).where(theirs)
        return ~sa.exists(every.correlate(self.model, self.ours))

    def _agency(self) -> Value:
        space = sa.func.coalesce(self.model.c.namespace, self.reading.models.c.namespace)
        return _if(space.is_not(None), _said(space, sa.false()))

    def _id(self) -> Value:
        """The name; of what has none what it was first known by."""
        name = sa.func.coalesce(
            self.model.c.name, self.reading.view.label_of(self.reading.models.c.id)
        )
        return _said(name, sa.false())

    def _owners(self) -> Value:
        ranked = self.model.c.provenance[constant("owners")]
        found = sa.func.coalesce(self.owned.c.lists, self.owned.c.emails, _list())
        return _if(ranked.is_not(None), _said(found, self._decided(self.model, ranked)))

    def _repositories(self) -> Value:
        fact = constant("repositories")
        value = sa.func.coalesce(self.coded.c.urls, _list())
        stated = self.model.c.provenance.has_key(fact)
        return _if(stated, _said(value, self._alone("repositories")))

    def _code(self) -> Value:
        """Repositories, then links to what is none."""
        links = elements(self.model.c.links, "linked")
        url = links.c.value["url"].astext.collate("C")
        listed = sa.select(sa.func.jsonb_agg(aggregate_order_by(url, url))).where(
            links.c.value["title"].astext == constant(CODE)
        )
        more = listed.select_from(links).correlate(self.model).scalar_subquery()
        found = sa.func.coalesce(self.coded.c.urls, _list()).op("||")(
            sa.func.coalesce(more, _list())
        )
        alone = sa.and_(self._alone("repositories"), self._alone("links"))
        return _if(found != _list(), _said(found, alone))

    def _of_data(self, name: str) -> Value:
        found, ours = self.data.c[name], self.data.c[f"{name}_ours"]
        return _if(found.is_not(None), _said(found, ours))

    def _uses(self) -> tuple[Any, Any]:
        """The uses that stand; of a model that has ended those that ended with it or since."""
        reading, homes = self.reading, self.reading.homes
        use, entry = reading.at(TYPED[Kind.USE]), reading.at(ENTRY)
        above = entry.alias("above")
        there = sa.or_(entry.c.gone_since.is_(None), entry.c.gone_since >= above.c.gone_since)
        joined = (
            use.join(entry, entry.c.id == use.c.id)
            .join(homes, homes.c.id == use.c.model_id)
            .join(above, above.c.id == homes.c.home)
        )
        found = sa.select(use, homes.c.home).select_from(joined).where(bears_name(entry), there)
        return found.subquery("of_use"), entry.alias("use_entry")

    def _kept(self) -> Any:
        """The cells that the use keeps, by column."""
        each = elements(self.use.c.cells, "one_cell")
        gathered = sa.func.jsonb_object_agg(each.c.value["column"].astext, each.c.value)
        whole = sa.select(sa.type_coerce(gathered, JSONB).label("cells")).select_from(each)
        return whole.correlate(self.use).lateral("kept")

    def _ours(self) -> Any:
        """The sources whose records the model is."""
        each = elements(self.model.c.statements, "one_statement")
        gathered = sa.func.jsonb_agg(each.c.value["source"])
        whole = sa.select(sa.type_coerce(gathered, JSONB).label("sources")).where(
            sa.func.starts_with(each.c.value["subject"].astext, constant(f"{SCHEME}:"))
        )
        return whole.select_from(each).correlate(self.model).lateral("ours")

    @cached_property
    def known(self) -> Any:
        """The records that a model is, of any year."""
        subject, homes = self.reading.at(SUBJECT).alias("record"), self.reading.homes
        value = subject.c.value
        return (
            sa.select(
                homes.c.home.label("of"), _gathered(value).label("known"),
            )
            .select_from(subject.join(homes, homes.c.id == subject.c.entry_id))
            .where(subject.c.kind == constant(str(Kind.MODEL)))
            .where(subject.c.scheme == constant(SCHEME))
            .group_by(homes.c.home)
            .subquery("known")
        )  # fmt: skip

    @cached_property
    def owned(self) -> Any:
        """The addresses of the accountable owners, and of those that are lists."""
        link, owner = self._linked("owners"), self.reading.at(TYPED[Kind.OWNER]).alias("owning")
        email, listed = owner.c.email, owner.c.kind == constant("list")
        return (
            sa.select(
                link.c.entry_id.label("of"),
                _gathered(email, where=email.is_not(None)).label("emails"),
                _gathered(email, where=sa.and_(email.is_not(None), listed)).label("lists"),
            )
            .select_from(link.join(owner, owner.c.id == link.c.target_id))
            .where(link.c.role == constant("accountable"))
            .group_by(link.c.entry_id)
            .subquery("owned")
        )

    @cached_property
    def coded(self) -> Any:
        """The repositories of a model."""
        link = self._linked("repositories")
        url = link.c.attributes["repository"]["value"].astext
        rows = sa.select(link.c.entry_id.label("of"), _gathered(url).label("urls"))
        return rows.group_by(link.c.entry_id).subquery("coded")

    @cached_property
    def data(self) -> Any:
        """What is said of the datasets of a model and its live versions that the caller may see."""
        link, reading = self._linked("datasets"), self.reading
        dataset, entry = reading.at(TYPED[Kind.DATASET]).alias("data"), reading.at(ENTRY)
        target, parts = entry.alias("data_entry"), self._parts()
        said = sa.func.coalesce(dataset.c.description, link.c.attributes["description"].astext)
        first = dataset.c.statements[0]["subject"].astext
        ours = sa.func.coalesce(sa.func.starts_with(first, constant(f"{SCHEME}:")), sa.false())
        columns: list[Any] = [parts.c.model_id.label("of")]
        for name, value in (("described", said), ("placed", dataset.c.source_url)):
            there = value.is_not(None)
            columns += [
                _gathered(value, where=there).label(name),
                sa.func.bool_and(ours).filter(there).label(f"{name}_ours"),
            ]
        joined = (
            parts.join(link, link.c.entry_id == parts.c.id)
            .join(dataset, dataset.c.id == link.c.target_id)
            .join(target, target.c.id == dataset.c.id)
        )
        seen = reading.view.visible(target, kind=Kind.DATASET)
        rows = sa.select(*columns).select_from(joined).where(seen)
        return rows.group_by(parts.c.model_id).subquery("data_of")

    def _parts(self) -> sa.CTE:
        """The entries whose datasets count: a model and its live versions."""
        models, risk = self.reading.models, self.reading.at(RISK).alias("standing")
        each = elements(risk.c.live, "live_version")
        version = sa.cast(bare(each.c.value), sa.Uuid)
        return sa.union_all(
            sa.select(models.c.id.label("model_id"), models.c.id),
            sa.select(risk.c.model_id, version).select_from(risk.join(each, sa.true())),
        ).cte("data_parts")

    def _linked(self, fact: str) -> Any:
        """The members of a fact that names other entries."""
        link = self.reading.at(LINK)
        return sa.select(link).where(link.c.field == constant(fact)).subquery(f"linked_{fact}")


def _gathered(value: Value, *, where: Value | None = None) -> Value:
    """Each different text once, by code point, as a list; NULL without any."""
    text = value.collate("C")
    found = sa.func.jsonb_agg(aggregate_order_by(sa.distinct(text), text))
    return found if where is None else found.filter(where)


def _said(value: Value, ours: Value) -> Value:
    return _document({"value": value, "ours": ours})


def _document(parts: Mapping[str, Value]) -> Value:
    """A JSON object."""
    named = [one for name, value in parts.items() for one in (constant(name), value)]
    return sa.func.jsonb_build_object(*named, type_=JSONB)


def _if(condition: Value, value: Value) -> Value:
    """The value, else NULL."""
    return sa.case((condition, value), else_=sa.null())


def _list() -> Value:
    return sa.literal_column("'[]'::jsonb", JSONB)
