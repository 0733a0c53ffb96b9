"""People of a catalog: their accounts, their roles, the owners that they stand for."""

from functools import partial
from typing import Any

from sqlmodel import Session

from schemas.access import MakeAccount, MakeGrant, MakeMapping
from service.access.accounts import Deed, make_account
from service.access.grants import make_grant
from service.access.mappings import make_mapping
from service.db import Database
from tests.support.catalog import OPERATOR
from tests.support.http import Service

DEED = Deed(OPERATOR, "tests")


def make_person(database: Database, name: str, *roles: tuple[str, str | None], **said: Any) -> None:
    """An account that holds these roles: (role, namespace), None for all."""

    def make(session: Session) -> None:
        asked = MakeAccount.model_validate({"name": name, "reason": "tests"} | said)
        make_account(session, asked=asked, deed=DEED)
        for role, namespace in roles:
            wanted = {"account": name, "role": role, "namespace": namespace, "reason": "tests"}
            make_grant(session, asked=MakeGrant.model_validate(wanted), deed=DEED)

    database.transact(make)


def map_owner(database: Database, owner: str, *accounts: str) -> None:
    """Let an owner, `scheme:value`, stand for accounts."""
    for account in accounts:
        asked = MakeMapping(owner=owner, account=account, reason="tests")
        database.transact(partial(make_mapping, asked=asked, deed=DEED))


def make_owner(service: Service, name: str, owner: str, *, namespace: str | None = None) -> str:
    """A reader for whom an owner stands; answers its token."""
    make_person(service.database, name, ("reader", namespace))
    map_owner(service.database, owner, name)
    return service.token_of(name)


def owned_by(value: str, *, scheme: str = "handle", role: str | None = None) -> dict[str, Any]:
    """An ownership as sources state it."""
    named = {"owner": {"kind": "owner", "scheme": scheme, "value": value}}
    return named if role is None else named | {"role": role}
