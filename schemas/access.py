"""Accounts, what they may do, whom owners stand for, and tokens."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from schemas.catalog import Paging
from schemas.identifiers import Identifier, Kind
from schemas.identities import Proved
from schemas.queries import AnyOf, Several
from schemas.sources import Namespace, SourceName
from schemas.strict import Closed, Count, Flag, Instant, Line, Text, Word


def _owner(text: str) -> str:
    """An owner's identifier in its canonical form, as `scheme:value`."""
    scheme, colon, value = text.partition(":")
    if not colon:
        raise ValueError("is no identifier: write scheme:value, like email:anna@acme.example")
    found = Identifier(kind=Kind.OWNER, scheme=scheme, value=value)
    return f"{found.scheme}:{found.value}"


Reason = Annotated[Text, Field(min_length=1, max_length=2_000)]
AccountName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@+-]{0,99}$")]
AccountKind = Literal["person", "machine"]
DisplayName = Annotated[Line, Field(min_length=1, max_length=200)]
Role = Literal["reader", "reviewer", "approver", "auditor", "admin"]
TokenRole = Literal["reader", "reviewer", "approver", "auditor", "admin", "source"]
Scope = Literal["entries:read", "exports:read", "metrics:read", "decisions:write", "access:admin"]
OwnerName = Annotated[Line, Field(max_length=1_100), AfterValidator(_owner)]
Days = Annotated[int, Field(strict=True, ge=1, le=365)]
Namespaces = Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=100)]


class Tried(Closed):
    """Answer what would be, keep nothing."""

    dry_run: bool = False


class Withdrawn(Tried):
    """Why something ends."""

    reason: Reason


class MakeAccount(Closed):
    """Who or what is to act here. The name never changes: the ledger speaks of it."""

    name: AccountName
    kind: AccountKind = "person"
    display_name: DisplayName | None = None
    reason: Reason


class ChangeAccount(Closed):
    """How an account is shown."""

    display_name: DisplayName | None
    reason: Reason


class Why(Closed):
    """Why something is done."""

    reason: Reason


class AccountRow(Closed):
    """A person or a machine that acts here."""

    name: Line
    kind: AccountKind
    display_name: Line | None
    created_at: Instant
    disabled_at: Instant | None


class Held(Closed):
    """A role, in one namespace or in all."""

    role: Role
    namespace: Line | None


class AccountShown(AccountRow):
    """An account with its roles, and the owners that it stands for."""

    grants: tuple[Held, ...]
    owners: tuple[Line, ...]


class AccountQuery(Paging):
    """Which accounts."""

    kind: AnyOf[AccountKind] | None = None
    disabled: bool | None = None


class MakeGrant(Held):
    """A role for an account. Auditors and admins hold theirs in all namespaces."""

    account: AccountName
    namespace: Namespace | None = None
    reason: Reason


class GrantRow(Held):
    """Who holds a role, since when and by whom; `self_granted`: by the account itself."""

    id: Count
    account: Line
    granted_at: Instant
    granted_by: Line
    self_granted: Flag
    reason: Text | None


class GrantQuery(Paging):
    """Which grants; those for all namespaces count for each."""

    account: Several | None = None
    role: AnyOf[Role] | None = None
    namespace: Several | None = None
    self_granted: bool | None = None


class MakeMapping(Closed):
    """An owner's identifier, as `scheme:value`, and the account that it stands for.

    The owner may be unknown yet, and a team may stand for several accounts.
    """

    owner: OwnerName
    account: AccountName
    reason: Reason


class MappingRow(Closed):
    """Which account an owner stands for; `entry` is the owner in the catalog, if it is there."""

    owner: Line
    account: Line
    entry: UUID | None


class MappingQuery(Paging):
    """Which mappings."""

    account: Several | None = None
    owner: AnyOf[OwnerName] | None = None


class TokenRequest(Closed):
    """What a new token may do, and for how long.

    `account` names whose it is; without it, it is the caller's own. It may do what its account
    may, unless `role`, `namespaces` or `scopes` narrow that. An admin who names a role and no
    account makes a machine's account for it, with just this role.
    """

    account: AccountName | None = None
    role: TokenRole | None = None
    source: SourceName | None = None
    namespaces: Namespaces | None = None
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=5)] | None = None
    days: Days | None = None


class TokenMade(Closed):
    """A new token. It is shown this once: null where the answer is repeated."""

    token: Line | None
    public_id: Line
    account: Line | None
    expires_at: Instant


class TokenShown(Closed):
    """A token as its account and admins see it: never its secret.

    `proved` is what a CI job's short one may speak about.
    """

    public_id: Line
    kind: Line
    account: Line | None
    role: Line | None
    scopes: tuple[Line, ...]
    namespaces: tuple[Line, ...] | None
    source: Line | None
    created_by: Line
    created_at: Instant
    expires_at: Instant
    last_used_on: date | None
    revoked_at: Instant | None
    proved: Proved | None = None


class May(Closed):
    """Something that the caller may do, and where; no namespaces: in all."""

    capability: Word
    namespaces: tuple[Line, ...] | None


class Me(Closed):
    """Who asks, and what it may do with the token that it sent."""

    kind: Line
    name: Line
    display_name: Line | None
    source: Line | None
    public_id: Line
    expires_at: Instant
    namespaces: tuple[Line, ...] | None  # where it may read
    grants: tuple[Held, ...]
    owners: tuple[Line, ...]
    may: tuple[May, ...]
    proved: Proved | None = None  # of a CI job's token: what it may speak about
