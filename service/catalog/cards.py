"""Index cards: where an entry stands in lists, by which words it is found, what facets count.

They are derived: triggers write them whenever an entry, its facts or its owners change, whoever
changes these. A card's select is written once, here, and becomes part of a database function.
"""

from collections.abc import Mapping
from functools import partial, reduce
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from schemas.filters import RISK, Filterable, Form, facets, filterable
from schemas.identifiers import Kind
from service.catalog.risky import facet_of
from service.catalog.stale import is_stale
from service.catalog.tables import LAST, MOST_LABEL, IndexCard
from service.catalog.typed import reference_columns
from service.catalog.view import View, everyone

CARD: Final = IndexCard.__table__
Text = sa.ColumnElement[Any]

BELOW: Final = "\x01"  # before anything that a name goes on with
FIELD, ITEM = "\x1e", "\x1f"  # between two fields, between two values of one
EMPTY, NARROWED = "\x02", "\x03"  # stated empty, only a choice is known; unknown is nothing at all
LONGEST: Final = 2_000  # bytes of facets that an index takes; longer ones are read from the facts
PUNCTUATION: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
MOST_TEXT, MOST_NAMES = 5_000, 400  # characters that are indexed

ENCODED: Final = (("%2f", "/"), ("%23", "#"), ("%25", "%"))  # in a natural key, `%` last
NAMED: Final = (Kind.MODEL, Kind.VERSION, Kind.USE)  # by a natural key; others by an identifier
TITLES: Final[Mapping[Kind, tuple[str, ...]]] = {  # facts that name a thing, beside its name
    Kind.MODEL: ("display_name",),
    Kind.VERSION: (),
    Kind.TRAINING_RUN: ("name", "experiment"),
    Kind.DATASET: ("name", "uri"),
    Kind.OWNER: ("handle", "display_name", "email"),
    Kind.REPOSITORY: ("url", "name"),
    Kind.BUILD: ("workflow", "url"),
    Kind.DEPLOYMENT: ("name", "claimed_model", "endpoint"),
    Kind.USE: ("name",),
}
LABELS: Final[Mapping[Kind, tuple[str, ...]]] = {  # what people call it by otherwise
    Kind.MODEL: ("tags", "vendor_name", "base_model"),
    Kind.VERSION: ("tags", "aliases", "framework", "created_by", "source_commit"),
    Kind.TRAINING_RUN: ("tags", "created_by", "source_name", "source_commit"),
    Kind.DATASET: ("source_type",),
    Kind.OWNER: (),
    Kind.REPOSITORY: ("topics",),
    Kind.BUILD: ("ref", "actor", "commit"),
    Kind.DEPLOYMENT: ("platform", "environment", "image", "deployed_by"),
    Kind.USE: ("line_of_business", "jurisdictions"),
}
TEXTS: Final[Mapping[Kind, str]] = {
    Kind.MODEL: "description",
    Kind.VERSION: "description",
    Kind.DATASET: "description",
    Kind.REPOSITORY: "description",
    Kind.USE: "purpose",
}
OWNED: Final = (Kind.MODEL, Kind.DATASET, Kind.REPOSITORY)
UNPACKED: Final = frozenset({"namespace", "stale", "tags", "topics", "jurisdictions", *RISK})


def packed(kind: Kind) -> tuple[str, ...]:
    """The facets that stand on a card, in their order; the namespace has its own column."""
    fields = filterable(kind)
    return tuple(
        name
        for name in facets(kind)
        if name not in UNPACKED and (fields[name].form is not Form.ENTRY or name == "owner")
    )


def named(view: View) -> Text:
    """What an entry is called."""
    return view.entry.c.natural_key if view.kind in NAMED else view.label_of(view.entry.c.id)


def _written(view: View) -> Text:
    """What an entry is called, as somebody wrote it: what a key encodes parts words."""
    name = named(view)
    if view.kind in NAMED:
        for code, character in ENCODED:
            name = sa.func.replace(name, code, character)
    return name


def sort_key(view: View) -> Text:
    """Where an entry stands in its list: by name, versions by model and number."""
    if view.kind is Kind.VERSION:
        above = view.entry.alias("above")
        model = (
            sa.select(above.c.natural_key)
            .where(above.c.id == view.typed.c.model_id)
            .scalar_subquery()
        )
        number = sa.func.coalesce(view.typed.c.number_key, "")
        return sa.func.coalesce(model, LAST).concat(BELOW).concat(number).collate("C")
    short = sa.func.left(named(view), sa.literal_column(str(MOST_LABEL)))  # as the index has it
    return sa.func.coalesce(short, sa.literal_column(f"'{LAST}'", sa.Text)).collate("C")


