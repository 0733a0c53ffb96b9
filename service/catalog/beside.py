"""What stands beside an entry: identifiers, pages in the sources, whom it names, who names it.

One statement answers all of it; it is built once for each kind and caller.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, distinct_on
from sqlmodel import Session

from schemas.details import Related, SourcePage
from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.entries import entry_address
from service.catalog.select import bears_name, current, entry, link, subject, version, visible
from service.catalog.typed import REFERENCES, TYPED, reference_columns
from service.ingest.tables import AbsenceRow, ObservationRow, SightingRow, SourceRow

MOST: Final = 1_000
SHOWN: Final = sa.bindparam("shown", type_=sa.Uuid())  # the entry that is shown

absence, observation, sighting, source = (
    t.__table__ for t in (AbsenceRow, ObservationRow, SightingRow, SourceRow)
)
other = entry.alias("other")


def read_beside(session: Session, kind: Kind, *, shown: UUID, caller: Caller) -> dict[str, Any]:
    """The members of a detail that its row does not have."""
    found = session.execute(_select(kind, caller), {"shown": shown}).mappings().one()
    beside: dict[str, Any] = {
        "identifiers": found["identifiers"] or (),
        "links": tuple(SourcePage(**page) for page in found["links"] or ()),
        "references": tuple(_related(one) for one in found["references"] or ()),
        "referred_by": found["referred_by"] or {},
    }
    if kind is Kind.MODEL:
        beside["uses"] = tuple(_related(one) for one in found["uses"] or ())
        beside["aliases"] = found["aliases"] or {}
    return beside


def _related(found: Mapping[str, Any]) -> Related:
    kind = Kind(found["kind"])
    url = entry_address(kind, found["name"], entry_id=found["id"])
    return Related.model_validate({**found, "url": url})


@lru_cache(maxsize=256)
def _select(kind: Kind, caller: Caller) -> sa.Select[Any]:
    parts = {
        "identifiers": _identifiers(),
        "links": _links(),
        "references": _references(kind, caller),
        "referred_by": _referred_by(kind, caller),
    }
    if kind is Kind.MODEL:
        parts |= {"uses": _uses(caller), "aliases": _aliases(caller)}
    return sa.select(*(part.scalar_subquery().label(name) for name, part in parts.items()))


def _identifiers() -> sa.Select[Any]:
    text = subject.c.scheme + ":" + subject.c.value
    listed = sa.func.jsonb_agg(aggregate_order_by(text, subject.c.scheme, subject.c.value))
    return sa.select(listed).where(subject.c.entry_id == SHOWN)


def _links() -> sa.Select[Any]:
    """The evidence of what is said now: where the source shows it."""
    url = observation.c.evidence["url"].astext
    gone = sa.exists().where(
        absence.c.source_id == sighting.c.source_id,
        absence.c.subject_id == sighting.c.subject_id,
        absence.c.gone_since.is_not(None),
    )
    pages = (
        sa.select(source.c.name.label("source"), url.label("url"))
        .select_from(subject)
        .join(sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .join(source, source.c.id == sighting.c.source_id)
        .where(subject.c.entry_id == SHOWN, url.is_not(None), ~gone)
        .distinct()
        .subquery()
    )
    return sa.select(_objects(pages, pages.c.source, pages.c.url))


def _references(kind: Kind, caller: Caller) -> sa.Select[Any]:
    """The entries that the facts name, one by one or as members of a set."""
    typed = TYPED[kind]
    named = [
        sa.select(sa.literal(fact).label("fact"), typed.c[column].label("id")).where(
            typed.c.id == SHOWN
        )
        for fact, column in reference_columns(kind).items()
    ]
    members = sa.select(link.c.field.label("fact"), link.c.target_id.label("id"))
    named.append(members.where(link.c.entry_id == SHOWN))
    return _described(sa.union(*named).subquery("named"), caller)


def _referred_by(kind: Kind, caller: Caller) -> sa.Select[Any]:
    """How many live entries of each kind name it."""
    naming = [
        sa.select(TYPED[about].c.id.label("id")).where(TYPED[about].c[f"{fact}_id"] == SHOWN)
        for (about, fact), target in REFERENCES.items()
        if target is kind
    ]
    naming.append(sa.select(link.c.entry_id.label("id")).where(link.c.target_id == SHOWN))
    every = sa.union(*naming).subquery("naming")
    counted = (
        sa.select(other.c.kind, sa.func.count().label("number"))
        .join_from(every, other, other.c.id == every.c.id)
        .where(bears_name(other), other.c.gone_since.is_(None), visible(caller, other))
        .group_by(other.c.kind)
        .subquery()
    )
    return sa.select(sa.func.jsonb_object_agg(counted.c.kind, counted.c.number))


def _uses(caller: Caller) -> sa.Select[Any]:
    use = TYPED[Kind.USE]
    below = sa.select(sa.literal("model").label("fact"), use.c.id).where(use.c.model_id == SHOWN)
    return _described(below.limit(MOST).subquery("below"), caller, sa.literal(value=True))


def _described(named: sa.Subquery, caller: Caller, *also: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Named entries as a detail shows them, those that the caller may see."""
    called = (
        sa.select(subject.c.scheme + ":" + subject.c.value)
        .where(subject.c.entry_id == other.c.id)
        .order_by(subject.c.id)
        .limit(1)
        .scalar_subquery()
    )
    shown = (
        sa.select(
            named.c.fact,
            *other.c["id", "kind", "gone_since"],
            other.c.natural_key.label("name"),
            called.label("identifier"),
        )
        .join_from(named, other, other.c.id == named.c.id)
        .where(visible(caller, other), *also)
        .order_by(named.c.fact, other.c.natural_key, other.c.id)
        .limit(MOST)
        .subquery()
    )
    return sa.select(_objects(shown, shown.c.fact, shown.c.name, shown.c.identifier, shown.c.id))


def _aliases(caller: Caller) -> sa.Select[Any]:
    """Which version each alias stands for, chosen as `@alias` in an address is."""
    each = sa.func.jsonb_array_elements_text(
        sa.func.coalesce(version.c.aliases, sa.cast([], JSONB))
    )
    alias = each.table_valued("value").render_derived(name="alias")
    borne = (
        sa.select(alias.c.value, sa.func.split_part(entry.c.natural_key, "/", 3).label("number"))
        .select_from(version)
        .join(entry, entry.c.id == version.c.id)
        .join(alias, sa.true())
        .where(
            version.c.model_id == SHOWN, entry.c.gone_since.is_(None), current(), bears_name(),
            visible(caller),
        )
        .ext(distinct_on(alias.c.value))
        .order_by(alias.c.value, *ALIASED)
        .subquery("borne")
    )  # fmt: skip
    return sa.select(sa.func.jsonb_object_agg(borne.c.value, borne.c.number))


def _objects(found: sa.Subquery, *order: sa.ColumnElement[Any]) -> Any:
    """The rows as one JSON list of objects."""
    members = [part for column in found.c for part in (sa.literal(column.name, sa.Text), column)]
    return sa.func.jsonb_agg(aggregate_order_by(sa.func.jsonb_build_object(*members), *order))


ALIASED: Final = (  # bare numbers first, then the highest
    sa.func.split_part(entry.c.natural_key, "/", 3).contains("@"),
    version.c.number_key.desc().nulls_last(),
    entry.c.natural_key,
    entry.c.id,
)
