"""What cells of one record are gathered from many rows of others."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from service.exports.statement import Text, Value, constant, item

BETWEEN: Final = constant("; ")
NOTHING: Final = sa.literal_column("'[]'::jsonb", JSONB)


def together(items: Value, *, where: sa.ColumnElement[bool] | None = None) -> Text:
    """Each different item once, by code point; NULL without any."""
    each = item(items).collate("C")
    gathered = sa.func.string_agg(
        sa.distinct(each), aggregate_order_by(BETWEEN, each), type_=sa.Text
    )
    return gathered if where is None else gathered.filter(where)


def count_where(condition: sa.ColumnElement[bool]) -> Value:
    """How many rows are so."""
    return sa.func.count().filter(condition)


def elements(array: Value, name: str) -> Any:
    """The members of a JSON array, beside the row that it is of."""
    each = sa.func.jsonb_array_elements(array)
    return each.table_valued(sa.column("value", JSONB), name=name).render_derived()


def said_items(table: sa.FromClause, facts: Sequence[str]) -> Any:
    """What rows state of these facts, item by item: `fact`, `value`; beside the rows themselves."""
    named: list[Any] = []
    for fact in facts:
        named += [constant(fact), sa.func.to_jsonb(table.c[fact])]
    each = sa.func.jsonb_each(sa.func.jsonb_build_object(*named))
    stated = each.table_valued("key", sa.column("value", JSONB), name="stated").render_derived()
    form = sa.func.jsonb_typeof(stated.c.value)
    member = sa.func.jsonb_each_text(stated.c.value).table_valued("key", "value", name="member")
    member = member.render_derived()
    members = sa.select(sa.func.jsonb_agg(member.c.key + constant("=") + member.c.value))
    array = sa.case(
        (form == constant("array"), stated.c.value),
        (form == constant("object"), members.select_from(member).scalar_subquery()),
        (form == constant("null"), NOTHING),
        else_=sa.func.jsonb_build_array(stated.c.value),
    )
    one = sa.func.jsonb_array_elements_text(sa.func.coalesce(array, NOTHING))
    items = one.table_valued("value", name="one").render_derived()
    return (
        sa.select(stated.c.key.label("fact"), items.c.value.label("value"))
        .select_from(stated)
        .join(items, sa.true())
        .correlate(table)
        .lateral("said")
    )
