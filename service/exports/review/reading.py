"""What the files of one bundle have in common: the moment, the models, the tables of then."""

from datetime import datetime
from functools import cached_property
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.queries import ListExport
from service.access.policy import Caller
from service.catalog.listings import MODELS, Part, Selection
from service.catalog.view import ENTRY, View
from service.db import Timestamp
from service.exports.cells import WITHHELD, cell
from service.exports.statement import (
    EMPTY,
    NOT_STATED,
    Cells,
    Text,
    Value,
    as_text,
    constant,
    moment,
)

NOTES: Final = "risk:notes"
# Everything is read whole: where the planner knows too little of a table, it would look up each row
# of another in it, one by one.
WHOLE: Final = sa.text(
    "SELECT set_config('enable_nestloop', 'off', true), set_config('jit', 'off', true)"
)
HIDDEN: Final = constant(WITHHELD)


def _alone(model: UUID) -> Part:
    """The part of the models' list that is this one."""
    return lambda _session, _as_of: lambda view: view.id == model


class Moments(NamedTuple):
    """Which moment is told of, since when changes are, and until when was learned of it later."""

    as_of: datetime
    known_at: datetime
    since: datetime | None = None


class Reading:
    """One catalog at one moment, for one caller: what its files tell of."""

    def __init__(
        self,
        session: Session,
        asked: ListExport,
        *,
        caller: Caller,
        moments: Moments,
        raw: bool = False,
        only: UUID | None = None,
    ) -> None:
        """Select the models, or one of them; the session begins anew, in one snapshot.

        Raises `Invalid`, `MomentUnsettled`.
        """
        self.session, self.caller, self.raw = session, caller, raw
        self.as_of, self.known_at, self.since = moments
        self.cells = Cells(raw=raw)
        self.asked = asked.model_copy(update={"as_of": self.as_of})
        self.found: Selection = MODELS.select(
            session, self.asked, caller=caller, part=None if only is None else _alone(only)
        )
        if only is None:
            session.execute(WHOLE)

    @property
    def view(self) -> View:
        """The models' tables at the moment."""
        return self.found.view

    def at(self, table: sa.Table) -> sa.FromClause:
        """The rows of a versioned table at the moment."""
        return self.view.table(table)

    def past(self, moment: Value, *, until: datetime | None = None) -> sa.ColumnElement[bool]:
        """Was it recorded by then? For rows that are never changed."""
        return moment <= sa.literal(until or self.as_of, Timestamp)

    @property
    def now(self) -> Value:
        """The moment, for ages and clocks."""
        return sa.literal(self.as_of, Timestamp)

    @cached_property
    def models(self) -> sa.CTE:
        """The models in scope: `id`, `name` (may be NULL), `namespace`, `told`."""
        entry = self.view.entry
        rows = self.found.rows.with_only_columns(
            entry.c.id, entry.c.natural_key.label("name"), entry.c.namespace,
            self.tells(entry).label("told"),
        )  # fmt: skip
        return rows.order_by(None).cte("in_scope")

    def tells(self, entry: sa.FromClause) -> sa.ColumnElement[bool]:
        """May the caller read the notes of a model? By a role in its namespace alone.

        Owners read those of their models in the lists: who owns what today would be an input that
        no mask tells, and a file goes on to others.
        """
        within = self.caller.within(NOTES)
        if within is None:
            return sa.true()
        return sa.func.coalesce(entry.c.namespace.in_(sorted(within)), sa.false())

    @cached_property
    def homes(self) -> sa.CTE:
        """The models in scope, and what was merged into them: `id` and what it is of, `home`."""
        written, models = self.at(ENTRY).alias("written"), self.models
        home = sa.func.coalesce(written.c.merged_into, written.c.id)
        joined = written.join(models, models.c.id == home)
        return sa.select(written.c.id, models.c.id.label("home")).select_from(joined).cte("homes")

    def at_home(self, table: sa.FromClause, *cells: Text) -> sa.Select[Any]:
        """Rows of a table with a `model_id`, as cells: of the models in scope, begun as all are."""
        models, homes = self.models, self.homes
        return (
            self.rows(*cells)
            .select_from(table)
            .join(homes, homes.c.id == table.c.model_id)
            .join(models, models.c.id == homes.c.home)
        )

    def rows(self, *cells: Text) -> sa.Select[Any]:
        """What every file begins with, then these cells; `models` has to be joined."""
        models = self.models
        begun = (constant(cell(self.as_of)), as_text(models.c.id), self.known(models.c.name))
        return sa.select(*(text.label(f"c{n}") for n, text in enumerate((*begun, *cells))))

    def ordered(self, rows: sa.Select[Any], *by: Value) -> sa.Select[Any]:
        """By model, then by these texts, each by code point."""
        models = self.models
        name = sa.func.coalesce(models.c.name, NOT_STATED).collate("C")
        return rows.order_by(name, models.c.id, *(one.collate("C") for one in by))

    def ordered_models(self, rows: sa.Select[Any]) -> sa.Select[Any]:
        """The same order, of a select from the models themselves."""
        entry = self.view.entry
        name = sa.func.coalesce(entry.c.natural_key, NOT_STATED).collate("C")
        return rows.order_by(None).order_by(name, entry.c.id)

    def known(self, value: Value) -> Text:
        """Somebody's text, else `unknown`."""
        return sa.case((value.is_not(None), self.cells.words(value)), else_=NOT_STATED)

    def words(self, value: Value) -> Text:
        """Somebody's text, else nothing."""
        return sa.func.coalesce(self.cells.words(value), EMPTY)

    def noted(self, written: Text) -> Text:
        """A note, for those who may read notes of the model."""
        return sa.case((self.models.c.told, written), else_=HIDDEN)

    @staticmethod
    def when(value: Value) -> Text:
        """A time, else nothing."""
        return sa.func.coalesce(moment(value), EMPTY)
