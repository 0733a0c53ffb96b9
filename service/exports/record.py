"""A row of a list as the cells of its columns, in the list's own statement."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from schemas.columns import Column
from schemas.filters import filterable
from schemas.identifiers import Kind
from service.catalog.departed import departed
from service.catalog.listings import Listing, Selection
from service.catalog.risky import RISK, SHOWN
from service.catalog.stale import every_unseen, stale_statements, unseen_since
from service.catalog.typed import link_facts, reference_columns
from service.catalog.view import SUBJECT, View, bears_name
from service.exports.cells import cell
from service.exports.statement import (
    EMPTY,
    NOT_STATED,
    WRITTEN,
    Cells,
    Text,
    Value,
    as_text,
    constant,
    flag,
    item,
    joined,
    moment,
    narrowed,
)

COMMITS: Final = frozenset({"source_commit", "head_commit", "commit"})
ROLES: Final = {"owner": "accountable", "developers": "developer"}
NAMES: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {  # what an item shows of a link
    "owners": ("owner", ()),
    "repositories": ("repository", ("role",)),
    "datasets": ("dataset", ("role", "digest")),
    "outputs": ("dataset", ("role", "digest")),
    "members": ("", ()),
    "versions": ("", ()),
    "training_runs": ("", ()),
}


def select_cells(
    listing: Listing, found: Selection, *, as_of: datetime, raw: bool, whole: bool
) -> sa.Select[Any]:
    """The selection with its columns' cells instead of its members: same rows, same order.

    `whole` gathers what stands in other tables once for all of it, instead of row by row.
    """
    record = Record(listing.columns, found, whole=whole, raw=raw)
    return record.select(as_of=as_of)


class Record:
    """The cells of one list; collects the tables that they need beside those of the selection.

    `beside` writes the cells of columns that show no fact.
    """

    def __init__(
        self, columns: Sequence[Column], found: Selection, *, whole: bool, raw: bool
    ) -> None:
        """Prepare the cells of these columns."""
        self.columns, self.found = columns, found
        self.kind, self.view, self.whole = found.view.kind, found.view, whole
        self.cells = Cells(raw=raw)
        self.row = found.rows.selected_columns
        self.typed, self.entry = found.view.typed, found.view.entry
        self.beside: list[tuple[sa.FromClause, sa.ColumnElement[bool]]] = []
        self.linked = self._linked([c for c in columns if c.fact in link_facts(self.kind)])

    @property
    def writers(self) -> Mapping[str, Callable[["Record"], Text]]:
        """How the columns are written that show no fact."""
        return BESIDE

    def select(self, *, as_of: datetime) -> sa.Select[Any]:
        """The selection with the cells instead of its members: same rows, same order."""
        shown = [
            constant(cell(as_of)) if column.name == "as_of" else self.cell(column)
            for column in self.columns
        ]
        labelled = (text.label(f"c{n}") for n, text in enumerate(shown))
        rows = self.found.rows.with_only_columns(*labelled)
        for table, condition in self.beside:
            rows = rows.outerjoin(table, condition)
        return rows

    def cell(self, column: Column) -> Text:
        """One column's cell."""
        own = self.kind.value
        if column.fact:
            return self._fact(column)
        if column.name == f"{own}_id":
            return as_text(self.entry.c.id)
        if column.name == own:
            return self._named()
        return self.writers[column.name](self)

    def _named(self) -> Text:
        if self.kind is Kind.VERSION:
            return self.known_as(self.typed.c.number, constant("v") + self.typed.c.number)
        name: Value = self.entry.c.natural_key
        if self.kind is not Kind.MODEL:
            name = sa.func.coalesce(name, self._label(self.entry.c.id, "own"))
        return self.known(name)

    def known(self, name: Value) -> Text:
        """A name that the catalog may not know."""
        return self.known_as(name, self.cells.words(name))

    @staticmethod
    def known_as(value: Value, written: Text) -> Text:
        """Written, where the value is there."""
        return sa.case((value.is_not(None), written), else_=NOT_STATED)

    def _fact(self, column: Column) -> Text:
        """A value, else `unknown`, a choice, or empty because it is stated so: most first."""
        fact, state = column.fact, self.typed.c
        unknown = (~state.provenance.has_key(constant(fact)), NOT_STATED)
        choice = (
            state.narrowed.has_key(constant(fact)),
            narrowed(state.narrowed[constant(fact)]),
        )
        if fact in link_facts(self.kind):
            gathered = self.linked.c[column.name]
            shown = (gathered.is_not(None), self.cells.words(gathered))
        elif fact in reference_columns(self.kind):
            target = self.typed.c[reference_columns(self.kind)[fact]]
            label = self._label(target, fact)
            shown = (label.is_not(None), self.cells.words(label))
        else:
            value = self.typed.c[fact]
            shown = (value.is_not(None), self._value(fact, value))
        return sa.case(shown, unknown, choice, else_=EMPTY)

    def _value(self, fact: str, value: Value) -> Text:
        if fact in COMMITS:
            return constant("git:") + value
        if isinstance(value.type, JSONB):
            return self.cells.document(value)
        field = filterable(self.kind).get(fact)
        if field and field.choices and all(cell(choice) == choice for choice in field.choices):
            return value  # nothing else can stand there, and nothing of it runs
        written = WRITTEN.get(type(value.type))
        return self.cells.words(value) if written is None else written(value)

    def _label(self, target: Value, name: str) -> Text:
        """What another entry is called; a table of its own, so that it is looked up once."""
        if self.view.as_of is not None:
            return self.view.label_of(target)
        label = (
            sa.select(SUBJECT.c.value.label("value"))
            .where(SUBJECT.c.entry_id == target)
            .order_by(SUBJECT.c.id)
            .limit(1)
            .lateral(f"{name}_label")
        )
        self.beside.append((label, sa.true()))
        return label.c.value

    def _linked(self, columns: list[Column]) -> Any:
        """What the entries link to, a text for each column."""
        if not columns:
            return None
        link, facts = self.view.link, frozenset(column.fact for column in columns)
        shown = _shown(link, facts)
        texts: list[Any] = [
            joined(shown, where=_belongs(link, column)).label(column.name) for column in columns
        ]
        rows = sa.select(*texts).where(link.c.field.in_([constant(fact) for fact in facts]))
        return self.gathered(rows, link.c.entry_id, name="linked")

    @cached_property
    def counted(self) -> Any:
        """How many versions a model has, and the newest of them."""
        return self.gathered(*_versions(self.view), name="counted")

    @cached_property
    def risk(self) -> Any:
        """How risky a model is, and what was decided about it."""
        table = self.view.table(RISK)
        self.beside.append((table, table.c.model_id == self.entry.c.id))
        return table

    def gathered(self, rows: sa.Select[Any], of: Value, *, name: str) -> Any:
        """What other tables say of each entry: grouped by the entry that it is `of`."""
        if self.whole:
            table: Any = rows.add_columns(of.label("of")).group_by(of).subquery(name)
            self.beside.append((table, table.c.of == self.entry.c.id))
        else:
            table = rows.where(of == self.entry.c.id).lateral(name)
            self.beside.append((table, sa.true()))
        return table


