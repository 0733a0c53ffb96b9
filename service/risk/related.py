"""Which models a change concerns, also those that it no longer belongs to."""

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.catalog.tables import Entry, Link
from service.catalog.typed import TYPED
from service.db import Moved
from service.history import HISTORY
from service.recordset import among

DEPENDS: Final = "depends_on"

entry, link = Entry.__table__, Link.__table__
version, use, deployment, build = (
    TYPED[kind] for kind in (Kind.VERSION, Kind.USE, Kind.DEPLOYMENT, Kind.BUILD)
)
LINKS: Final = ("datasets", "owners")
BEGUN: Final = sa.func.transaction_timestamp()


def models_of(
    session: Session, entries: Iterable[UUID], *, decided: Iterable[UUID] = ()
) -> set[UUID]:
    """Models that rest on these entries, now or until this transaction. One statement.

    Also the models about which something was `decided`, or what those were merged into.
    """
    ids, others = set(entries), set(decided)
    if not ids and not others:
        return set()
    home = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    found = [sa.select(home).where(among(entry.c.id, others))]
    if ids:
        found += _resting_on(ids)
    return set(session.execute(sa.union(*found)).scalars())


def _resting_on(ids: set[UUID]) -> list[sa.Select[Any]]:
    every = {table: _now_and_before(table) for table in (version, use, deployment, link)}
    versions, uses, deployments, links = (every[t] for t in (version, use, deployment, link))
    changed = sa.select(*entry.c["id", "kind"]).where(among(entry.c.id, ids)).cte("changed")
    touched = sa.union(
        sa.select(changed.c.id),
        sa.select(versions.c.id).join(changed, changed.c.id == versions.c.build_id),
        sa.select(links.c.entry_id)
        .join(changed, changed.c.id == links.c.target_id)
        .where(links.c.field.in_(LINKS)),
    ).cte("touched")
    served = (
        sa.select(deployments.c.version_id.label("id"))
        .join(touched, touched.c.id == deployments.c.id)
        .where(deployments.c.version_id.is_not(None))
    )
    reached = sa.union(sa.select(touched.c.id), served).cte("reached")
    models = (
        sa.select(entry.c.id)
        .join(reached, reached.c.id == entry.c.id)
        .where(entry.c.kind == Kind.MODEL.value)
    )
    above = (
        sa.select(of.c.model_id)
        .join(reached, reached.c.id == of.c.id)
        .where(of.c.model_id.is_not(None))
        for of in (versions, uses)
    )
    supplying = (  # it gained or lost a consumer
        sa.select(links.c.target_id)
        .join(changed, changed.c.id == links.c.entry_id)
        .where(links.c.field == DEPENDS)
    )
    return [models, *above, supplying, _twins(versions, changed)]


def _twins(versions: sa.FromClause, changed: sa.CTE) -> sa.Select[Any]:
    """Models with a version of a digest that a changed version has or had.

    And that any version has of a model that began, ended, or is called otherwise now.
    """
    past = entry.metadata.tables[f"{entry.name}{HISTORY}"]
    same = sa.and_(
        past.c.natural_key.is_not_distinct_from(entry.c.natural_key),
        past.c.gone_since.is_(None) == entry.c.gone_since.is_(None),
        past.c.merged_into.is_not_distinct_from(entry.c.merged_into),
    )
    renamed = (
        sa.select(entry.c.id)
        .join(changed, changed.c.id == entry.c.id)
        .join(past, sa.and_(past.c.id == entry.c.id, past.c.valid_to >= BEGUN, ~same))
        .where(entry.c.kind == Kind.MODEL.value)
    )
    known = sa.union(
        sa.select(versions.c.id, versions.c.digests).join(changed, changed.c.id == versions.c.id),
        sa.select(*version.c["id", "digests"]).where(version.c.model_id.in_(renamed)),
    ).cte("known")
    other, digests = version.alias("other"), digests_of(known)
    return (
        sa.select(other.c.model_id)
        .join_from(known, digests, sa.true())
        .join(other, bears_digest(other, digests))
        .where(other.c.model_id.is_not(None))
    )


def digests_of(versions: sa.FromClause) -> sa.TableValuedAlias:
    """Each digest of versions, to be joined with them."""
    each = sa.func.jsonb_array_elements_text(versions.c.digests)
    return each.table_valued("value").render_derived()


def bears_digest(other: sa.FromClause, digests: sa.TableValuedAlias) -> sa.ColumnElement[bool]:
    """Does a version have this digest? Found by the keys that it offers."""
    key = sa.func.concat("digest:", digests.c.value)
    has = other.c.digests.contains(sa.func.jsonb_build_array(digests.c.value))
    return sa.and_(other.c.offered.has_key(key), has)


def suppliers_of(session: Session, models: Iterable[UUID]) -> set[UUID]:
    """Models whose output these consume, or consumed until this transaction."""
    ids = set(models)
    if not ids:
        return set()
    links = _now_and_before(link)
    found = sa.select(links.c.target_id).where(
        among(links.c.entry_id, ids), links.c.field == DEPENDS
    )
    return set(session.execute(found).scalars())


def hold_targets(session: Session, entries: Iterable[UUID]) -> None:
    """Nobody changes what these refer to since now: datasets, owners, builds, versions.

    Whoever does so already cannot see that, and we not what he writes: neither would evaluate with
    both. Never waits, since it comes too late for the one order: raises `Moved`, and the next try
    locks these in their turn. One statement.
    """
    ids = set(entries)
    if not ids:
        return
    targets = sa.union(
        *(
            sa.select(of.c[column].label("id")).where(
                among(of.c[key], ids), of.c.valid_from >= BEGUN, of.c[column].is_not(None)
            )
            for of, key, column in (
                (link, "entry_id", "target_id"), (version, "id", "build_id"),
                (deployment, "id", "version_id"),
            )
        )
    ).cte("targets")  # fmt: skip
    held = (
        sa.select(entry.c.id)
        .where(entry.c.id.in_(sa.select(targets.c.id)))
        .order_by(entry.c.id)
        .with_for_update(read=True, skip_locked=True)
        .cte("held")
    )
    missing = sa.select(targets.c.id).where(targets.c.id.not_in(sa.select(held.c.id)))
    if found := set(session.execute(missing).scalars()):
        raise Moved(found)


def _now_and_before(table: sa.Table) -> sa.Subquery:
    """The rows of a table, and those that were replaced since the transaction began."""
    past = table.metadata.tables[f"{table.name}{HISTORY}"]
    names = {
        "id", "model_id", "version_id", "build_id", "entry_id", "target_id", "field", "digests",
    }  # fmt: skip
    columns = [column.name for column in table.c if column.name in names]
    return sa.union_all(
        sa.select(*table.c[*columns]), sa.select(*past.c[*columns]).where(past.c.valid_to >= BEGUN)
    ).subquery(f"every_{table.name}")
