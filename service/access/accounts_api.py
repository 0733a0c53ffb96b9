"""Routes of accounts, of the roles they hold, and of the owners they stand for."""

from functools import partial
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import APIRouter, Query, Request, Response

from schemas.access import (
    AccountName,
    AccountQuery,
    AccountRow,
    AccountShown,
    ChangeAccount,
    GrantQuery,
    GrantRow,
    MakeAccount,
    MakeGrant,
    MakeMapping,
    MappingQuery,
    MappingRow,
    OwnerName,
    Tried,
    Why,
    Withdrawn,
)
from schemas.catalog import Page
from service.access import accounts, grants, mappings
from service.access.accounts import AccountNotFound, Deed, account
from service.access.idempotency import REPEATED, Repeat, repeatable
from service.access.lastadmin import LastAdmin
from service.access.mappings import mapping
from service.catalog.keyset import Keyset, read_keyset
from service.catalog.pages import Paged
from service.catalog.sorting import Key
from service.db import ReadSession
from service.errors import problems
from service.etag import TagNeeded, TagStale, answer_tagged, tag_of
from service.routing import CatalogRoute, Requester, Trace, policy

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=CatalogRoute)
Dry = Annotated[Tried, Query()]
Withdrawal = Annotated[Withdrawn, Query()]
MADE: Any = {"status_code": 201}
NAME: Final = account.c.name.collate("C")
ACCOUNT_ORDER: Final = (NAME,)
GRANT_ORDER: Final = (NAME, grants.grant.c.id)
MAPPING_ORDER: Final = (*(mapping.c[one].collate("C") for one in ("scheme", "value")), NAME)


@router.get("/accounts")
@policy("accounts:read")
def list_accounts(
    caller: Requester,
    query: Annotated[AccountQuery, Query()],
    session: ReadSession,
    pages: Paged,
) -> Page[AccountRow]:
    """Every account by name, disabled ones too."""
    chosen = _listed(AccountRow, accounts.select_accounts(query), *ACCOUNT_ORDER)
    return read_keyset(session, chosen, asked=query, caller=caller, pages=pages)


@router.post(
    "/accounts",
    response_model=AccountShown,
    responses=problems(accounts.AccountExists, *REPEATED),
    **MADE,
)
@policy("accounts:write")
def create_account(
    caller: Requester, asked: MakeAccount, query: Dry, repeat: Repeat, trace: Trace
) -> Response:
    """Make an account. It may nothing until a role is granted to it."""
    deed = Deed(caller.actor, asked.reason, trace)
    work = partial(accounts.create_account, asked=asked, deed=deed)
    return repeatable(repeat, work, status=201, dry_run=query.dry_run)


@router.get("/accounts/{account}", response_model=AccountShown, responses=problems(AccountNotFound))
@policy("accounts:read")
def get_account(
    caller: Requester, account: AccountName, session: ReadSession, request: Request
) -> Response:
    """One account with its roles and the owners that it stands for."""
    return answer_tagged(request, accounts.get_account(session, account))


@router.put(
    "/accounts/{account}",
    response_model=AccountShown,
    responses=problems(AccountNotFound, TagNeeded, TagStale),
)
@policy("accounts:write")
def change_account(
    caller: Requester,
    account: AccountName,
    asked: ChangeAccount,
    query: Dry,
    repeat: Repeat,
    trace: Trace,
    request: Request,
) -> Response:
    """Show an account by another name; the one that it is known by stays. Needs `If-Match`."""
    deed = Deed(caller.actor, asked.reason, trace)
    match = tuple(request.headers.getlist("if-match"))
    work = partial(accounts.change_account, name=account, asked=asked, deed=deed, match=match)
    return repeatable(repeat, lambda session: _tagged(work(session)), dry_run=query.dry_run)


@router.post(
    "/accounts/{account}:disable",
    response_model=AccountShown,
    responses=problems(AccountNotFound, LastAdmin, *REPEATED),
)
@policy("accounts:write")
def disable_account(
    caller: Requester, account: AccountName, asked: Why, query: Dry, repeat: Repeat, trace: Trace
) -> Response:
    """Let no token of an account work, from the next request on. The same again changes nothing."""
    deed = Deed(caller.actor, asked.reason, trace)
    work = partial(accounts.disable_account, name=account, deed=deed)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.post(
    "/accounts/{account}:enable",
    response_model=AccountShown,
    responses=problems(AccountNotFound, *REPEATED),
)
@policy("accounts:write")
def enable_account(
    caller: Requester, account: AccountName, asked: Why, query: Dry, repeat: Repeat, trace: Trace
) -> Response:
    """Let an account's tokens work again, as far as they have not ended."""
    deed = Deed(caller.actor, asked.reason, trace)
    work = partial(accounts.enable_account, name=account, deed=deed)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.get("/role-grants")