def _shown(link: sa.FromClause, facts: frozenset[str]) -> Text:
    """What a cell shows of a link: one expression for all of them, so that one sort serves all."""
    texts = {}
    for fact in sorted(facts):
        member, more = NAMES[fact]
        named = link.c.attributes[member] if member else link.c.attributes
        parts = (link.c.attributes[name].astext for name in more)
        texts[fact] = sa.func.concat_ws(constant(" "), named["value"].astext, *parts)
    return item(sa.case(*((link.c.field == constant(fact), text) for fact, text in texts.items())))


def _belongs(link: sa.FromClause, column: Column) -> sa.ColumnElement[bool]:
    """Is a link one that a column shows?"""
    here = link.c.field == constant(column.fact)
    role = ROLES.get(column.name)
    return here if role is None else sa.and_(here, link.c.role == constant(role))


def _versions(view: View) -> tuple[sa.Select[Any], Value]:
    """A model's live versions, as its list counts them (`service.catalog.select`)."""
    child, below = view.entry.alias("child"), view.of(Kind.VERSION).alias("below")
    ordered = aggregate_order_by(below.c.number, below.c.number_key.desc().nulls_last(), below.c.id)
    newest = sa.type_coerce(sa.func.array_agg(ordered), sa.ARRAY(sa.Text))[1]
    rows = (
        sa.select(sa.func.count().label("versions"), newest.label("newest_version"))
        .select_from(below.join(child, child.c.id == below.c.id))
        .where(child.c.gone_since.is_(None), bears_name(child))
        .where(view.visible(child, kind=Kind.VERSION))
    )
    return rows, below.c.model_id


