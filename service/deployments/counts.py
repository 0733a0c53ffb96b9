"""How much runs unaccounted for, and how much is said to run and unseen: by source, and in all."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.deployments import CAUSES
from service.access.policy import Caller
from service.catalog.view import everyone
from service.deployments.ghosts import production
from service.deployments.judging import judged
from service.deployments.unregistered import with_state

COUNTED: Final = ("unregistered_deployments", "ghosts", "not_observable")


def by_source(caller: Caller) -> sa.Subquery:
    """Of each source that speaks of any: open ones of what it says, as far as the caller sees."""
    each = judged(caller, approved=()).subquery("each")
    unregistered = sa.select(
        sa.func.unnest(each.c.sources).label("source"), sa.literal("open").label("what")
    ).where(each.c.unregistered)
    said = production(caller)
    unseen = sa.select(sa.func.unnest(said.c.sources).label("source"), said.c.state).where(
        said.c.state.is_not(None)
    )
    found = sa.union_all(unregistered, unseen).subquery("things")
    number = sa.func.count()
    return (
        sa.select(
            found.c.source,
            *(
                number.filter(found.c.what == what).label(name)
                for name, what in zip(COUNTED, ("open", "ghost", "not_observable"), strict=True)
            ),
        )
        .group_by(found.c.source)
        .subquery("counted")
    )


def open_causes(session: Session, *, approved: Sequence[str]) -> dict[str, int]:
    """How many deployments are open for each cause; none is zero."""
    each = with_state(everyone(), approved=approved)
    cause = sa.func.unnest(each.c.causes, type_=sa.Text).label("cause")
    listed = sa.select(cause).where(each.c.state == "open").subquery("listed")
    counted = sa.select(listed.c.cause, sa.func.count()).group_by(listed.c.cause)
    found: dict[Any, int] = dict(session.execute(counted).all())
    return {code: found.get(code, 0) for code in CAUSES}


def count_ghosts(session: Session) -> int:
    """How many things are said to be in production and are not seen."""
    found = production(everyone())
    number = sa.select(sa.func.count()).select_from(found).where(found.c.state == "ghost")
    return int(session.execute(number).scalar_one())


class Tallied(NamedTuple):
    """Of one namespace: how many there are of what is looked for, of how many, and unclear ones."""

    namespace: str | None
    found: int
    all: int
    unknown: int


def tally_unregistered(
    session: Session, caller: Caller, *, approved: Sequence[str]
) -> list[Tallied]:
    """Deployments that nothing accounts for and nobody accepted; unknown: a label alone does."""
    each = with_state(caller, approved=approved)
    number = sa.func.count()
    is_open = sa.and_(each.c.unregistered, each.c.state == "open")
    query = sa.select(
        each.c.namespace, number.filter(is_open), number, number.filter(each.c.unproved)
    )
    rows = session.execute(query.group_by(each.c.namespace).order_by(each.c.namespace))
    return [Tallied(*row) for row in rows]


def tally_unseen(session: Session, caller: Caller) -> list[Tallied]:
    """What is said to be in production and unseen; unknown: it cannot be observed."""
    said = production(caller)
    number = sa.func.count()
    query = sa.select(
        said.c.namespace,
        number.filter(said.c.state == "ghost"),
        number,
        number.filter(said.c.state == "not_observable"),
    )
    rows = session.execute(query.group_by(said.c.namespace).order_by(said.c.namespace))
    return [Tallied(*row) for row in rows]
