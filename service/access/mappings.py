"""Which accounts a displayed owner stands for: only this mapping gives an owner rights."""

from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.access import MakeMapping, MappingQuery, MappingRow
from schemas.identifiers import Kind
from service.access.accounts import Deed, find_holder
from service.access.tables import AccountRow, OwnerMappingRow
from service.catalog.tables import SubjectRow
from service.errors import NotFound
from service.ledger.change import record_changes

account, mapping, subject = (table.__table__ for table in (AccountRow, OwnerMappingRow, SubjectRow))
KIND: Final = "owner_mapping"


class MappingNotFound(NotFound):
    """This owner does not stand for this account.

    `GET /api/v1/owner-mappings` lists who stands for whom; an owner is `scheme:value`.
    """


def make_mapping(session: Session, *, asked: MakeMapping, deed: Deed) -> tuple[MappingRow, bool]:
    """Let an owner stand for an account, and whether that is new. Raises `AccountNotFound`."""
    holder = find_holder(session, asked.account)
    scheme, _, value = asked.owner.partition(":")
    row = {"scheme": scheme, "value": value, "account_id": holder.id}
    same = sa.and_(*(mapping.c[name] == given for name, given in row.items()))
    new = session.execute(sa.select(mapping.c.scheme).where(same)).first() is None
    if new:
        said = {"owner": asked.owner, "account": asked.account}
        [written] = record_changes(session, [deed.change("grant", KIND, new=said)])
        session.execute(sa.insert(mapping).values(**row, change_id=written))
    found = session.execute(_select().where(same)).mappings().one()
    return MappingRow.model_validate(dict(found)), new


def end_mapping(session: Session, owner: str, *, name: str, deed: Deed) -> None:
    """The owner does not stand for the account any more. Raises `MappingNotFound`."""
    scheme, _, value = owner.partition(":")
    holder = sa.select(account.c.id).where(account.c.name == name).scalar_subquery()
    ended = session.execute(
        sa.delete(mapping)
        .where(mapping.c.scheme == scheme, mapping.c.value == value, mapping.c.account_id == holder)
        .returning(mapping.c.scheme)
    ).first()
    if ended is None:
        raise MappingNotFound(owner=owner, account=name)
    said = {"owner": owner, "account": name}
    record_changes(session, [deed.change("revoke", KIND, old=said)])


def select_mappings(asked: MappingQuery) -> sa.Select[Any]:
    """The mappings that are asked for."""
    query = _select()
    if asked.account is not None:
        query = query.where(account.c.name.in_(asked.account))
    if asked.owner is not None:
        pairs = [tuple(one.split(":", 1)) for one in asked.owner]
        query = query.where(sa.tuple_(mapping.c.scheme, mapping.c.value).in_(pairs))
    return query


def _select() -> sa.Select[Any]:
    known = sa.and_(
        subject.c.kind == Kind.OWNER,
        subject.c.scheme == mapping.c.scheme,
        subject.c.value == mapping.c.value,
    )
    return (
        sa.select(
            (mapping.c.scheme + ":" + mapping.c.value).label("owner"),
            account.c.name.label("account"),
            subject.c.entry_id.label("entry"),
        )
        .select_from(mapping)
        .join(account, account.c.id == mapping.c.account_id)
        .outerjoin(subject, known)
    )