@policy("entries:read")
def list_grants(
    caller: Requester, query: Annotated[GrantQuery, Query()], session: ReadSession, pages: Paged
) -> Page[GrantRow]:
    """Who holds which role where. Auditors and admins see all, everybody the own ones.

    Reviewers and approvers also see who granted a role to itself where they decide.
    """
    chosen = _listed(GrantRow, grants.select_grants(query, caller=caller), *GRANT_ORDER)
    return read_keyset(session, chosen, asked=query, caller=caller, pages=pages)


@router.post(
    "/role-grants",
    response_model=GrantRow,
    responses=problems(AccountNotFound, grants.RoleEverywhere, *REPEATED),
    **MADE,
)
@policy("accounts:write")
def grant_role(
    caller: Requester, asked: MakeGrant, query: Dry, repeat: Repeat, trace: Trace
) -> Response:
    """Grant a role, in one namespace or in all. The same again answers 200 and changes nothing."""
    work = partial(grants.make_grant, asked=asked, deed=Deed(caller.actor, asked.reason, trace))
    return repeatable(repeat, lambda session: _made(*work(session)), dry_run=query.dry_run)


@router.delete(
    "/role-grants/{grant}",
    status_code=204,
    responses=problems(grants.GrantNotFound, LastAdmin),
)
@policy("accounts:write")
def revoke_role(
    caller: Requester, grant: grants.Number, query: Withdrawal, repeat: Repeat, trace: Trace
) -> Response:
    """Take a role away, from the next request on; the last admin's stays."""
    deed = Deed(caller.actor, query.reason, trace)
    work = partial(grants.revoke_grant, number=grant, deed=deed)
    return repeatable(repeat, work, dry_run=query.dry_run)


@router.get("/owner-mappings")
@policy("accounts:read")
def list_mappings(
    caller: Requester, query: Annotated[MappingQuery, Query()], session: ReadSession, pages: Paged
) -> Page[MappingRow]:
    """Which accounts the owners in the catalog stand for."""
    chosen = _listed(MappingRow, mappings.select_mappings(query), *MAPPING_ORDER)
    return read_keyset(session, chosen, asked=query, caller=caller, pages=pages)


@router.post(
    "/owner-mappings",
    response_model=MappingRow,
    responses=problems(AccountNotFound, *REPEATED),
    **MADE,
)
@policy("accounts:write")
def map_owner(
    caller: Requester, asked: MakeMapping, query: Dry, repeat: Repeat, trace: Trace
) -> Response:
    """Let an owner stand for an account: so that account owns what the owner answers for."""
    work = partial(mappings.make_mapping, asked=asked, deed=Deed(caller.actor, asked.reason, trace))
    return repeatable(repeat, lambda session: _made(*work(session)), dry_run=query.dry_run)


@router.delete(
    "/owner-mappings/{owner}/{account}",
    status_code=204,
    responses=problems(mappings.MappingNotFound),
)
@policy("accounts:write")
def unmap_owner(
    caller: Requester,
    owner: OwnerName,
    account: AccountName,
    query: Withdrawal,
    repeat: Repeat,
    trace: Trace,
) -> Response:
    """Let an owner stand for an account no more; what the catalog says of the owner stays."""
    deed = Deed(caller.actor, query.reason, trace)
    work = partial(mappings.end_mapping, owner=owner, name=account, deed=deed)
    return repeatable(repeat, work, dry_run=query.dry_run)


def _made(found: Any, new: Any) -> Response:
    return Response(found.model_dump_json(), 201 if new else 200, None, "application/json")


def _tagged(found: AccountShown) -> Response:
    return Response(found.model_dump_json(), 200, {"ETag": tag_of(found)}, "application/json")


def _listed(shown: Any, query: Any, *order: sa.ColumnElement[Any]) -> Keyset:
    def as_row(row: Any) -> Any:
        return shown.model_validate({name: row[name] for name in shown.model_fields})

    return Keyset(query, tuple(Key(one) for one in order), as_row)