def _sources(record: Record) -> Text:
    """Who says something about it: mostly one."""
    said, cells = record.typed.c.statements, record.cells
    each = sa.func.jsonb_array_elements(said).table_valued(sa.column("value", JSONB))
    each = each.render_derived()
    every = (
        sa.select(item(each.c.value["source"].astext).label("item")).select_from(each).distinct()
    )
    one = said[0]["source"].astext
    return sa.case(
        (sa.func.jsonb_array_length(said) == constant(1), cells.words(one)),
        else_=cells.together(every),
    )


def _conflicts(record: Record) -> Text:
    """Mostly none."""
    fields = record.typed.c.conflicts
    none = sa.func.jsonb_array_length(fields) == constant(0)
    return sa.case((none, EMPTY), else_=record.cells.items(fields))


def _stale(record: Record) -> Text:
    """Mostly nothing, and then it costs nothing."""
    if not record.view.freshness.stale:
        return EMPTY
    said = stale_statements(record.view)
    names = item(said.selected_columns.source).label("item")
    return record.cells.together(said.with_only_columns(names).distinct())


def _unseen(record: Record) -> Text:
    if not record.view.freshness.unseen:
        return EMPTY
    if record.whole or record.view.as_of is not None:
        table = every_unseen(record.view).subquery("missed")
        record.beside.append((table, table.c.of == record.entry.c.id))
        return sa.func.coalesce(moment(table.c.unseen_since), EMPTY)
    return sa.func.coalesce(moment(unseen_since(record.view)), EMPTY)


def _uuid(name: str, record: Record) -> Text:
    value = record.row[name]
    return sa.case((value.is_not(None), as_text(value)), else_=NOT_STATED)


def _departed(record: Record) -> Text:
    left = departed(record.view, record.typed)
    return sa.case((left.is_not(None), flag(left)), else_=NOT_STATED)


def _risk(name: str, record: Record) -> Text:
    value = record.risk.c[SHOWN[name]]
    if isinstance(value.type, sa.DateTime):
        return sa.func.coalesce(moment(value), EMPTY)
    return sa.case((value.is_not(None), value), else_=NOT_STATED)


BESIDE: Final[Mapping[str, Callable[[Record], Text]]] = {
    "model": lambda record: record.known(record.row["model"]),
    "model_id": partial(_uuid, "model_id"),
    "version": lambda record: record.known(record.row["version"]),
    "version_id": partial(_uuid, "version_id"),
    "versions": lambda record: as_text(sa.func.coalesce(record.counted.c.versions, constant(0))),
    "newest_version": lambda record: sa.func.coalesce(
        constant("v") + record.counted.c.newest_version, EMPTY
    ),
    **{name: partial(_risk, name) for name in SHOWN},
    "sources": _sources,
    "conflicts": _conflicts,
    "departed": _departed,
    "stub": lambda record: flag(record.entry.c.stub),
    "first_seen_at": lambda record: moment(record.entry.c.first_seen_at),
    "last_changed_at": lambda record: moment(record.entry.c.last_changed_at),
    "gone_since": lambda record: sa.func.coalesce(moment(record.entry.c.gone_since), EMPTY),
    "stale": _stale,
    "unseen_since": _unseen,
}
