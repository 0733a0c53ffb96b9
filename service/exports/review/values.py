"""Values of any kind as cells: what the ledger and observations hold is JSON."""

from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from service.exports.statement import (
    EMPTY,
    NOT_STATED,
    Cells,
    Text,
    Value,
    bare,
    constant,
    decimal,
    item,
    narrowed,
)

ONE_OF: Final = "one_of"
NAMED: Final = ("owner", "dataset", "repository")  # members of a link that name another entry
BESIDE: Final = ("role", "digest")  # what else a cell shows of a link
VALUE: Final = constant("value")
SPACE: Final = constant(" ")
UNMARKED: Final = Cells(raw=True)


def written(cells: Cells, value: Value) -> Text:
    """A JSON value as the files' other columns write it: links by what they name, empty if null."""
    form = sa.func.jsonb_typeof(value)
    return sa.func.coalesce(
        sa.case(
            (form == constant("array"), _each(cells, value, text=shown)),
            (form == constant("number"), decimal(bare(value))),
            (form == constant("boolean"), bare(value)),
            (form == constant("object"), _document(cells, value)),
            else_=cells.words(bare(value)),
        ),
        EMPTY,
    )


def members_at(cells: Cells, array: Value, *, name: str) -> Text:
    """The same member of each object of a JSON array."""
    return _each(cells, array, text=lambda value: value[name].astext)


def unmarked(value: Value) -> Text:
    """A text before any mark for spreadsheets, else `unknown`: what rows are ordered by."""
    return sa.func.coalesce(UNMARKED.words(value), NOT_STATED)


def factor(cells: Cells, facts: Value, *, name: str) -> Text:
    """A factor as a rating has read it: a value, a choice, or not stated."""
    value, text = sa.type_coerce(facts[name], JSONB), facts[name].astext
    form = sa.func.jsonb_typeof(value)
    return sa.case(
        (sa.func.coalesce(~facts.has_key(name), sa.true()), NOT_STATED),
        (form == constant("object"), narrowed(value[ONE_OF])),
        (form == constant("number"), decimal(text)),
        else_=cells.words(text),
    )


def shown(value: Value) -> Text:
    """One member of a list: of a link what it names, its role and digest; of a text itself."""
    names = (value[name]["value"].astext for name in NAMED)
    named = sa.func.coalesce(*names, value["value"].astext)
    link = sa.func.concat_ws(SPACE, named, *(value[name].astext for name in BESIDE))
    is_link = sa.and_(sa.func.jsonb_typeof(value) == constant("object"), named.is_not(None))
    return sa.case((is_link, link), else_=bare(value))


def _document(cells: Cells, value: Value) -> Text:
    """A choice, what an identifier names, or the members of an object by their names."""
    return sa.case(
        (value.has_key(constant(ONE_OF)), narrowed(value[ONE_OF])),
        (value.has_key(constant("scheme")), cells.words(value["value"].astext)),
        else_=cells.members(value),
    )


def _each(cells: Cells, array: Value, *, text: Callable[[Value], Text]) -> Text:
    members = sa.func.jsonb_array_elements(array)
    each = members.table_valued(sa.column("value", JSONB)).render_derived()
    written: Any = item(text(each.c.value)).label("item")
    return cells.together(sa.select(written).select_from(each))
