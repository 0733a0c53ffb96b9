"""What contested fields rest on, in SQL: what each statement says, since when, who owns it."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from schemas.identifiers import SCHEMES, Kind
from service.catalog.pinned import RANK
from service.catalog.typed import TYPED
from service.catalog.view import View
from service.history import HISTORY
from service.ingest.tables import (
    AbsenceRow,
    ObservationRow,
    PinRow,
    ScopeRow,
    SightingRow,
    SourceRow,
)
from service.reconcile import ACCOUNTABLE

observation, sighting, absence, scope = (
    t.__table__ for t in (ObservationRow, SightingRow, AbsenceRow, ScopeRow)
)
SOURCE: Final = SourceRow.__table__
PIN: Final = PinRow.__table__
Json = sa.ColumnElement[Any]


def _below(subject: sa.FromClause) -> sa.ColumnElement[int]:
    """How far a statement ranks below what else its source says, by what its subject is called."""
    schemes = ((kind, name, scheme) for kind in Kind for name, scheme in SCHEMES[kind].items())
    lower = [
        (sa.and_(subject.c.kind == kind, subject.c.scheme == name), scheme.below)
        for kind, name, scheme in schemes
        if scheme.below
    ]
    return sa.case(*lower, else_=0)


def ranked(fields: sa.FromClause, name: Json) -> tuple[sa.FromClause, Json]:
    """The statements about a field as rows, strongest first, and one as JSON."""
    place = (
        sa.func.jsonb_array_elements_text(fields.c.provenance[name])
        .table_valued("value", with_ordinality="n", name="place")
        .render_derived()
    )
    return place, fields.c.statements[sa.cast(place.c.value, sa.Integer)]


def contenders(view: View, fields: sa.FromClause, *, name: Json) -> sa.ColumnElement[Any]:
    """All that is said about a field: who, when, on what evidence, and how much it counts."""
    place, told = ranked(fields, name)
    source, pin, subject = view.table(SOURCE), view.table(PIN), view.subject
    home = sa.case(
        (told.has_key("by"), sa.cast(sa.func.substr(told["subject"].astext, 7), sa.Uuid))
    )
    found = _observed(view, told, fields, place, source, subject)
    confirmed = sa.func.coalesce(_confirmed(view, found), told["observed_at"].astext)
    said = sa.func.jsonb_build_object(
        "source", told["source"],
        "subject", told["subject"],
        "observed_at", told["observed_at"],
        "confirmed_at", confirmed,
        "evidence", found.c.evidence,
        "value", sa.func.coalesce(found.c.facts[name], pin.c.value),
        "inferred", sa.func.coalesce(found.c.inferred.has_key(name), sa.false()),
        "ranked", sa.func.coalesce(source.c.field_precedence.has_key(name), sa.false()),
        "precedence", sa.func.greatest(0, sa.func.coalesce(
            sa.cast(source.c.field_precedence[name].astext, sa.Integer),
            source.c.precedence, sa.literal(RANK),
        ) - _below(subject)),
    )  # fmt: skip
    named = sa.and_(
        subject.c.kind == fields.c.kind,
        subject.c.scheme == sa.func.split_part(told["subject"].astext, ":", 1),
        subject.c.value == sa.func.regexp_replace(told["subject"].astext, "^[^:]*:", ""),
    )
    return (
        sa.select(sa.func.jsonb_agg(aggregate_order_by(said, place.c.n)))
        .select_from(place)
        .outerjoin(source, source.c.name == told["source"].astext)
        .outerjoin(subject, named)
        .outerjoin(pin, sa.and_(pin.c.entry_id == home, pin.c.field == name))
        .outerjoin(found, sa.true())
        .correlate(fields, name.table)
        .scalar_subquery()
    )


def _observed(view: View, told: Json, *beside: sa.FromClause) -> sa.FromClause:
    """The newest observation of a statement's digest, of those that were recorded by then."""
    source, subject = beside[-2:]
    known = () if view.as_of is None else (observation.c.recorded_at <= view.as_of,)
    return (
        sa.select(*observation.c["source_id", "subject_id", "digest", "facts", "inferred"],
                  observation.c.evidence)
        .where(
            observation.c.source_id == source.c.id,
            observation.c.subject_id == subject.c.id,
            observation.c.digest == told["digest"].astext,
            *known,
        )
        .order_by(observation.c.observed_at.desc())
        .limit(1)
        .correlate(*beside)
        .lateral("observed")
    )  # fmt: skip


