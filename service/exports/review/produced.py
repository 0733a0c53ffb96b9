"""Since when production uses a version, as far as deployments tell."""

from typing import Any, Final

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY
from service.exports.review.reading import Reading
from service.history import HISTORY
from service.risk.picture import PRODUCTION

DEPLOYMENT: Final = TYPED[Kind.DEPLOYMENT]
VERSION: Final = TYPED[Kind.VERSION]
READ: Final = ("id", "version_id", "environment_class", "created_at", "valid_from")


def produced_of(reading: Reading) -> sa.Subquery:
    """When each version was first deployed to production: the version's id is `of`, `at` when.

    What serves one version after another under one name was created with the first of them; for
    those after it counts when the catalog first saw them there.
    """
    ever, home = _ever(reading), reading.at(ENTRY).alias("home")
    version = reading.at(VERSION).alias("served")
    of = sa.func.coalesce(home.c.merged_into, home.c.id)
    first = sa.and_(
        ever.c.first_version == ever.c.version_id,
        sa.func.coalesce(ever.c.first_class, PRODUCTION) == PRODUCTION,
        ever.c.created_at.is_not(None),
    )
    created = sa.func.greatest(ever.c.created_at, version.c.created_at)
    since = sa.case((first, created), else_=ever.c.valid_from)
    return (
        sa.select(of.label("of"), sa.func.min(since).label("at"))
        .select_from(ever)
        .join(home, home.c.id == ever.c.version_id)
        .join(version, version.c.id == of)
        .where(ever.c.environment_class == PRODUCTION)
        .group_by(of)
        .subquery()
    )


def _ever(reading: Reading) -> sa.Subquery:
    """Every state that a deployment had until the moment, and the first of them with a version."""
    past: Any = DEPLOYMENT.metadata.tables[f"{DEPLOYMENT.name}{HISTORY}"]
    every = sa.union_all(
        *(sa.select(*of.c[*READ]).where(reading.past(of.c.valid_from)) for of in (DEPLOYMENT, past))
    ).subquery("every_state")
    order = (every.c.version_id.is_(None), every.c.valid_from)
    named = {
        label: sa.func.first_value(every.c[column])
        .over(partition_by=every.c.id, order_by=order)
        .label(label)
        for label, column in (
            ("first_version", "version_id"), ("first_class", "environment_class"),
        )
    }  # fmt: skip
    return sa.select(*every.c[*READ], *named.values()).subquery("ever")
