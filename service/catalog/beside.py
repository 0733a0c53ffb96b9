"""What stands beside an entry: identifiers, pages in the sources, whom it names, who names it.

One statement answers all of it; it is built once for each kind and caller.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, distinct_on
from sqlmodel import Session

from schemas.details import Related, SourcePage
from schemas.identifiers import Kind
from service.catalog.entries import entry_address
from service.catalog.source_pages import pages_now, pages_then
from service.catalog.typed import REFERENCES, reference_columns
from service.catalog.view import View, bears_name, current, everyone

MOST: Final = 1_000
SHOWN: Final = sa.bindparam("shown", type_=sa.Uuid())  # the entry that is shown


def read_beside(session: Session, view: View, *, row: sa.RowMapping) -> dict[str, Any]:
    """The members of a detail that its row does not have."""
    asked = {"shown": row["id"]}
    select = _present(view.kind, view.caller.namespaces) if view.as_of is None else _select(view)
    if view.as_of is not None:
        asked["said"] = row["statements"]
    found = session.execute(select, asked).mappings().one()
    beside: dict[str, Any] = {
        "identifiers": found["identifiers"] or (),
        "links": tuple(SourcePage(**page) for page in found["links"] or ()),
        "references": tuple(_related(one) for one in found["references"] or ()),
        "referred_by": found["referred_by"] or {},
    }
    if view.kind is Kind.MODEL:
        beside["uses"] = tuple(_related(one) for one in found["uses"] or ())
        beside["aliases"] = found["aliases"] or {}
    return beside


def _related(found: Mapping[str, Any]) -> Related:
    kind = Kind(found["kind"])
    url = entry_address(kind, found["name"], entry_id=found["id"])
    return Related.model_validate({**found, "url": url})


@lru_cache(maxsize=256)
def _present(kind: Kind, namespaces: frozenset[str] | None) -> sa.Select[Any]:
    return _select(View(kind, everyone()._replace(namespaces=namespaces)))


def _select(view: View) -> sa.Select[Any]:
    parts = {
        "identifiers": _identifiers(view),
        "links": _links(view),
        "references": _references(view),
        "referred_by": _referred_by(view),
    }
    if view.kind is Kind.MODEL:
        parts |= {"uses": _uses(view), "aliases": _aliases(view)}
    return sa.select(*(part.scalar_subquery().label(name) for name, part in parts.items()))


def _identifiers(view: View) -> sa.Select[Any]:
    subject = view.subject
    text = subject.c.scheme + ":" + subject.c.value
    listed = sa.func.jsonb_agg(aggregate_order_by(text, subject.c.scheme, subject.c.value))
    return sa.select(listed).where(subject.c.entry_id == SHOWN)


def _links(view: View) -> sa.Select[Any]:
    """The evidence of what is said: where the source shows it."""
    pages = pages_now(SHOWN) if view.as_of is None else pages_then(view)
    return sa.select(_objects(pages, pages.c.source, pages.c.url))


def _references(view: View) -> sa.Select[Any]:
    """The entries that the facts name, one by one or as members of a set."""
    typed, link = view.typed, view.link
    named = [
        sa.select(sa.literal(fact).label("fact"), typed.c[column].label("id")).where(
            typed.c.id == SHOWN
        )
        for fact, column in reference_columns(view.kind).items()
    ]
    members = sa.select(link.c.field.label("fact"), link.c.target_id.label("id"))
    named.append(members.where(link.c.entry_id == SHOWN))
    return _described(view, sa.union(*named).subquery("named"))


def _referred_by(view: View) -> sa.Select[Any]:
    """How many live entries of each kind name it."""
    link, other = view.link, view.entry.alias("other")
    naming = [
        sa.select(view.of(about).c.id.label("id")).where(view.of(about).c[f"{fact}_id"] == SHOWN)
        for (about, fact), target in REFERENCES.items()
        if target is view.kind
    ]
    naming.append(sa.select(link.c.entry_id.label("id")).where(link.c.target_id == SHOWN))
    every = sa.union(*naming).subquery("naming")
    counted = (
        sa.select(other.c.kind, sa.func.count().label("number"))
        .join_from(every, other, other.c.id == every.c.id)
        .where(bears_name(other), other.c.gone_since.is_(None), view.sees(other))
        .group_by(other.c.kind)
        .subquery()
    )
    return sa.select(sa.func.jsonb_object_agg(counted.c.kind, counted.c.number))


def _uses(view: View) -> sa.Select[Any]:
    use = view.of(Kind.USE)
    below = sa.select(sa.literal("model").label("fact"), use.c.id).where(use.c.model_id == SHOWN)
    return _described(view, below.limit(MOST).subquery("below"))


def _described(view: View, named: sa.Subquery) -> sa.Select[Any]:
    """Named entries as a detail shows them, those that the caller may see."""
    subject, other = view.subject, view.entry.alias("other")
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
        .where(view.sees(other))
        .order_by(named.c.fact, other.c.natural_key, other.c.id)
        .limit(MOST)
        .subquery()
    )
    return sa.select(_objects(shown, shown.c.fact, shown.c.name, shown.c.identifier, shown.c.id))


def _aliases(view: View) -> sa.Select[Any]:
    """Which version each alias stands for, chosen as `@alias` in an address is."""
    versions = View(Kind.VERSION, view.caller, as_of=view.as_of)
    entry, version = versions.entry, versions.typed
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
            version.c.model_id == SHOWN, entry.c.gone_since.is_(None), current(entry),
            bears_name(entry), versions.sees(entry),
        )
        .ext(distinct_on(alias.c.value))
        .order_by(alias.c.value, *aliased(versions))
        .subquery("borne")
    )  # fmt: skip
    return sa.select(sa.func.jsonb_object_agg(borne.c.value, borne.c.number))


def _objects(found: sa.Subquery, *order: sa.ColumnElement[Any]) -> Any:
    """The rows as one JSON list of objects."""
    members = [part for column in found.c for part in (sa.literal(column.name, sa.Text), column)]
    return sa.func.jsonb_agg(aggregate_order_by(sa.func.jsonb_build_object(*members), *order))


def aliased(view: View) -> tuple[sa.ColumnElement[Any], ...]:
    """The order of versions that bear one alias: bare numbers first, then the highest."""
    key = view.entry.c.natural_key
    return (
        sa.func.split_part(key, "/", 3).contains("@"),
        view.typed.c.number_key.desc().nulls_last(),
        key,
        view.entry.c.id,
    )
