"""The order of a list: keys that are never NULL, so that a page begins exactly after the last."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from schemas.filters import filterable
from schemas.identifiers import Kind
from service.catalog.cards import named, sort_key
from service.catalog.search import Search
from service.catalog.tables import LAST
from service.catalog.view import View


class Key(NamedTuple):
    """One part of an order."""

    value: sa.ColumnElement[Any]
    descending: bool = False

    @property
    def ordered(self) -> sa.ColumnElement[Any]:
        """As it stands in ORDER BY."""
        return self.value.desc() if self.descending else self.value.asc()

    @property
    def written(self) -> sa.ColumnElement[str]:
        """Its value as text, which reads back to exactly the same."""
        return sa.cast(self.value, sa.Text)

    def read(self, text: str) -> sa.ColumnElement[Any]:
        """A value that was written."""
        return sa.cast(text, self.value.type)


def default_keys(view: View) -> tuple[Key, ...]:
    """By name, bytewise; versions by their model and their number."""
    place = sort_key(view) if view.card is None else view.card.c.sort_key
    return Key(place), Key(view.id)


def keys(
    view: View, asked: Sequence[str] | None, *, search: Search | None = None
) -> tuple[Key, ...]:
    """The order that is asked for, else how well it matches, else that of the kind.

    The id makes it complete.
    """
    if not asked:
        best = () if search is None else (Key(search.rank(view), descending=True),)
        return (*best, *default_keys(view))
    ordered: dict[str, bool] = {}
    for name in asked:
        ordered.setdefault(name.removeprefix("-"), name.startswith("-"))
    chosen = [
        Key(_filled(_value(view, name), descending=descending), descending)
        for name, descending in ordered.items()
    ]
    return (*chosen, Key(view.id, all(ordered.values())))


def _value(view: View, name: str) -> sa.ColumnElement[Any]:
    if name in OF_ENTRY:
        of_entry: sa.ColumnElement[Any] = OF_ENTRY[name](view)
        return of_entry
    return view.typed.c[filterable(view.kind)[name].fact]


def _name(view: View) -> sa.ColumnElement[Any]:
    """A card has it already, except for versions, whose cards stand by number."""
    if view.card is None or view.kind is Kind.VERSION:
        return named(view)
    return sa.func.nullif(view.card.c.sort_key, LAST, type_=sa.Text)


OF_ENTRY: Final[Mapping[str, Any]] = {
    "name": _name,
    "namespace": lambda view: sa.type_coerce(view.entry.c.namespace, sa.Text),
    "stub": lambda view: view.entry.c.stub,
    "gone": lambda view: view.entry.c.gone_since.is_not(None),
    "first_seen_at": lambda view: view.entry.c.first_seen_at,
    "updated_at": lambda view: view.entry.c.last_changed_at,
    "gone_since": lambda view: view.entry.c.gone_since,
}
ENDS: Final[Mapping[type[sa.types.TypeEngine[Any]], tuple[str, str]]] = {  # first and last of all
    sa.BigInteger: ("-9223372036854775808", "9223372036854775807"),
    sa.Double: ("-Infinity", "Infinity"),
    sa.DateTime: ("-infinity", "infinity"),
    sa.Integer: ("-1", "2"),
}


def _filled(value: sa.ColumnElement[Any], *, descending: bool) -> sa.ColumnElement[Any]:
    """What is not known comes last, whichever the direction."""
    if isinstance(value.type, sa.Boolean):
        value = sa.cast(value, sa.Integer)
    if isinstance(value.type, sa.String):
        return sa.func.coalesce(value, "" if descending else LAST).collate("C")
    ends = next(ends for kind, ends in ENDS.items() if isinstance(value.type, kind))
    end = sa.cast(sa.literal(ends[0 if descending else 1], sa.Text), value.type)
    return sa.func.coalesce(value, end, type_=value.type)


def after(order: Sequence[Key], last: Sequence[str]) -> sa.ColumnElement[bool]:
    """What comes after a row, in any mix of directions."""
    reached = [key.read(text) for key, text in zip(order, last, strict=True)]
    values = [key.value for key in order]
    if not any(key.descending for key in order):
        return sa.tuple_(*values) > sa.tuple_(*reached)
    if all(key.descending for key in order):
        return sa.tuple_(*values) < sa.tuple_(*reached)
    beyond = [
        sa.and_(
            *(values[n] == reached[n] for n in range(place)),
            values[place] < reached[place] if key.descending else values[place] > reached[place],
        )
        for place, key in enumerate(order)
    ]
    first = values[0] <= reached[0] if order[0].descending else values[0] >= reached[0]
    return sa.and_(first, sa.or_(*beyond))  # the bound alone can be found by an index