def facet(view: View, name: str) -> Text:
    """A row's values of a facet as one text, and whether they are known."""
    field = filterable(view.kind)[name]
    if not field.fact:
        of_entry: Text = OF_ENTRY[name](view)
        return of_entry
    typed = view.typed
    value = sa.func.coalesce(_values(view, field), EMPTY)
    return sa.case(
        (~typed.c.provenance.has_key(field.fact), ""),
        (typed.c.narrowed.has_key(field.fact), NARROWED),
        else_=value,
    )


def _values(view: View, field: Filterable) -> Text:
    if field.form is Form.ENTRY:
        return _targets(view, field)
    column = view.typed.c[field.fact]
    if field.form is Form.LINES:
        each = sa.func.jsonb_array_elements_text(column).table_valued("value").render_derived()
        return sa.select(sa.func.string_agg(each.c.value, ITEM)).scalar_subquery()
    return sa.cast(column, sa.Text)


def _targets(view: View, field: Filterable) -> Text:
    """What a fact refers to: its members by the identifiers that they were named by."""
    column = reference_columns(view.kind).get(field.fact)
    if column is not None:
        return view.label_of(view.typed.c[column])
    link = view.link
    target = field.target.value if field.target else ""
    value = link.c.attributes[target]["value"].astext
    role = () if field.role is None else (link.c.role == field.role,)
    return (
        sa.select(sa.func.string_agg(value.distinct(), aggregate_order_by(sa.literal(ITEM), value)))
        .where(link.c.entry_id == view.entry.c.id, link.c.field == field.fact, *role)
        .scalar_subquery()
    )


def _sources(view: View) -> Text:
    each = sa.func.jsonb_array_elements(view.typed.c.statements).table_valued(
        sa.column("value", JSONB)
    ).render_derived()  # fmt: skip
    name = each.c.value["source"].astext
    return sa.func.coalesce(
        sa.select(sa.func.string_agg(name.distinct(), aggregate_order_by(sa.literal(ITEM), name)))
        .scalar_subquery(),
        "",
    )  # fmt: skip


OF_ENTRY: Final[Mapping[str, Any]] = {
    "namespace": lambda view: sa.func.coalesce(view.entry.c.namespace, ""),
    "source": _sources,
    "stub": lambda view: sa.cast(view.entry.c.stub, sa.Text),
    "gone": lambda view: sa.cast(view.entry.c.gone_since.is_not(None), sa.Text),
    **{name: partial(facet_of, name=name) for name in RISK},  # on no card: it changes by itself
    "stale": lambda view: sa.cast(is_stale(view), sa.Text),  # on no card: time alone changes it
}


def _cleaned(*parts: Text) -> Text:
    joined = sa.func.left(sa.func.concat_ws(" ", *parts), MOST_TEXT)
    return sa.func.translate(joined, PUNCTUATION, " " * len(PUNCTUATION))


def _weighted(weight: str, text: Text) -> Text:
    vector = sa.func.to_tsvector(sa.literal_column("'simple'"), text)
    return sa.func.setweight(vector, sa.literal_column(f"'{weight}'"))


def select_cards(kind: Kind, chosen: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The cards that entries of a kind should have."""
    view = View(kind, everyone())
    facts = view.typed.c
    titles = [_written(view), *(facts[name] for name in TITLES[kind])]
    labels: list[Text] = [sa.cast(facts[name], sa.Text) for name in LABELS[kind]]
    if kind in OWNED:
        labels.append(_targets(view, filterable(kind)["owner"]))
    texts = [facts[TEXTS[kind]]] if kind in TEXTS else []
    weighted = [
        _weighted(weight, _cleaned(*parts))
        for weight, parts in (("A", titles), ("B", labels), ("C", texts))
        if parts
    ]
    words = reduce(lambda one, other: one.concat(other), weighted)
    names = sa.func.lower(sa.func.left(_cleaned(*titles, *labels, *texts), MOST_NAMES))
    entry = view.entry
    made = (
        sa.select(
            entry.c.id, entry.c.kind, entry.c.namespace, sort_key(view).label("sort_key"),
            words.label("words"), names.label("names"),
            sa.func.concat_ws(FIELD, *(facet(view, one) for one in packed(kind))).label("facets"),
        )
        .join_from(entry, view.typed, view.typed.c.id == entry.c.id)
        .where(chosen, entry.c.kind == kind, entry.c.merged_into.is_(None))
        .offset(sa.literal_column("0"))  # else the facets would be computed twice
        .subquery("made")
    )  # fmt: skip
    short = sa.func.octet_length(made.c.facets) <= LONGEST
    facets_ = sa.case((short, made.c.facets)).collate("C").label("facets")
    return sa.select(*made.c["id", "kind", "namespace", "sort_key", "words", "names"], facets_)
