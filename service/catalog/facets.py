"""How many of the matching rows have which value: all facets of a list in one statement."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.catalog import FacetCount, FacetCounts
from schemas.filters import Form, filterable
from service.catalog.cards import EMPTY, FIELD, ITEM, NARROWED, facet, packed
from service.catalog.view import View

TOP: Final = 20  # values that are shown; the others are counted
Bool = sa.ColumnElement[bool]


def read_facets(
    session: Session, view: View, *, where: Sequence[Bool], names: Sequence[str]
) -> dict[str, FacetCounts]:
    """The counts of each named field over the matching rows.

    Rows are counted by all fields together first: however many rows, few combinations are left to
    take apart. What stands on the cards is counted from an index alone.
    """
    asked = list(dict.fromkeys(names))
    groups = _groups(view, where=where, names=asked).cte("groups").prefix_with("MATERIALIZED")
    each = sa.union_all(*(_counted(groups, name, view=view) for name in asked)).subquery("each")
    ranked = sa.select(
        *each.c,
        sa.func.row_number()
        .over(partition_by=[each.c.name, each.c.state],
              order_by=[each.c.count.desc(), each.c.value.collate("C")])
        .label("place"),
        sa.func.count().over(partition_by=[each.c.name, each.c.state]).label("of"),
    ).subquery("ranked")  # fmt: skip
    top = sa.select(ranked).where(ranked.c.place <= TOP).order_by(ranked.c.name, ranked.c.place)
    found: dict[str, list[sa.RowMapping]] = {name: [] for name in asked}
    for row in session.execute(top).mappings():
        found[row["name"]].append(row)
    return {name: _shown(rows) for name, rows in found.items()}


def _shown(rows: Sequence[sa.RowMapping]) -> FacetCounts:
    values = [row for row in rows if row["state"] == ITEM]
    states = {row["state"]: row["count"] for row in rows}
    return FacetCounts(
        values=tuple(FacetCount(value=row["value"], count=row["count"]) for row in values),
        others=max(0, values[0]["of"] - TOP) if values else 0,
        unknown=states.get("", 0),
        empty=states.get(EMPTY, 0),
        narrowed=states.get(NARROWED, 0),
    )


def _groups(view: View, *, where: Sequence[Bool], names: Sequence[str]) -> Any:
    """The combinations of values that occur, one column a field, each with its number of rows."""
    card = view.card
    on_card = packed(view.kind)
    if card is None or not {*names} <= {*on_card, "namespace"}:
        return _grouped(view, where=where, names=names)
    combined = (
        sa.select(card.c.namespace, card.c.facets, sa.func.count().label("rows"))
        .select_from(view.rows_for(where))
        .where(*where, card.c.facets.is_not(None))
        .group_by(card.c.namespace, card.c.facets)
        .cte("combined")
        .prefix_with("MATERIALIZED")
    )
    parts = [
        sa.func.coalesce(combined.c.namespace, "")
        if name == "namespace"
        else sa.func.split_part(combined.c.facets, FIELD, on_card.index(name) + 1)
        for name in names
    ]
    long = _grouped(view, where=[*where, card.c.facets.is_(None)], names=names)
    short = sa.select(
        *(part.label(name) for part, name in zip(parts, names, strict=True)), combined.c.rows
    )
    return sa.union_all(short, long)


def _grouped(view: View, *, where: Sequence[Bool], names: Sequence[str]) -> sa.Select[Any]:
    fields = (facet(view, name).label(name) for name in names)
    rows = sa.select(*fields).select_from(view.rows).where(*where).subquery("rows")
    return sa.select(*rows.c, sa.func.count().label("rows")).group_by(*rows.c)


def _counted(groups: Any, name: str, *, view: View) -> sa.Select[Any]:
    """One field's values, or in what state it is, with the number of rows."""
    held = groups.c[name]
    stateless = held.not_in(["", EMPTY, NARROWED])
    source, value = groups, held
    if filterable(view.kind)[name].form in {Form.LINES, Form.ENTRY} or name == "source":
        whole = sa.case((held == "", " "), else_=held)  # of an empty text nothing would be left
        item = sa.func.unnest(sa.func.string_to_array(whole, ITEM)).table_valued("value")
        each = item.render_derived(name="item")
        source, value = groups.join(each, sa.true()), each.c.value
    state = sa.case((stateless, ITEM), else_=held).label("state")
    shown = sa.case((stateless, value), else_="").label("value")
    counted = sa.cast(sa.func.sum(groups.c.rows), sa.BigInteger).label("count")
    return (
        sa.select(sa.literal(name).label("name"), state, shown, counted)
        .select_from(source)
        .group_by(state, shown)
    )
