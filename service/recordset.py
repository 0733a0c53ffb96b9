"""Hands many rows to one statement as one JSON document, so that its text never grows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic_core import to_json
from sqlalchemy.dialects.postgresql import ARRAY, JSONB


def recordset(
    rows: Sequence[Mapping[str, Any]], name: str = "given", /, **columns: Any
) -> sa.FromClause:
    """The rows as a table of the named and typed columns (`jsonb_to_recordset`)."""
    document = sa.bindparam(None, to_json(rows).decode(), sa.Text)
    typed = [sa.column(column, sqltype) for column, sqltype in columns.items()]
    return (
        sa.func.jsonb_to_recordset(sa.cast(document, JSONB))
        .table_valued(*typed, name=name)
        .render_derived(with_types=True)
    )


def among(column: sa.ColumnElement[Any], values: Iterable[Any]) -> sa.ColumnElement[bool]:
    """Is the column one of these? One array is bound, however many there are.

    `in_` binds each value by itself, and PostgreSQL takes 65,535 of them in a statement.
    """
    given = sa.bindparam(None, list(set(values)), ARRAY(column.type))
    return column == sa.any_(given)
