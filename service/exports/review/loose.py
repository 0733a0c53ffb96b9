"""Rows that need not belong to a model: what concerns them all stands there once."""

from typing import Any

import sqlalchemy as sa

from service.exports.cells import cell
from service.exports.review.reading import Reading
from service.exports.statement import EMPTY, Text, as_text, constant


def loose_rows(reading: Reading, each: sa.FromClause, *cells: Text) -> sa.Select[Any]:
    """What every file begins with, then these cells, of rows with a `home` that may be NULL.

    Those of no model stand first: their name is empty, not `unknown`.
    """
    models = reading.models
    name = sa.case((models.c.id.is_(None), EMPTY), else_=reading.known(models.c.name))
    begun = (constant(cell(reading.as_of)), sa.func.coalesce(as_text(models.c.id), EMPTY), name)
    texts = (text.label(f"c{n}") for n, text in enumerate((*begun, *cells)))
    rows = sa.select(*texts).select_from(each).outerjoin(models, models.c.id == each.c.home)
    return rows.order_by(models.c.id.is_not(None))
