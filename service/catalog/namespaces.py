"""The namespaces that exist, and how much of each the caller may see."""

from typing import Any, Final

import sqlalchemy as sa

from schemas.catalog import Paging
from schemas.identifiers import Kind
from schemas.operations import NamespaceRow
from service.access.policy import Caller
from service.catalog.keyset import Keyset
from service.catalog.select import bears_name, entry
from service.catalog.sorting import Key
from service.ingest.tables import SourceRow

source = SourceRow.__table__
COUNTED: Final = {
    Kind.MODEL: "models",
    Kind.VERSION: "versions",
    Kind.USE: "uses",
    Kind.DEPLOYMENT: "deployments",
}


def namespaces(_asked: Paging, *, caller: Caller) -> Keyset:
    """Namespaces in which something stands, or into which a source writes; by name."""
    live = (entry.c.namespace.is_not(None), entry.c.gone_since.is_(None), bears_name())
    counts = [
        sa.func.count().filter(entry.c.kind == kind).label(name) for kind, name in COUNTED.items()
    ]
    standing = (
        sa.select(entry.c.namespace, *counts)
        .where(*live)
        .group_by(entry.c.namespace)
        .subquery("standing")
    )
    written = _written()
    name = sa.func.coalesce(standing.c.namespace, written.c.namespace).label("namespace")
    query = sa.select(
        name,
        *(sa.func.coalesce(standing.c[column], 0).label(column) for column in COUNTED.values()),
        sa.func.coalesce(written.c.sources, 0).label("sources"),
    ).select_from(
        standing.outerjoin(written, written.c.namespace == standing.c.namespace, full=True)
    )
    if caller.namespaces is not None:
        query = query.where(name.element.in_(sorted(caller.namespaces)))
    return Keyset(query, (Key(name.element.collate("C")),), _row)


def _written() -> sa.Subquery:
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


def _row(row: sa.RowMapping) -> Any:
    return NamespaceRow.model_validate({name: row[name] for name in NamespaceRow.model_fields})
