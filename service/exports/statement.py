"""Cells as PostgreSQL writes them: the same as `service.exports.cells`, a million in seconds.

Every function takes an expression and answers one of type text. What is used several times has to
be a plain column: PostgreSQL computes a subquery as often as it stands there.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from service.exports.cells import LITERALS, ONE_OF, UNKNOWN, running

Value = sa.ColumnElement[Any]
Text = sa.ColumnElement[str]
constant: Final = partial(sa.literal, literal_execute=True)  # planned and computed as what it is
EMPTY: Final = constant("")
APOSTROPHE: Final = constant("'")
CR, LF, CRLF = constant("\r"), constant("\n"), constant("\r\n")
LETTERS: Final = constant(65), constant(122)  # A to z; what stands between them runs nothing either
DIGITS: Final = constant(48), constant(57)
MOMENT: Final = constant('YYYY-MM-DD"T"HH24:MI:SS"Z"')


class Cells:
    """Writes the cells of one dialect."""

    def __init__(self, *, raw: bool) -> None:
        """`raw` leaves out the apostrophe that keeps spreadsheets from running text."""
        self.raw = raw

    def words(self, value: Value) -> Text:
        """A text that somebody wrote; nearly every one is as harmless as it looks."""
        harmless = sa.func.strpos(value, CR) == constant(0)
        if not self.raw:
            first = sa.func.ascii(value)
            begins = sa.or_(first.between(*LETTERS), first.between(*DIGITS))
            harmless = sa.and_(begins, ~_is_literal(value), harmless)
        unix = _replaced(_replaced(value, CRLF, by=LF), CR, by=LF)
        return sa.case((harmless, value), else_=unix if self.raw else _neutral(unix))

    def items(self, array: Value) -> Text:
        """The texts of a JSON array."""
        each = sa.func.jsonb_array_elements_text(array).table_valued("value").render_derived()
        return self.together(sa.select(item(each.c.value).label("item")).select_from(each))

    def members(self, document: Value) -> Text:
        """The members of a JSON object, as `name=value`."""
        each = sa.func.jsonb_each(document).table_valued("key", sa.column("value", JSONB))
        each = each.render_derived()
        number = sa.func.jsonb_typeof(each.c.value) == constant("number")
        shown = sa.case((number, decimal(bare(each.c.value))), else_=bare(each.c.value))
        named = each.c.key + constant("=") + sa.func.coalesce(shown, EMPTY)
        return self.together(sa.select(item(named).label("item")).select_from(each))

    def document(self, value: Value) -> Text:
        """Any JSON that a fact may hold: a list, an object, a text or a number."""
        form = sa.func.jsonb_typeof(value)
        return sa.case(
            (form == constant("array"), self.items(value)),
            (form == constant("object"), self.members(value)),
            else_=self.words(bare(value)),
        )

    def together(self, items: sa.Select[Any]) -> Text:
        """Aggregated in a subquery of its own, so that it is computed once."""
        each = items.subquery()
        whole = sa.select(joined(each.c.item).label("whole")).subquery()
        return sa.select(self.words(sa.func.coalesce(whole.c.whole, EMPTY))).scalar_subquery()


def item(value: Value) -> Text:
    """One of several values in a cell."""
    return _replaced(value, constant(";"), by=constant(";;"))


def joined(items: Value, *, where: sa.ColumnElement[bool] | None = None) -> Text:
    """The items of several rows, by code point."""
    last = aggregate_order_by(constant("; "), items.collate("C"))
    gathered = sa.func.string_agg(items, last, type_=sa.Text)
    return gathered if where is None else gathered.filter(where)


def narrowed(candidates: Value) -> Text:
    """A value of which only the choice is known; nobody wrote that text."""
    return constant(ONE_OF) + Cells(raw=True).items(candidates)


def moment(value: Value) -> Text:
    """A time, in UTC."""
    return sa.func.to_char(sa.func.timezone(constant("UTC"), value), MOMENT)


def flag(value: Value) -> Text:
    """`true` or `false`."""
    return sa.case((value, constant("true")), else_=constant("false"))


def decimal(value: Value) -> Text:
    """A number without exponent, without zeros that say nothing."""
    return as_text(sa.func.trim_scale(sa.cast(as_text(value), sa.Numeric)))


def as_text(value: Value) -> Text:
    """What PostgreSQL writes for it."""
    return sa.cast(value, sa.Text)


WRITTEN: Final[Mapping[type[sa.types.TypeEngine[Any]], Callable[[Value], Text]]] = {
    sa.Boolean: flag,
    sa.BigInteger: as_text,
    sa.Double: decimal,
    sa.DateTime: moment,
}  # nobody's text: nothing would run


def bare(value: Value) -> Text:
    """A JSON scalar as text."""
    return value.op("#>>", return_type=sa.Text)(sa.literal_column("'{}'::text[]"))


def _neutral(text: Text) -> Text:
    bare = sa.func.ltrim(text, APOSTROPHE)
    runs = text.op("~")(constant(running()))
    return sa.case((sa.or_(runs, _is_literal(bare)), APOSTROPHE + text), else_=text)


def _is_literal(text: Value) -> sa.ColumnElement[bool]:
    words = text.in_([constant(word) for word in sorted(LITERALS)])
    return sa.or_(words, sa.func.starts_with(text, constant(ONE_OF)))


def _replaced(text: Value, old: Text, *, by: Text) -> Text:
    return sa.func.replace(text, old, by, type_=sa.Text)


NOT_STATED: Final = constant(UNKNOWN)