def _confirmed(view: View, found: sa.FromClause) -> sa.ColumnElement[Any]:
    """When a full harvest last saw it; of the past only when it was said is known."""
    if view.as_of is not None:
        return sa.null()
    of_sighting = (
        absence.c.source_id == sighting.c.source_id,
        absence.c.subject_id == sighting.c.subject_id,
    )
    seen = sa.case((absence.c.subject_id.is_(None), scope.c.full_opened_at))
    latest = sa.func.greatest(sighting.c.effective_at, seen)
    text = sa.func.to_char(sa.func.timezone("UTC", latest), 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    return (
        sa.select(text)
        .select_from(sighting)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(absence, sa.and_(*of_sighting))
        .where(
            sighting.c.source_id == found.c.source_id,
            sighting.c.subject_id == found.c.subject_id,
            sighting.c.digest == found.c.digest,
        )
        .correlate(found)
        .scalar_subquery()
    )


def since(view: View, fields: sa.FromClause, *, name: Json) -> sa.ColumnElement[Any]:
    """The begin of the last time in which the field was always contested."""
    return sa.case(
        *((fields.c.kind == kind, _since(view, kind, fields=fields, name=name)) for kind in TYPED)
    )


def _since(view: View, kind: Kind, *, fields: sa.FromClause, name: Json) -> sa.ColumnElement[Any]:
    def states(alias: str) -> sa.FromClause:
        table = TYPED[kind]
        past = table.metadata.tables[f"{table.name}{HISTORY}"]
        parts = [
            sa.select(*one.c["valid_from", "conflicts"]).where(
                one.c.id == fields.c.id,
                *(() if view.as_of is None else (one.c.valid_from <= view.as_of,)),
            )
            for one in (table, past)
        ]
        return sa.union_all(*(part.correlate(fields) for part in parts)).lateral(alias)

    all_of_it, calm = states(f"{kind}_state"), states(f"{kind}_calm")
    before = (
        sa.select(sa.func.max(calm.c.valid_from))
        .where(~calm.c.conflicts.has_key(name))
        .correlate(fields, name.table)
        .scalar_subquery()
    )
    later = sa.or_(before.is_(None), all_of_it.c.valid_from > before)
    return (
        sa.select(sa.func.min(all_of_it.c.valid_from))
        .where(later)
        .correlate(fields, name.table)
        .scalar_subquery()
    )


def owners(view: View, owned: Json, *within: sa.FromClause) -> sa.ColumnElement[Any]:
    """What the accountable owners are called."""
    link = view.link
    label = view.label_of(link.c.target_id)
    return (
        sa.select(sa.func.jsonb_agg(aggregate_order_by(label, link.c.key)))
        .where(*accountable(link, owned))
        .correlate(*within)
        .scalar_subquery()
    )


def accountable(link: sa.FromClause, owned: Json) -> tuple[sa.ColumnElement[bool], ...]:
    """Links to those who answer for an entry."""
    return (
        link.c.entry_id == owned,
        link.c.field == "owners",
        sa.func.coalesce(link.c.role, ACCOUNTABLE) == ACCOUNTABLE,
    )


def settled(view: View, fields: sa.FromClause, *, name: Json) -> sa.ColumnElement[bool]:
    """Did people decide it: by a pin, or by a rank of a source for this very field?"""
    place, told = ranked(fields, name)
    source = view.table(SOURCE)
    ranks = sa.exists().where(
        source.c.name == told["source"].astext, source.c.field_precedence.has_key(name)
    )
    decided = sa.or_(told.has_key("by"), ranks.correlate(fields, place, name.table))
    return sa.exists(sa.select(place.c.n).select_from(place).where(decided)).correlate(
        fields, name.table
    )


NOTHING: Final = sa.literal_column("'[]'::jsonb", JSONB)  # as the indexes spell it
