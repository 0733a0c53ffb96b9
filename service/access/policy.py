"""Capabilities: what tokens and roles may do, in one table."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from service.ledger.change import Actor

SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "entries:read": frozenset({"entries:read", "ledger:read"}),
    "exports:read": frozenset({"exports:read"}),
    "metrics:read": frozenset({"metrics:read"}),
    "observations:write": frozenset({"observations:write", "sources:own"}),
    "decisions:write": frozenset({"decisions:write", "models:enter"}),
    "access:admin": frozenset(
        {
            "sources:write", "sources:own", "sources:read", "quarantine:read",
            "tokens:make", "tokens:write", "tokens:read", "ledger:read", "ledger:all",
            "entries:reconcile", "models:enter",
        }
    ),
    "tokens:bootstrap": frozenset({"tokens:make"}),  # one token, and nothing beside it
}  # fmt: skip

REVIEWING: Final = frozenset({"entries:read", "exports:read", "metrics:read", "decisions:write"})
ROLES: Final[Mapping[str, frozenset[str]]] = {
    "reader": frozenset({"entries:read", "exports:read", "metrics:read"}),
    "reviewer": REVIEWING,
    "approver": REVIEWING,
    "source": frozenset({"observations:write"}),
    "admin": frozenset({"entries:read", "exports:read", "metrics:read", "access:admin"}),
    "bootstrap": frozenset({"tokens:bootstrap"}),
}
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

    @property
    def actor(self) -> Actor:
        """Who the ledger says it was."""
        return Actor(self.kind, self.id, authn="token", token=self.token)

    def may(self, capability: str) -> bool:
        """Does it hold the capability?"""
        return capability in self.capabilities


def capabilities(role: str, scopes: frozenset[str]) -> frozenset[str]:
    """What a token may do: its scopes, as far as its role still has them."""
    held = scopes & ROLES.get(role, frozenset())
    return frozenset().union(*(SCOPES[scope] for scope in held), {PUBLIC})
