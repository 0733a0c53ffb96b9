"""The uses by which the models in scope are rated, declared or not."""

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.view import View
from service.exports.review.reading import Reading
from service.risk.picture import UNDECLARED


def counted_uses(reading: Reading) -> sa.Subquery:
    """The uses by which models in scope are rated: `model_id`, `use_id`, `stands_as`, `implicit`.

    What was answered without declaring a use gives way to the first that is. A model without any
    has one that nobody declared: its `use_id` is NULL, and it `stands_as` the model.
    """
    models, view = reading.models, View(Kind.USE, reading.caller, as_of=reading.as_of)
    entry, use, homes = view.entry, view.typed, reading.homes
    above = entry.alias("above")
    declared = use.c.name.is_distinct_from(UNDECLARED)
    ended = sa.and_(
        entry.c.gone_since.is_not(None),
        sa.func.coalesce(entry.c.gone_since < above.c.gone_since, sa.true()),
    )
    every = (
        sa.select(
            entry.c.id, homes.c.home, declared.label("declared"),
            sa.func.bool_or(declared).over(partition_by=homes.c.home).label("any_declared"),
        )
        .select_from(view.rows)
        .join(homes, homes.c.id == use.c.model_id)
        .join(above, above.c.id == homes.c.home)
        .where(*view.here(), entry.c.replaced_by.is_(None), ~ended)
        .subquery("every_use")
    )  # fmt: skip
    here = sa.and_(every.c.home == models.c.id, every.c.declared == every.c.any_declared)
    return (
        sa.select(
            models.c.id.label("model_id"), every.c.id.label("use_id"),
            sa.func.coalesce(every.c.id, models.c.id).label("stands_as"),
            ~sa.func.coalesce(every.c.declared, sa.false()).label("implicit"),
        )
        .select_from(models.outerjoin(every, here))
        .subquery()
    )  # fmt: skip
