"""Writes change rows: who changed what, when, from what evidence."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.digest import canonical_json, sha256
from schemas.identifiers import Kind
from service.ledger.tables import ChangeRow
from service.recordset import recordset

CANON_VERSION: Final = 1
LONGEST_VALUE: Final = 8_192  # a longer value stands as its digest and length
KINDS: Final = (  # what changes are about: entries, and what is decided and set up
    *Kind, "source", "token", "account", "role_grant", "owner_mapping", "pin", "conflict",
    "precedence", "identity", "claim", "alias", "quarantine", "harvest", "assessment", "control",
    "review", "decision", "condition", "finding", "waiver", "exception", "override", "exemption",
    "attestation", "sample", "absence", "legal_hold", "policy", "control_pack", "receiver",
    "export",
)  # fmt: skip
RISK: Final = (  # of these what follows from entries, and what people decide about them
    "assessment", "control", "review", "decision", "condition", "finding", "waiver", "exception",
    "override", "exemption", "attestation", "sample", "legal_hold",
)  # fmt: skip


class Actor(NamedTuple):
    """Who did it: a token's account or source, the software itself, or a person at the host."""

    kind: str  # source, person, machine, software, operator
    id: str
    authn: str = "none"
    token: str | None = None
    on_behalf_of: str | None = None


class Cause(NamedTuple):
    """Why entries change: who posted what."""

    actor: Actor
    source: str | None = None
    harvest: UUID | None = None
    request: str | None = None
    reason: str | None = None  # what a person gave


class Change(NamedTuple):
    """One change. `entry` and `field` are for what stands in the catalog."""

    op: str  # create, update, retire, restore, merge, replace, grant, revoke, …
    kind: str
    actor: Actor
    entry: UUID | None = None
    field: str | None = None
    old: Any = None
    new: Any = None
    reason: str | None = None
    request: str | None = None
    source: str | None = None
    harvest: UUID | None = None
    observation: Mapping[str, Any] | None = None


def record_changes(session: Session, changes: Sequence[Change]) -> list[int]:
    """Append the changes in one statement; answers their ids in order."""
    if not changes:
        return []
    rows = [
        {
            "canon": canon(change),
            "kind": change.kind,
            "entry_id": str(change.entry) if change.entry else None,
            "field": change.field,
        }
        for change in changes
    ]
    given = recordset(rows, canon=sa.Text(), kind=sa.Text(), entry_id=sa.Uuid(), field=sa.Text())
    table = ChangeRow.__table__
    insert = sa.insert(table).from_select(list(rows[0]), sa.select(given)).returning(table.c.id)
    return sorted(session.execute(insert).scalars())


def canon(change: Change) -> str:
    """The text of a change that is stored, sealed and verified: canonical form 1."""
    text = canonical_json(_document(change, old=change.old, new=change.new))
    if len(text) <= LONGEST_VALUE:  # then none of its values is longer
        return text
    return canonical_json(_document(change, old=_bounded(change.old), new=_bounded(change.new)))


def _document(change: Change, *, old: Any, new: Any) -> dict[str, Any]:
    return {
        "v": CANON_VERSION,
        "op": change.op,
        "kind": change.kind,
        "entry": str(change.entry) if change.entry else None,
        "field": change.field,
        "old": old,
        "new": new,
        "actor": change.actor._asdict(),
        "reason": change.reason,
        "request": change.request,
        "source": change.source,
        "harvest": str(change.harvest) if change.harvest else None,
        "observation": change.observation,
    }


def _bounded(value: Any) -> Any:
    """A created entry's first values are bounded one by one, so that none hides the others."""
    if isinstance(value, Mapping) and len(value) > 1:
        return {name: _short(member) for name, member in value.items()}
    return _short(value)


def _short(value: Any) -> Any:
    text = canonical_json(value)
    if len(text) <= LONGEST_VALUE:
        return value
    return {"digest": sha256(text), "length": len(text)}
