"""The entries that belong to the models in scope, as the cells of a file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from schemas.columns import Column
from schemas.identifiers import Kind
from service.catalog.listings import Selection
from service.catalog.typed import REFERENCES, TYPED
from service.catalog.view import ENTRY, View
from service.exports.record import Record
from service.exports.review.decided import home_of
from service.exports.review.reading import Reading
from service.exports.review.values import unmarked
from service.exports.statement import Text, Value, as_text, constant

VERSION: Final = TYPED[Kind.VERSION]
AT, COLON = constant("@"), constant(":")
LAST_PART: Final = constant("[^/]*$")


class Entries(Record):
    """Entries of a kind, each beside its model: neither merged, nor replaced by another.

    Retired ones are among them. `own` writes the cells of columns that show no fact of theirs.
    """

    def __init__(self, reading: Reading, kind: Kind, *, columns: Sequence[Column]) -> None:
        """Prepare the cells of these columns."""
        self.reading, self.models = reading, reading.models
        self.written: dict[str, Text] = {}
        view = View(kind, reading.caller, as_of=reading.as_of)
        found = Selection(self.selected(view), (), view, ())
        super().__init__(columns, found, whole=True, raw=reading.raw)

    @property
    def own(self) -> Mapping[str, Callable[[Any], Text]]:
        """How columns are written that show no fact."""
        return {}

    def selected(self, view: View) -> sa.Select[Any]:
        """The ids of the entries in the file."""
        rows = sa.select(view.entry.c.id).select_from(self.joined(view))
        return rows.where(*view.here(), view.entry.c.replaced_by.is_(None))

    def joined(self, view: View) -> sa.FromClause:
        """The entries with the models that they belong to."""
        return beside_models(self.reading, view.rows, of=view.typed.c.model_id)

    def cell(self, column: Column) -> Text:
        """One column's cell, which may be asked for twice."""
        if column.name not in self.written:
            self.written[column.name] = self._write(column)
        return self.written[column.name]

    def _write(self, column: Column) -> Text:
        if column.name == "model_id":
            return as_text(self.models.c.id)
        if column.name == "model":
            return self.known(self.models.c.name)
        if column.name in self.own:
            return self.own[column.name](self)
        return self.fact(column) if column.fact else super().cell(column)

    def _label(self, target: Value, name: str) -> Text:
        """What an entry that a fact names is called; all of its kind at once."""
        return self.label_of(target, REFERENCES.get((self.kind, name), self.kind))

    def label_of(self, target: Value, kind: Kind) -> Text:
        """What an entry of a kind is called."""
        return self._labels(target, kind).c.label

    def identifier_of(self, target: Value, kind: Kind) -> Text:
        """The whole identifier that an entry of a kind is called by."""
        return self._labels(target, kind).c.identifier

    def _labels(self, target: Value, kind: Kind) -> sa.Subquery:
        table = labels_of(self.view, kind)
        self.beside.append((table, table.c.of == target))
        return table

    def fact(self, column: Column) -> Text:
        """The cell of a fact of the entry, in its three states."""
        return self._fact(column)

    def beside_of(self, table: Any, key: str, *, of: sa.FromClause | None = None) -> Any:
        """A table with at most one row for each entry, or for what else it is `of`."""
        self.beside.append((table, table.c[key] == (self.entry if of is None else of).c.id))
        return table

    def shown(self, by: Value) -> sa.Select[Any]:
        """The rows in the order of the file: by model, then by this text."""
        rows = self.select(as_of=self.reading.as_of)
        return self.reading.ordered(rows, unmarked(by), as_text(self.entry.c.id))


def beside_models(reading: Reading, rows: sa.FromClause, *, of: Value) -> sa.FromClause:
    """Rows with the model in scope that they are `of`, also where that was merged into it."""
    homes, models = reading.homes, reading.models
    return rows.join(homes, homes.c.id == of).join(models, models.c.id == homes.c.home)


def labels_of(view: View, kind: Kind) -> sa.Subquery:
    """What each entry of a kind is called, `of` which: as `label_of` has it, for all at once.

    Things of two schemes may share a `label`; no two share an `identifier`, `scheme:value`.
    """
    known = view.subject
    last = known.c.scheme.in_(("foreign", "part"))
    whole = known.c.scheme + COLON + known.c.value
    return (
        sa.select(
            known.c.entry_id.label("of"), known.c.value.label("label"), whole.label("identifier")
        )
        .where(known.c.kind == kind.value, known.c.entry_id.is_not(None))
        .ext(distinct_on(known.c.entry_id))
        .order_by(known.c.entry_id, last, known.c.id)
        .subquery()
    )


def versions_called(reading: Reading) -> sa.Subquery:
    """What the versions' file calls each version, `of` which; a merged one as its home."""
    each, home, version = reading.at(ENTRY).alias("each"), reading.at(ENTRY), reading.at(VERSION)
    labels = labels_of(reading.view, Kind.VERSION)
    text = version_text(home, version.c.number, label=labels.c.label)
    return (
        sa.select(each.c.id.label("of"), text.label("version"))
        .join_from(each, home, home.c.id == home_of(each))
        .join(version, version.c.id == home.c.id)
        .outerjoin(labels, labels.c.of == home.c.id)
        .subquery("versions_called")
    )


def version_text(entry: sa.FromClause, number: Value, *, label: Value) -> Text:
    """What a version is called: `v7`, `v7@registry` where its number is one of another registry.

    Without a number it is called by its first identifier, so that no two are called alike.
    """
    last = sa.func.substring(entry.c.natural_key, LAST_PART)
    registry = sa.func.nullif(sa.func.split_part(last, AT, constant(2)), constant(""))
    numbered = constant("v") + number + sa.func.coalesce(AT + registry, constant(""))
    return sa.case((number.is_not(None), numbered), else_=label)
