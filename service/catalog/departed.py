"""Who has left, as a directory says it, at the moment of a view; and what they still answer for."""

import sqlalchemy as sa

from schemas.identifiers import Kind
from service.catalog.view import View
from service.db import Timestamp

Bool = sa.ColumnElement[bool]
OWNERS, ACCOUNTABLE = "owners", "accountable"


def departed(view: View, owner: sa.FromClause) -> Bool:
    """Has an owner left? NULL where nobody says whether they are there."""
    when = sa.func.now() if view.as_of is None else sa.literal(view.as_of, Timestamp)
    said = owner.c.active.is_not(None) | owner.c.left_at.is_not(None)
    return sa.case(
        (owner.c.active.is_(False), sa.true()),
        (owner.c.left_at <= when, sa.true()),
        (said, sa.false()),
        else_=sa.null(),
    )


def is_departed(view: View, value: str) -> Bool:
    """Of owners: those who have left, or those of whom it is said that they have not."""
    return departed(view, view.typed).is_(value == "true")


def has_departed_owner(view: View, value: str) -> Bool:
    """Has one of the accountable owners left? Those of whom nobody says so have not."""
    owner, link = view.of(Kind.OWNER).alias("left_owner"), view.link
    found = sa.exists().where(
        link.c.entry_id == view.entry.c.id,
        link.c.field == OWNERS,
        link.c.role == ACCOUNTABLE,
        owner.c.id == link.c.target_id,
        departed(view, owner),
    )
    return found if value == "true" else ~found


def has_role(view: View, roles: tuple[str, ...]) -> Bool:
    """Is anybody named in one of these roles?"""
    link = view.link
    return sa.exists().where(
        link.c.entry_id == view.entry.c.id, link.c.field == OWNERS, link.c.role.in_(roles)
    )
