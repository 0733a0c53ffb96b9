"""The catalog as one reader sees it at one moment: the tables that every selection starts from."""

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.util import find_tables

from schemas.filters import NAMESPACED
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.tables import Entry, EntryNamespace, IndexCard, Link, SubjectRow
from service.catalog.typed import BORROWING, TYPED
from service.history import HISTORY
from service.ingest.tables import IdentityDecision

ENTRY, LINK, GRANTED, SUBJECT, CARD = (
    table.__table__ for table in (Entry, Link, EntryNamespace, SubjectRow, IndexCard)
)
DECISION: Final = IdentityDecision.__table__
PARENT: Final = ENTRY.alias("parent")
OF_MOMENT: Final = "as_of"


class View:
    """The tables of a kind, as they are or as they stood, and what of them a reader may see."""

    def __init__(
        self, kind: Kind, caller: Caller, *, as_of: datetime | None = None, by_card: bool = False
    ) -> None:
        """Without a moment: the present, which lists find by its index cards."""
        self.kind, self.caller, self.as_of = kind, caller, as_of
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

    def label_of(self, target: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """What an entry is, or was, called."""
        return label_of(target) if self.as_of is None else _label_then(target, self.as_of)

    def home(self) -> sa.ColumnElement[Any]:
        """The entry that an identifier (`SUBJECT`) belongs, or belonged, to."""
        current_one: sa.ColumnElement[Any] = SUBJECT.c.entry_id
        if self.as_of is None:
            return current_one
        moved = DECISION.c.homes.has_key(sa.cast(SUBJECT.c.id, sa.Text))
        first = (
            sa.select(DECISION.c.other_id)
            .where(*_merged_after(DECISION, self.as_of), moved)
            .order_by(DECISION.c.id)
            .limit(1)
        )
        return sa.func.coalesce(first.correlate(SUBJECT).scalar_subquery(), current_one)

    def here(self) -> tuple[sa.ColumnElement[bool], ...]:
        """Of the kind, not merged into another, and the caller may see it."""
        if self.card is not None:
            return self.card.c.kind == self.kind, self.visible(self.card)
        return self.entry.c.kind == self.kind, current(self.entry), self.visible()

    def visible(
        self, of: sa.FromClause | None = None, *, kind: Kind | None = None
    ) -> sa.ColumnElement[bool]:
        """What the caller may see: of the view's kind, unless another one is named."""
        seen = self.entry if of is None else of
        granted = self.table(GRANTED)
        return visible(self.caller, seen, kind=kind or self.kind, granted=granted)


def _merged_after(decision: sa.FromClause, moment: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return decision.c.op == "merge", decision.c.valid_from > moment


def _label_then(target: Any, moment: datetime) -> sa.ColumnElement[Any]:
    """What an entry was called: merges have moved identifiers since, and noted where from."""

    def stayed(number: sa.ColumnElement[Any], within: sa.FromClause) -> sa.ColumnElement[bool]:
        came = DECISION.alias("came")
        arrived = sa.exists().where(
            came.c.entry_id == target,
            *_merged_after(came, moment),
            came.c.homes.has_key(sa.cast(number, sa.Text)),
        )
        return ~arrived.correlate(target.table, within)

    kept, called = SUBJECT.alias("kept"), SUBJECT.alias("label")
    own = sa.select(sa.func.min(kept.c.id)).where(
        kept.c.entry_id == target, stayed(kept.c.id, kept)
    )
    each = sa.func.jsonb_object_keys(DECISION.c.homes).table_valued("key").render_derived()
    number = sa.cast(each.c.key, sa.BigInteger)
    left = (
        sa.select(sa.func.min(number))
        .select_from(DECISION)
        .join(each, sa.true())
        .where(
            DECISION.c.other_id == target, *_merged_after(DECISION, moment), stayed(number, each)
        )
    )
    ways = (one.correlate(target.table).scalar_subquery() for one in (own, left))
    first = sa.func.least(*ways)
    return sa.select(called.c.value).where(called.c.id == first).scalar_subquery()


def at(table: sa.Table, moment: datetime) -> sa.FromClause:
    """The rows of a versioned table as they stood at a moment."""
    past = table.metadata.tables[f"{table.name}{HISTORY}"]
    when = sa.literal(moment, table.c.valid_from.type)
    names = [column.name for column in table.columns if column.name != "valid_from"]
    standing = sa.select(*table.c[*names]).where(table.c.valid_from <= when)
    replaced = sa.select(*past.c[*names]).where(past.c.valid_from <= when, past.c.valid_to > when)
    return sa.union_all(standing, replaced).subquery(f"{table.name}_{OF_MOMENT}")


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


def label_of(target: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """What an entry is called: the identifier under which it was first heard of."""
    return (
        sa.select(SUBJECT.c.value)
        .where(SUBJECT.c.entry_id == target)
        .order_by(SUBJECT.c.id)
        .limit(1)
        .scalar_subquery()
    )


def everyone() -> Caller:
    """Who sees all: for what is derived, whoever reads it."""
    return Caller("system", "", "", "", frozenset(), None)
