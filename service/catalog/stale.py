"""What of an entry is stale, and since when nobody has seen it: columns, conditions, flags."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import SCHEMES, Kind
from service.catalog.freshness import Partly
from service.catalog.lateness import read_freshness
from service.catalog.tables import SubjectRow
from service.catalog.view import View, any_of
from service.db import Timestamp
from service.ingest.tables import AbsenceRow, HarvestRow, ObservationRow, SightingRow

Bool = sa.ColumnElement[bool]
absence, harvest, observation, sighting, subject = (
    table.__table__ for table in (AbsenceRow, HarvestRow, ObservationRow, SightingRow, SubjectRow)
)


def marked(selected: sa.Select[Any], view: View) -> sa.Select[Any]:
    """A selection of entries with `stale` and `unseen_since`, where anything is."""
    if view.freshness.stale:
        said = stale_statements(view)
        names = said.with_only_columns(sa.func.jsonb_agg(said.selected_columns.source))
        column = sa.type_coerce(names.scalar_subquery(), JSONB)
        selected = selected.add_columns(column.label("stale"))
    if not view.freshness.unseen:
        return selected
    if view.as_of is None:
        return selected.add_columns(unseen_since(view).label("unseen_since"))
    every = every_unseen(view).subquery("unseen")
    return selected.outerjoin(every, every.c.of == view.entry.c.id).add_columns(
        every.c.unseen_since
    )


def is_stale(view: View) -> Bool:
    """Does any source's statement about the entry count as stale?"""
    return stale_statements(view).exists() if view.freshness.stale else sa.false()


def is_stale_of(view: View, sources: Sequence[str]) -> Bool:
    """Does a statement of one of these sources?"""
    if not view.freshness.stale:
        return sa.false()
    said = stale_statements(view)
    return said.where(said.selected_columns.source.in_(sources)).exists()


def stale_statements(view: View) -> sa.Select[Any]:
    """The stale ones among an entry's statements, a row each."""
    said = _said(view)
    return sa.select(_source(said).label("source")).select_from(said).where(_chosen(view, said))


def _said(view: View) -> sa.FromClause:
    each = sa.func.jsonb_array_elements(view.typed.c.statements)
    return each.table_valued(sa.column("value", JSONB), name="said").render_derived()


def _source(said: sa.FromClause) -> sa.ColumnElement[str]:
    name: sa.ColumnElement[str] = said.c.value["source"].astext
    return name


def _chosen(view: View, said: sa.FromClause) -> Bool:
    """Is a statement of a source all of whose facts are stale, or of a scope that is late?"""
    by_scope = (
        sa.and_(_source(said) == source, _of_scope(view, said, late=late))
        for source, late in sorted(view.freshness.partly.items())
    )
    return any_of((_source(said).in_(sorted(view.freshness.wholly)), *by_scope))


def _of_scope(view: View, said: sa.FromClause, *, late: Partly) -> Bool:
    """Does what was stated belong to a late scope? What was only pushed belongs to none."""
    named, about = subject.alias("named"), said.c.value["subject"].astext
    found = sa.select(named.c.id).where(
        named.c.kind == view.kind,
        named.c.scheme == sa.func.split_part(about, ":", 1),
        named.c.value == sa.func.regexp_replace(about, "^[^:]*:", ""),
    )
    if view.as_of is None:
        here = sa.and_(
            sighting.c.source_id == late.source_id,
            sighting.c.subject_id == named.c.id,
            sighting.c.scope_id.in_(late.scopes),
        )
        return found.join_from(named, sighting, here).correlate(said).exists()
    brought = (  # by what is never changed: which harvest brought what was said then
        sa.select(observation.c.harvest_id)
        .where(
            observation.c.source_id == late.source_id,
            observation.c.subject_id == named.c.id,
            observation.c.digest == said.c.value["digest"].astext,
            observation.c.recorded_at <= sa.literal(view.as_of, Timestamp),
        )
        .order_by(observation.c.observed_at.desc(), observation.c.id.desc())
        .limit(1)
        .correlate(named, said)
        .scalar_subquery()
    )
    here = sa.and_(harvest.c.id == brought, harvest.c.scope_id.in_(late.scopes))
    return found.join_from(named, harvest, here).correlate(said).exists()


def with_marks(session: Session, view: View, *, row: Any) -> Any:
    """One entry's row with the same marks; `stale_places` are those of its statements."""
    fresh = view.freshness = read_freshness(session, view.as_of)
    said = row["statements"]
    places = {n for n, one in enumerate(said) if one.get("source") in fresh.wholly}
    if any(one.get("source") in fresh.partly for one in said):
        each = sa.func.jsonb_array_elements(sa.cast(list(said), JSONB))
        given = each.table_valued(
            sa.column("value", JSONB), with_ordinality="place", name="said"
        ).render_derived()
        chosen = sa.select(given.c.place - 1).where(_chosen(view, given))
        places |= set(session.execute(chosen).scalars())
    since = None
    if fresh.unseen:
        rows, known = _unseen(view)
        own = rows.where(known.c.entry_id == row["id"])
        since = session.execute(own).scalar_one_or_none()
    stale = {said[place]["source"] for place in places}
    return {**row, "stale": stale, "stale_places": places, "unseen_since": since}


def _vital(kind: Kind) -> list[str]:
    """Schemes of identifiers that keep an entry alive."""
    return sorted(name for name, scheme in SCHEMES[kind].items() if scheme.keeps_alive)


def _unseen(view: View) -> tuple[sa.Select[Any], sa.FromClause]:
    """Since when what keeps entries alive was last missed, where all of it that is there was."""
    missed = view.table(absence).alias("missed")
    known = view.table(subject).alias("known")
    same = (missed.c.source_id == sighting.c.source_id, missed.c.subject_id == known.c.id)
    there = sighting.c.first_seen <= (
        sa.func.now() if view.as_of is None else sa.literal(view.as_of, Timestamp)
    )
    rows = (
        sa.select(sa.func.max(missed.c.unseen_since).label("unseen_since"))
        .select_from(known)
        .join(sighting, sa.and_(sighting.c.subject_id == known.c.id, there))
        .outerjoin(missed, sa.and_(*same))
        .where(known.c.scheme.in_(_vital(view.kind)), missed.c.gone_since.is_(None))
        .having(sa.func.bool_and(missed.c.subject_id.is_not(None)))
    )
    return rows, known


def unseen_since(view: View) -> sa.ColumnElement[datetime]:
    """Of one entry: since when no source has shown it, while it is not gone."""
    rows, known = _unseen(view)
    return rows.where(known.c.entry_id == view.entry.c.id).correlate(view.entry).scalar_subquery()


def every_unseen(view: View) -> sa.Select[Any]:
    """The same of all entries at once, for a list that is read as a whole."""
    rows, known = _unseen(view)
    missed, about = view.table(absence).alias("any_missed"), view.table(subject).alias("about")
    entries = (
        sa.select(about.c.entry_id)
        .join_from(missed, about, about.c.id == missed.c.subject_id)
        .where(missed.c.gone_since.is_(None), about.c.kind == view.kind)
    )
    return (
        rows.add_columns(known.c.entry_id.label("of"))
        .where(known.c.entry_id.in_(entries))
        .group_by(known.c.entry_id)
    )
