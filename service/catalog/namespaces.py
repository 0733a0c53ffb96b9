"""The namespaces that exist, how much of each the caller may see, and who may do what there."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.operations import NamespaceQuery, NamespaceRow
from service.access.policy import Caller
from service.access.tables import AccountRow, RoleGrantRow
from service.catalog.keyset import Keyset
from service.catalog.moments import begin_at
from service.catalog.sorting import Key
from service.catalog.view import View, bears_name
from service.ingest.tables import SourceRow

account, grant = AccountRow.__table__, RoleGrantRow.__table__
SHOWN: Final = 100  # of each
NONE: Final = sa.cast([], JSONB)
ORDERED: Final = (account.c.name.collate("C"), grant.c.role, grant.c.id)
COUNTED: Final = {
    Kind.MODEL: "models",
    Kind.VERSION: "versions",
    Kind.USE: "uses",
    Kind.DEPLOYMENT: "deployments",
}


def namespaces(session: Session, asked: NamespaceQuery, *, caller: Caller) -> Keyset:
    """Namespaces in which something stands, or into which a source writes; by name.

    Also with a moment, roles are those of today.
    """
    begin_at(session, asked.as_of)
    view = View(Kind.MODEL, caller, as_of=asked.as_of)
    entry = view.entry
    live = (entry.c.namespace.is_not(None), entry.c.gone_since.is_(None), bears_name(entry))
    counts = [
        sa.func.count().filter(entry.c.kind == kind).label(name) for kind, name in COUNTED.items()
    ]
    standing = (
        sa.select(entry.c.namespace, *counts)
        .where(*live)
        .group_by(entry.c.namespace)
        .subquery("standing")
    )
    source = view.table(SourceRow.__table__)
    written, there, naming = _written(source), _there(caller), _naming(source)
    name = sa.func.coalesce(standing.c.namespace, written.c.namespace).label("namespace")
    query = sa.select(
        name,
        *(sa.func.coalesce(standing.c[column], 0).label(column) for column in COUNTED.values()),
        sa.func.coalesce(written.c.sources, 0).label("sources"),
        _everywhere(caller).op("||")(sa.func.coalesce(there.c.roles, NONE)).label("roles"),
        sa.func.coalesce(naming.c.sources, NONE).label("named_by"),
    ).select_from(
        standing.outerjoin(written, written.c.namespace == standing.c.namespace, full=True)
        .outerjoin(there, there.c.namespace == name.element)
        .outerjoin(naming, naming.c.namespace == name.element)
    )
    if caller.namespaces is not None:
        query = query.where(name.element.in_(sorted(caller.namespaces)))
    return Keyset(query, (Key(name.element.collate("C")),), _row)


def _written(source: sa.FromClause) -> sa.Subquery:
    """How many sources write into each namespace."""
    mapped = sa.func.jsonb_each_text(source.c.namespaces).table_valued("key", "value")
    pairs = sa.union(
        sa.select(source.c.id, source.c.namespace),
        sa.select(source.c.id, sa.cast(mapped.c.value, sa.Text))
        .select_from(source)
        .join(mapped, sa.true()),
    ).subquery("pairs")
    return (
        sa.select(pairs.c.namespace, sa.func.count().label("sources"))
        .group_by(pairs.c.namespace)
        .subquery("written")
    )


def _everywhere(caller: Caller) -> sa.ScalarSelect[Any]:
    """Who holds a role in all namespaces."""
    first = _held(caller).where(grant.c.namespace.is_(None)).order_by(*ORDERED).limit(SHOWN)
    held = first.subquery("everywhere")
    return sa.select(_roles(held, everywhere=True)).scalar_subquery()


def _there(caller: Caller) -> sa.Subquery:
    """Who holds a role in one namespace alone."""
    place = sa.func.row_number().over(partition_by=grant.c.namespace, order_by=ORDERED)
    bound = _held(caller).where(grant.c.namespace.is_not(None))
    held = bound.add_columns(grant.c.namespace, place.label("place")).subquery("held")
    roles = _roles(held, everywhere=False).label("roles")
    shown = sa.select(held.c.namespace, roles).where(held.c.place <= SHOWN)
    return shown.group_by(held.c.namespace).subquery("there")


def _held(caller: Caller) -> sa.Select[Any]:
    """Grants of enabled accounts; whoever may not see accounts sees the own ones."""
    known = sa.true() if caller.may("accounts:read") else account.c.id == caller.account
    return (
        sa.select(account.c.name.label("account"), grant.c.role)
        .join(account, account.c.id == grant.c.account_id)
        .where(account.c.disabled_at.is_(None), known)
    )


def _roles(held: sa.Subquery, *, everywhere: bool) -> sa.ColumnElement[Any]:
    one = sa.func.jsonb_build_object(
        "account", held.c.account, "role", held.c.role, "everywhere", everywhere
    )
    listed = sa.func.jsonb_agg(aggregate_order_by(one, held.c.account.collate("C"), held.c.role))
    return sa.func.coalesce(listed, NONE)


def _naming(source: sa.FromClause) -> sa.Subquery:
    """The sources that may create, claim or merge in each namespace."""
    each = sa.func.jsonb_array_elements_text(source.c.may_name).table_valued("value")
    place = sa.func.row_number().over(partition_by=each.c.value, order_by=source.c.name)
    pairs = (
        sa.select(each.c.value.label("namespace"), source.c.name, place.label("place"))
        .select_from(source)
        .join(each, sa.true())
        .where(source.c.enabled)
        .subquery("naming")
    )
    named = sa.func.jsonb_agg(aggregate_order_by(pairs.c.name, pairs.c.name))
    shown = sa.select(pairs.c.namespace, named.label("sources")).where(pairs.c.place <= SHOWN)
    return shown.group_by(pairs.c.namespace).subquery("named")


def _row(row: sa.RowMapping) -> Any:
    return NamespaceRow.model_validate({name: row[name] for name in NamespaceRow.model_fields})
