"""A token of an account may do no more than the account, and than the token that makes it."""

import sqlalchemy as sa
from sqlmodel import Session

from schemas.access import TokenRequest
from schemas.problem import FieldProblem
from service.access.accounts import Holder
from service.access.policy import READER, Caller
from service.access.tables import RoleGrantRow, TokenRow
from service.errors import InsufficientScope, Invalid

grant, token = RoleGrantRow.__table__, TokenRow.__table__


class RoleNotHeld(Invalid):
    """The account does not hold this role, or not in these namespaces.

    `GET /api/v1/me` says what you hold; an admin grants roles with `POST /api/v1/role-grants`.
    """


def narrow(
    session: Session, caller: Caller, *, holder: Holder, asked: TokenRequest
) -> TokenRequest:
    """What the token is narrowed to. Raises `RoleNotHeld`, `InsufficientScope`.

    Who makes a token of its own account without being admin passes on what it is narrowed to.
    """
    _check_held(session, holder, asked=asked)
    if caller.may("tokens:grant"):
        return asked
    sent = session.execute(
        sa.select(*token.c["role", "namespaces", "scopes"]).where(token.c.public_id == caller.token)
    ).one()
    if sent.role is not None and asked.role not in {None, sent.role, READER}:
        raise InsufficientScope(detail="It is narrowed to another role.")
    within, scopes = sent.namespaces, set(sent.scopes)
    if (
        within is not None
        and asked.namespaces is not None
        and not set(asked.namespaces) <= set(within)
    ):
        raise InsufficientScope(detail="It is narrowed to other namespaces.")
    if asked.scopes is not None and not set(asked.scopes) <= scopes:
        raise InsufficientScope(detail="It lacks these scopes itself.")
    return asked.model_copy(
        update={
            "role": asked.role or sent.role,
            "namespaces": asked.namespaces or (tuple(within) if within is not None else None),
            "scopes": asked.scopes or tuple(sorted(scopes)),
        }
    )


def _check_held(session: Session, holder: Holder, *, asked: TokenRequest) -> None:
    """Every other role includes a reader's."""
    if asked.role is None and asked.namespaces is None:
        return
    granted = session.execute(
        sa.select(grant.c.role, grant.c.namespace).where(grant.c.account_id == holder.id)
    ).all()
    spaces = {one.namespace for one in granted if asked.role in {None, READER, one.role}}
    wanted = set(asked.namespaces or (None,))
    if not spaces or (None not in spaces and asked.namespaces and not wanted <= spaces):
        raise RoleNotHeld(FieldProblem(pointer="/role", message="is not held there"))
