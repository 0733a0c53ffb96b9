"""The uses of the models in scope, with what each is rated by, as they stood."""

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Final

import sqlalchemy as sa

from schemas.columns import Column
from schemas.identifiers import Kind
from schemas.review_columns import FACTORS, USES
from service.catalog.view import View
from service.exports.review.approval import approvals_of
from service.exports.review.asking import asked_of
from service.exports.review.entries import Entries
from service.exports.review.reading import Reading
from service.exports.review.used import counted_uses
from service.exports.review.values import factor
from service.exports.statement import (
    NOT_STATED,
    Text,
    constant,
    flag,
)
from service.risk.decided_tables import ExemptionRow, TierOverrideRow
from service.risk.picture import UNDECLARED
from service.risk.tables import AssessmentRow

ASSESSMENT, OVERRIDE, EXEMPTION = (
    table.__table__ for table in (AssessmentRow, TierOverrideRow, ExemptionRow)
)
RATED: Final = {  # column of the file → of the assessment
    "tier": "tier",
    "computed_tier": "computed_tier",
    "tier_status": "status",
    "tier_low": "tier_low",
    "tier_high": "tier_high",
}
BELOW: Final = constant(f"/{UNDECLARED}")


class Uses(Entries):
    """The cells of the uses' file: of a model without any, of the one that nobody declared."""

    @property
    def own(self) -> Mapping[str, Callable[[Any], Text]]:
        """How columns are written that show no fact."""
        return OWN

    def selected(self, view: View) -> sa.Select[Any]:
        """The uses that count, with the facts of those that are declared."""
        self.used, entry, typed = counted_uses(self.reading), view.entry, view.typed
        rows = self.models.join(self.used, self.used.c.model_id == self.models.c.id)
        rows = rows.outerjoin(entry, entry.c.id == self.used.c.use_id)
        rows = rows.outerjoin(typed, typed.c.id == self.used.c.use_id)
        return sa.select(self.used.c.use_id).select_from(rows)

    def fact(self, column: Column) -> Text:
        """The cell of a fact; nothing is stated of what nobody declared."""
        undeclared = self.used.c.use_id.is_(None)
        return sa.case((undeclared, NOT_STATED), else_=super().fact(column))

    @cached_property
    def called(self) -> Text:
        """What it is called; NULL where its model has no name."""
        known = sa.func.coalesce(
            self.entry.c.natural_key, self.label_of(self.used.c.use_id, Kind.USE)
        )
        return sa.func.coalesce(known, self.models.c.name + BELOW)

    @cached_property
    def assessment(self) -> Any:
        """What it is rated."""
        table = self.reading.at(ASSESSMENT).alias("rating")
        self.beside.append((table, table.c.use_id == self.used.c.stands_as))
        return table

    @cached_property
    def approval(self) -> Any:
        """Did people say yes to it?"""
        table = approvals_of(self.reading)
        self.beside.append((table, table.c.stands_as == self.used.c.stands_as))
        return table

    def granted(self, table: sa.Table, name: str) -> Any:
        """What people granted and its rating refers to."""
        rating, found = self.assessment, self.reading.at(table).alias(f"its_{table.name}")
        self.beside.append((found, found.c.id == rating.c[name]))
        return found


def select_uses(reading: Reading) -> sa.Select[Any]:
    """Every use that counts; what to ask next is written by Python."""
    uses = Uses(reading, Kind.USE, columns=USES)
    return uses.shown(uses.called)


def _rated(of: Uses, written: Text) -> Text:
    """Written, where it is rated."""
    return sa.case((of.assessment.c.use_id.is_not(None), written), else_=NOT_STATED)


def _column(name: str, of: Uses) -> Text:
    return _rated(of, of.assessment.c[name])


def _items(name: str, of: Uses) -> Text:
    return _rated(of, of.reading.cells.items(of.assessment.c[name]))


def _factor(name: str, of: Uses) -> Text:
    return factor(of.reading.cells, of.assessment.c.facts, name=name)


def _expires(table: sa.Table, of: Uses, *, by: str) -> Text:
    return of.reading.when(of.granted(table, by).c.expires_at)


def _approved(of: Uses) -> Text:
    yes = of.approval.c.approved
    return sa.case((yes.is_not(None), flag(yes)), else_=NOT_STATED)


OWN: Final[Mapping[str, Callable[[Uses], Text]]] = {
    "use": lambda of: of.reading.known(of.called),
    "implicit": lambda of: flag(of.used.c.implicit),
    **{name: partial(_factor, name) for name in FACTORS},
    **{name: partial(_column, column) for name, column in RATED.items()},
    "floors": partial(_items, "floors"),
    "floors_undecided": partial(_items, "floors_undecided"),
    "ask_next": lambda of: _rated(of, asked_of(of.assessment)),
    "override_expires_at": partial(_expires, OVERRIDE, by="override_id"),
    "exemption_expires_at": partial(_expires, EXEMPTION, by="exemption_id"),
    "approved": _approved,
}
