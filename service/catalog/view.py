"""The catalog as one reader sees it at one moment: the tables that every selection starts from."""

from collections.abc import Iterable
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.util import find_tables

from schemas.filters import NAMESPACED
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.freshness import FRESH, Freshness
from service.catalog.tables import Entry, EntryNamespace, IndexCard, Link, SubjectRow
from service.catalog.typed import BORROWING, TYPED
from service.db import Timestamp
from service.history import HISTORY

ENTRY, LINK, GRANTED, SUBJECT, CARD = (
    table.__table__ for table in (Entry, Link, EntryNamespace, SubjectRow, IndexCard)
)
PARENT: Final = ENTRY.alias("parent")
OF_MOMENT: Final = "as_of"
PERIOD: Final = ("valid_from", "valid_to")
FOR_EVER: Final = sa.literal_column("'infinity'::timestamptz", Timestamp)


class View:
    """The tables of a kind, as they are or as they stood, and what of them a reader may see."""

    def __init__(
        self,
        kind: Kind,
        caller: Caller,
        *,
        as_of: datetime | None = None,
        by_card: bool = False,
        freshness: Freshness = FRESH,
    ) -> None:
        """Without a moment: the present, which lists find by its index cards."""
        self.kind, self.caller, self.as_of, self.freshness = kind, caller, as_of, freshness
        self.card = CARD if by_card and as_of is None else None
        self._tables: dict[str, sa.FromClause] = {}

    def table(self, table: sa.Table) -> sa.FromClause:
        """A table's rows at the moment."""
        if self.as_of is None:
            return table
        if table.name not in self._tables:
            self._tables[table.name] = at(table, self.as_of)
        return self._tables[table.name]

    def of(self, kind: Kind) -> sa.FromClause:
        """The typed table of a kind."""
        return self.table(TYPED[kind])

    @property
    def entry(self) -> sa.FromClause:
        """The parent rows."""
        return self.table(ENTRY)

    @property
    def typed(self) -> sa.FromClause:
        """The facts of the kind."""
        return self.of(self.kind)

    @property
    def link(self) -> sa.FromClause:
        """What entries link to."""
        return self.table(LINK)

    @cached_property
    def parent(self) -> sa.FromClause:
        """The parent row of what an entry belongs to."""
        return PARENT if self.as_of is None else self.entry.alias("parent")

    @property
    def rows(self) -> sa.FromClause:
        """Every entry of the kind.

        From cards, entry and facts are joined loosely: PostgreSQL leaves out whichever a statement
        does not ask for.
        """
        entry, typed = self.entry, self.typed
        if self.card is None:
            return entry.join(typed, typed.c.id == entry.c.id)
        with_entry = self.card.outerjoin(entry, entry.c.id == self.card.c.id)
        return with_entry.outerjoin(typed, typed.c.id == self.card.c.id)

    def rows_for(self, conditions: Iterable[sa.ColumnElement[bool]]) -> sa.FromClause:
        """The rows with no more tables than the conditions ask for.

        PostgreSQL leaves out the others too, but then reads the whole card, not its index alone.
        """
        if self.card is None:
            return self.rows
        asked = {table for one in conditions for table in find_tables(one, check_columns=True)}
        return self.card if asked.isdisjoint({self.entry, self.typed}) else self.rows

    @property
    def id(self) -> sa.ColumnElement[Any]:
        """What identifies a row."""
        return (self.entry if self.card is None else self.card).c.id

    @property
    def subject(self) -> sa.FromClause:
        """What entries are known by."""
        return self.table(SUBJECT)

    def label_of(self, target: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """What an entry is, or was, called."""
        return label_of(target, self.subject)

    def here(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Of the kind, not merged into another, and the caller may see it."""
        if self.card is not None:
            return self.card.c.kind == self.kind, self.visible(self.card)
        kind = sa.literal_column(f"'{self.kind}'", sa.Text)  # an index of some kinds serves it
        return self.entry.c.kind == kind, current(self.entry), self.visible()

    def sees(self, of: sa.FromClause) -> sa.ColumnElement[bool]:
        """What the caller may see of entries of any kind."""
        return visible(self.caller, of, granted=self.table(GRANTED))

    def visible(
        self, of: sa.FromClause | None = None, *, kind: Kind | None = None
    ) -> sa.ColumnElement[bool]:
        """What the caller may see: of the view's kind, unless another one is named."""
        seen = self.entry if of is None else of
        granted = self.table(GRANTED)
        return visible(self.caller, seen, kind=kind or self.kind, granted=granted)


def at(table: sa.Table, moment: datetime) -> sa.FromClause:
    """The rows of a versioned table as they stood at a moment.

    The condition stands outside of the union: PostgreSQL then takes it apart, and finds by index,
    in either table, what others join to it.
    """
    every, when = _every(table), sa.literal(moment, Timestamp)
    names = [column.name for column in every.c if column.name not in PERIOD]
    there = sa.select(*every.c[*names]).where(every.c.valid_from <= when, every.c.valid_to > when)
    return there.subquery(f"{table.name}_{OF_MOMENT}")


@cache
def _every(table: sa.Table) -> sa.Subquery:
    """All rows that a table ever had, each with its period; built once, for that takes a while."""
    past = table.metadata.tables[f"{table.name}{HISTORY}"]
    names = [column.name for column in table.columns if column.name != "valid_from"]
    standing = sa.select(*table.c[*names, "valid_from"], FOR_EVER.label("valid_to"))
    return sa.union_all(standing, sa.select(*past.c[*names, *PERIOD])).subquery("every")


def visible(
    caller: Caller,
    of: sa.FromClause = ENTRY,
    *,
    kind: Kind | None = None,
    granted: sa.FromClause = GRANTED,
) -> sa.ColumnElement[bool]:
    """What the caller may see: a namespace is the boundary, for links and counts too.

    Where the kind is known, only what can be true of it is asked: an index can answer that.
    """
    if caller.namespaces is None or kind is Kind.OWNER:
        return sa.true()
    allowed = sorted(caller.namespaces)
    own = of.c.namespace.in_(allowed)
    if kind in NAMESPACED:
        return own
    through = sa.exists().where(granted.c.entry_id == of.c.id, granted.c.namespace.in_(allowed))
    if kind is not None:
        return sa.or_(own, through)
    apart = of.c.kind.in_(sorted(BORROWING))
    return sa.or_(own, of.c.kind == Kind.OWNER, sa.and_(apart, through))


def current(of: sa.FromClause = ENTRY) -> sa.ColumnElement[bool]:
    """Entries that stand for themselves: not merged into another."""
    return of.c.merged_into.is_(None)


def bears_name(of: sa.FromClause = ENTRY) -> sa.ColumnElement[bool]:
    """Entries that are found under their name: a replaced one has lost it."""
    return sa.and_(of.c.merged_into.is_(None), of.c.replaced_by.is_(None))


def any_of(conditions: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    """At least one holds; of none, none does."""
    return sa.or_(sa.false(), *conditions)


def label_of(
    target: sa.ColumnElement[Any], subject: sa.FromClause = SUBJECT
) -> sa.ColumnElement[Any]:
    """What an entry is called: the identifier under which it was first heard of.

    A file of others that adds something to it, or a part of what a build says, names it last.
    """
    return (
        sa.select(subject.c.value)
        .where(subject.c.entry_id == target)
        .order_by(subject.c.scheme.in_(("foreign", "part")), subject.c.id)
        .limit(1)
        .scalar_subquery()
    )


def everyone() -> Caller:
    """Who sees all: for what is derived, whoever reads it."""
    return Caller("system", "", "", "", frozenset(), None)
