"""Which entries belong to the models in scope, or are linked by them."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.tables import Entry, Link
from service.catalog.typed import TYPED
from service.exports.review.reading import Reading

ENTRY, LINK = Entry.__table__, Link.__table__
USE, VERSION, DEPLOYMENT = (TYPED[kind] for kind in (Kind.USE, Kind.VERSION, Kind.DEPLOYMENT))
LINKS: Final = ("owners", "datasets", "repositories")
REFERRED: Final = ("repository_id", "build_id")  # of versions
At = Callable[[sa.Table], sa.FromClause]


def belonging(reading: Reading, at: At | None = None, *, name: str = "belonging") -> sa.CTE:
    """Every such entry: its `id`, and the model that it is of, `home`; of several, several times.

    The models themselves, their versions, uses and deployments; owners, datasets and repositories
    that these link to, and what made the versions; what was merged into any of them. `at` gives the
    tables of another moment.
    """
    table = at or reading.at
    entry = table(ENTRY)
    homes = _homes(reading, entry, name=f"{name}_homes")
    below = _each(_below(table, homes), name=f"{name}_below")
    every = _each([sa.select(below), *_beside(table, below)], name=f"{name}_every")
    merged = sa.select(entry.c.id, every.c.home).join_from(
        entry, every, every.c.id == entry.c.merged_into
    )
    return _each([sa.select(every), merged], name=name)


def _each(parts: Iterable[sa.Select[Any]], *, name: str) -> sa.CTE:
    """Each once; grouped, since of a union the planner expects far too much."""
    every = sa.union_all(*parts).subquery("every_part")
    return sa.select(every.c.id, every.c.home).group_by(every.c.id, every.c.home).cte(name)


def _homes(reading: Reading, entry: sa.FromClause, *, name: str) -> sa.CTE:
    """The models in scope, and what was merged into them."""
    models = reading.models
    home = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    joined = entry.join(models, models.c.id == home)
    return sa.select(entry.c.id, models.c.id.label("home")).select_from(joined).cte(name)


def _below(table: At, homes: sa.CTE) -> list[sa.Select[Any]]:
    """The models, their versions and uses."""
    of_model = (
        sa.select(of.c.id, homes.c.home).join_from(of, homes, homes.c.id == of.c.model_id)
        for of in (table(VERSION), table(USE))
    )
    return [sa.select(homes), *of_model]


def _beside(table: At, below: sa.CTE) -> list[sa.Select[Any]]:
    """What serves the versions, what these and the models link to, what the versions refer to."""
    deployment, link, version = table(DEPLOYMENT), table(LINK), table(VERSION)
    served = sa.select(deployment.c.id, below.c.home).join_from(
        deployment, below, below.c.id == deployment.c.version_id
    )
    linked = (
        sa.select(link.c.target_id, below.c.home)
        .join_from(link, below, below.c.id == link.c.entry_id)
        .where(link.c.field.in_(LINKS))
    )
    referred = (
        sa.select(version.c[column], below.c.home)
        .join_from(version, below, below.c.id == version.c.id)
        .where(version.c[column].is_not(None))
        for column in REFERRED
    )
    return [served, linked, *referred]
