"""What sources had observed by a moment, and the catalog learned only later."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import SCHEMES, Kind
from schemas.review_columns import COMPANIONS, MAIN
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import annotations
from service.catalog.view import View
from service.exports.review.belonging import belonging
from service.exports.review.reading import Reading
from service.exports.statement import Value, constant
from service.ingest.tables import ObservationRow, SourceRow

ENTRY, SUBJECT, OBSERVATION, SOURCE = (
    table.__table__ for table in (Entry, SubjectRow, ObservationRow, SourceRow)
)


def shown_facts() -> Mapping[Kind, frozenset[str]]:
    """The facts that cells of a bundle come from, by kind."""
    files = (*MAIN.values(), *COMPANIONS)
    rests = {rest for file in files for column in file.columns for rest in column.rests}
    found: dict[Kind, frozenset[str]] = {}
    for kind in Kind:
        named = {rest.removeprefix(f"{kind}.") for rest in rests if rest.startswith(f"{kind}.")}
        if facts := named & annotations(kind).keys():
            found[kind] = frozenset(facts)
    return found


SHOWN: Final = shown_facts()


class Late:
    """Observations that were late, of what belongs to the models in scope."""

    def __init__(self, reading: Reading) -> None:
        """`later` are the tables of when all of it was known."""
        self.reading = reading
        self.later = View(Kind.MODEL, reading.caller, as_of=reading.known_at)
        self.homes, sources = self._homes(), self._sources()
        self.speaking, self.own, self.other = (
            sources.alias(name) for name in ("speaking", "own_rank", "other_rank")
        )
        self.said = self._said()

    def _sources(self) -> sa.CTE:
        """Sources with their ranks of then; one that came later with those that it has since."""
        then, later = self.reading.at(SOURCE), self.later.table(SOURCE).alias("later_source")
        ranks = (
            sa.func.coalesce(then.c[rank], later.c[rank]).label(rank)
            for rank in ("precedence", "field_precedence")
        )
        joined = later.outerjoin(then, then.c.id == later.c.id)
        return sa.select(later.c.id, later.c.name, *ranks).select_from(joined).cte("sources_then")

    def _homes(self) -> sa.CTE:
        """To which models entries belonged then; those that came later, to which they do since."""
        then = belonging(self.reading, name="then")
        since = belonging(self.reading, self.later.table, name="since")
        new = sa.select(since).where(~sa.exists().where(then.c.id == since.c.id))
        return sa.union_all(sa.select(then), new).cte("of_models")

    def _said(self) -> sa.CTE:
        """The newest that each source had observed of each subject, where that came late."""
        reading, one, newer = self.reading, OBSERVATION, OBSERVATION.alias("newer")
        until = reading.known_at
        then, later = reading.at(SUBJECT), self.later.table(SUBJECT).alias("later_subject")
        entry = sa.func.coalesce(then.c.entry_id, later.c.entry_id)
        order = sa.tuple_(newer.c.observed_at, newer.c.digest)
        replaced = sa.exists().where(
            newer.c.source_id == one.c.source_id, newer.c.subject_id == one.c.subject_id,
            reading.past(newer.c.observed_at), reading.past(newer.c.recorded_at, until=until),
            order > sa.tuple_(one.c.observed_at, one.c.digest),
        )  # fmt: skip
        columns = one.c["id", "source_id", "digest", "observed_at", "recorded_at", "facts",
                        "inferred"]  # fmt: skip
        return (
            sa.select(*columns, *later.c["kind", "scheme"], entry.label("entry_id"))
            .select_from(one)
            .join(later, later.c.id == one.c.subject_id)
            .outerjoin(then, then.c.id == one.c.subject_id)
            .where(reading.past(one.c.observed_at), ~reading.past(one.c.recorded_at),
                   reading.past(one.c.recorded_at, until=until), one.c.facts.is_not(None),
                   ~replaced, entry.in_(sa.select(self.homes.c.id)))
            .cte("late").prefix_with("MATERIALIZED")
        )  # fmt: skip

    def name_of(self, target: Value) -> Value:
        """What an entry was called then; of one that came later, what it is since."""
        names: list[Any] = []
        for view, alias in ((self.reading.view, "entry_then"), (self.later, "entry_since")):
            entry = view.table(ENTRY).alias(alias)
            key = sa.select(entry.c.natural_key).where(entry.c.id == target).scalar_subquery()
            names += [key, view.label_of(target)]
        return sa.func.coalesce(*names)


def rank(of: sa.FromClause, field: Value, *, scheme: Value, kind: Kind) -> Value:
    """How much a source counts for a field, by which of its identifiers it speaks."""
    own = sa.cast(of.c.field_precedence[field].astext, sa.Integer)
    below = {name: one.below for name, one in SCHEMES[kind].items() if one.below}
    cases = [(scheme == constant(name), constant(by)) for name, by in below.items()]
    less: Value = sa.case(*cases, else_=constant(0)) if cases else constant(0)
    return sa.func.greatest(sa.func.coalesce(own, of.c.precedence) - less, constant(0))
