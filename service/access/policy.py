"""Capabilities: what tokens and roles may do, in one table."""

from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from service.ledger.change import Actor

SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "entries:read": frozenset({"entries:read", "ledger:read"}),
    "exports:read": frozenset({"exports:read"}),
    "metrics:read": frozenset({"metrics:read"}),
    "observations:write": frozenset({"observations:write", "sources:own"}),
    "decisions:write": frozenset({"decisions:write", "models:enter", "facts:pin"}),
    "access:admin": frozenset(
        {
            "sources:write", "sources:own", "sources:read", "quarantine:read", "quarantine:decide",
            "tokens:make", "tokens:write", "tokens:read", "accounts:read", "accounts:write",
            "ledger:read", "ledger:all", "entries:reconcile", "models:enter", "conflicts:resolve",
            "identity:decide",
        }
    ),
    "tokens:bootstrap": frozenset({"tokens:make"}),  # one token, and nothing beside it
}  # fmt: skip

READING: Final = frozenset({"entries:read", "exports:read", "metrics:read"})
DECIDING: Final = READING | {"decisions:write"}
ROLES: Final[Mapping[str, frozenset[str]]] = {  # the scopes that a role may hold
    "reader": DECIDING,  # an owner is a reader: see WITHHELD
    "reviewer": DECIDING,
    "approver": DECIDING,
    "auditor": READING | {"access:admin"},
    "source": frozenset({"observations:write"}),
    "admin": DECIDING | {"access:admin"},
    "bootstrap": frozenset({"tokens:bootstrap"}),
}
# What a role's scopes would allow, and the role does not.
WITHHELD: Final[Mapping[str, frozenset[str]]] = {
    "reader": frozenset({"decisions:write", "models:enter"}),
    "admin": frozenset({"decisions:write"}),  # being admin approves nothing
    "auditor": frozenset(
        {
            "sources:write", "quarantine:decide", "tokens:make", "tokens:write", "accounts:write",
            "entries:reconcile", "models:enter", "conflicts:resolve", "identity:decide",
        }
    ),
}  # fmt: skip
PUBLIC: Final = "public"
CAPABILITIES: Final = frozenset().union(*SCOPES.values(), {PUBLIC})


class Caller(NamedTuple):
    """Who asks: the token's holder, with what it may do and where."""

    kind: str  # person, source
    id: str
    token: str
    role: str
    capabilities: frozenset[str]
    namespaces: frozenset[str] | None  # None: all
    source: str | None = None
    account: UUID | None = None  # of a person's or machine's token; none of a source's

    @property
    def actor(self) -> Actor:
        """Who the ledger says it was."""
        return Actor(self.kind, self.id, authn="token", token=self.token)

    def may(self, capability: str) -> bool:
        """Does it hold the capability?"""
        return capability in self.capabilities

    def may_in(self, capability: str, namespace: str | None) -> bool:
        """Does it hold the capability for a namespace?"""
        within = self.namespaces is None or namespace in self.namespaces
        return within and capability in self.capabilities


def capabilities(role: str, scopes: frozenset[str]) -> frozenset[str]:
    """What a token may do: its scopes, as far as its role still has them."""
    held = scopes & ROLES.get(role, frozenset())
    allowed = frozenset[str]().union(*(SCOPES[scope] for scope in held))
    return (allowed - WITHHELD.get(role, frozenset())) | {PUBLIC}
