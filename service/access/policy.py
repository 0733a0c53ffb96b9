"""Capabilities: what tokens and roles may do, in one table."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from uuid import UUID

from schemas.identities import Proved
from service.ledger.change import Actor

SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "entries:read": frozenset({"entries:read", "ledger:read", "risk:notes"}),
    "exports:read": frozenset({"exports:read"}),
    "metrics:read": frozenset({"metrics:read"}),
    "observations:write": frozenset({"observations:write", "observations:push", "sources:own"}),
    "decisions:write": frozenset(
        {
            "decisions:write", "models:enter", "facts:pin", "tokens:own", "tokens:make",
            "risk:act", "reviews:work", "approvals:grant",
        }
    ),
    "access:admin": frozenset(
        {
            "sources:write", "sources:own", "sources:read", "quarantine:read", "quarantine:decide",
            "tokens:own", "tokens:make", "tokens:grant", "tokens:write", "tokens:read",
            "accounts:read", "accounts:write", "ledger:read", "ledger:all", "entries:reconcile",
            "models:enter", "conflicts:resolve", "identity:decide", "receivers:read",
            "receivers:write",
        }
    ),
    "tokens:bootstrap": frozenset({"tokens:make", "tokens:grant"}),  # one, and nothing beside it
}  # fmt: skip

READING: Final = frozenset({"entries:read", "exports:read", "metrics:read"})
DECIDING: Final = READING | {"decisions:write"}
GRANTED: Final[Mapping[str, frozenset[str]]] = {  # roles of accounts, and their scopes
    "reader": DECIDING,  # an owner is a reader: see WITHHELD
    "reviewer": DECIDING,
    "approver": DECIDING,
    "auditor": READING | {"access:admin"},
    "admin": DECIDING | {"access:admin"},
}
ROLES: Final[Mapping[str, frozenset[str]]] = {  # the scopes that a role may hold
    **GRANTED,
    "source": frozenset({"observations:write"}),
    "ci": frozenset({"observations:write"}),
    "bootstrap": frozenset({"tokens:bootstrap"}),
}
ALL_SCOPES: Final = frozenset[str]().union(*GRANTED.values())  # that an account may hold
BOUND: Final = frozenset({"reader", "reviewer", "approver"})  # may be held for some namespaces
READER: Final = "reader"  # what every other role of an account includes
# What a role's scopes would allow, and the role does not.
WITHHELD: Final[Mapping[str, frozenset[str]]] = {
    "reader": frozenset(
        {"decisions:write", "models:enter", "reviews:work", "approvals:grant", "risk:notes"}
    ),
    "reviewer": frozenset({"approvals:grant"}),
    "approver": frozenset({"reviews:work"}),
    "admin": frozenset(  # being admin approves nothing
        {"decisions:write", "reviews:work", "approvals:grant", "risk:notes"}
    ),
    "ci": frozenset({"observations:write", "sources:own"}),  # it pushes what its job proved
    "auditor": frozenset(
        {
            "sources:write", "quarantine:decide", "tokens:grant", "tokens:write", "accounts:write",
            "entries:reconcile", "models:enter", "conflicts:resolve", "identity:decide",
            "receivers:write",
        }
    ),
}  # fmt: skip
PEOPLE_ALONE: Final = frozenset(  # a machine's account never decides
    {"decisions:write", "risk:act", "reviews:work", "approvals:grant"}
)
PUBLIC: Final = "public"
SELF: Final = "self:read"  # every token: whose it is
CAPABILITIES: Final = frozenset().union(*SCOPES.values(), {PUBLIC, SELF})
Within = frozenset[str] | None  # namespaces; None: all


class Grant(NamedTuple):
    """A role, in one namespace or in all."""

    role: str
    namespace: str | None


class Caller(NamedTuple):
    """Who asks: the token's holder, with what it may do and where."""

    kind: str  # person, machine, source
    id: str  # the account's or source's name
    token: str
    role: str  # what the token is narrowed to; empty: everything that its account is
    capabilities: frozenset[str]  # held in some namespace at least
    namespaces: Within  # where it may read
    source: str | None = None
    account: UUID | None = None  # of a person's or machine's token; none of a source's
    held: Mapping[str, Within] | None = None  # where each capability holds; None: where it reads
    proved: Proved | None = None  # of a CI job's token: all that it may speak about

    @property
    def actor(self) -> Actor:
        """Who the ledger says it was."""
        return Actor(self.kind, self.id, authn="token", token=self.token)

    def may(self, capability: str) -> bool:
        """Does it hold the capability, in whatever namespace?

        For what stands in no namespace; what stands in one asks `may_in`.
        """
        return capability in self.capabilities

    def may_in(self, capability: str, namespace: str | None) -> bool:
        """Does it hold the capability for a namespace?"""
        within = self.within(capability)
        return within is None or namespace in within

    def within(self, capability: str) -> Within:
        """The namespaces where it holds a capability; None: all."""
        if capability not in self.capabilities:
            return frozenset()
        return self.namespaces if self.held is None else self.held[capability]


def capabilities(role: str, scopes: frozenset[str]) -> frozenset[str]:
    """What a token may do: its scopes, as far as its role still has them."""
    held = scopes & ROLES.get(role, frozenset())
    allowed = frozenset[str]().union(*(SCOPES[scope] for scope in held))
    return (allowed - WITHHELD.get(role, frozenset())) | {PUBLIC, SELF}


def narrowed(grants: Iterable[Grant], *, role: str | None, within: Within) -> list[Grant]:
    """What is left of an account's grants in a token for one role, or for some namespaces.

    What an auditor or admin may do, it may do everywhere: in some namespaces it is a reader.
    """
    of_role = [
        Grant(role or one.role, one.namespace) for one in grants if role in {None, one.role, READER}
    ]
    if within is None:
        return of_role
    return [
        Grant(one.role if one.role in BOUND else READER, namespace)
        for one in of_role
        for namespace in sorted(within)
        if one.namespace in {None, namespace}
    ]


def held_by(grants: Iterable[Grant], scopes: frozenset[str], *, person: bool) -> dict[str, Within]:
    """Where each capability holds, by the roles that are granted and the token's scopes."""
    found: dict[str, Within] = {PUBLIC: None, SELF: None}
    withheld = frozenset() if person else PEOPLE_ALONE
    for role, namespace in grants:
        for capability in capabilities(role, scopes) - withheld:
            before = found.get(capability, frozenset())
            found[capability] = _widened(before, namespace)
    return found


def _widened(within: Within, namespace: str | None) -> Within:
    return None if within is None or namespace is None else within | {namespace}


def read_in(grants: Iterable[Grant]) -> Within:
    """Where an account may read: every role includes that."""
    namespaces = {one.namespace for one in grants}
    return None if None in namespaces else frozenset(n for n in namespaces if n is not None)
