"""Who asks, and what it may do."""

import sqlalchemy as sa
from sqlmodel import Session

from schemas.access import May, Me
from service.access.accounts import grants_of, owners_of
from service.access.policy import PUBLIC, SELF, Caller, Within
from service.access.tables import AccountRow, TokenRow

account, token = AccountRow.__table__, TokenRow.__table__


def who_asks(session: Session, caller: Caller) -> Me:
    """What a caller holds now: by its account, and by the token that it sent."""
    found = session.execute(
        sa.select(token.c.expires_at, account.c.display_name)
        .outerjoin_from(token, account, account.c.id == token.c.account_id)
        .where(token.c.public_id == caller.token)
    ).one()
    of = caller.account
    may = sorted(caller.capabilities - {PUBLIC, SELF})
    return Me(
        kind=caller.kind,
        name=caller.id,
        display_name=found.display_name,
        source=caller.source,
        public_id=caller.token,
        expires_at=found.expires_at,
        namespaces=_listed(caller.namespaces),
        grants=() if of is None else grants_of(session, of),
        owners=() if of is None else owners_of(session, of),
        may=tuple(May(capability=one, namespaces=_listed(caller.within(one))) for one in may),
        proved=caller.proved,
    )


def _listed(within: Within) -> tuple[str, ...] | None:
    return None if within is None else tuple(sorted(within))
