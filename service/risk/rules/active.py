"""The policy and the pack in force, compiled once for each digest."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.controls import PackDocument
from schemas.policies import PolicyDocument
from service.recordset import among
from service.risk.controls.packs import Pack, load_pack
from service.risk.tables import ControlPackRow, PolicyRow
from service.risk.tiering import Policy, compile_policy

policy, pack = PolicyRow.__table__, ControlPackRow.__table__
earlier = policy.alias("earlier")
ACTIVE: Final = "ACTIVE"
POLICIES: Final[dict[str, PolicyDocument]] = {}  # by digest: what is stored never changes
PACKS: Final[dict[str, Pack]] = {}


class RuleRow(NamedTuple):
    """A version of rules as it is stored; no document where it is known by its digest."""

    id: int
    name: str
    version: str
    digest: str
    document: Any


class ActivePolicy(NamedTuple):
    """A version of the policy, as it stands in the catalog."""

    id: int
    name: str
    version: str
    digest: str
    document: PolicyDocument
    compiled: Policy
    asked_since: Mapping[str, str]  # purposes that an earlier policy in force did not ask for


class ActivePack(NamedTuple):
    """A version of the pack of controls, as it stands in the catalog."""

    id: int
    name: str
    version: str
    digest: str
    loaded: Pack


class Rules(NamedTuple):
    """What is in force, and the database's time when that was read."""

    policy: ActivePolicy
    pack: ActivePack
    now: datetime


def read_rules(session: Session) -> Rules:
    """The policy and the pack in force. One statement; documents that are known are not sent."""
    found = session.execute(
        sa.select(
            *(one.label(f"policy_{one.name}") for one in _shown(policy, known=POLICIES)),
            *(one.label(f"pack_{one.name}") for one in _shown(pack, known=PACKS)),
            _asked().label("asked"), sa.func.clock_timestamp().label("now"),
        )
        .join_from(policy, pack, sa.true())
        .where(policy.c.state == ACTIVE, pack.c.state == ACTIVE)
    ).one()  # fmt: skip
    row = found._mapping
    of_policy, of_pack = (
        RuleRow(*(row[f"{of}_{name}"] for name in RuleRow._fields)) for of in ("policy", "pack")
    )
    read = as_policy(of_policy)._replace(asked_since=asked_since(found.asked.values()))
    return Rules(read, as_pack(of_pack), found.now)


def _shown(table: sa.FromClause, *, known: Mapping[str, object]) -> Iterator[sa.ColumnElement[Any]]:
    yield from table.c["id", "name", "version", "digest"]
    needed = ~among(table.c.digest, known)
    yield sa.case((needed, table.c.document), else_=sa.null()).label("document")


def _asked() -> sa.ScalarSelect[Any]:
    """Since when which purposes were asked for, by every policy that is or was in force."""
    of_each = sa.func.jsonb_build_array(earlier.c.activated_at, earlier.c.document["purposes"])
    return (
        sa.select(sa.func.jsonb_object_agg(earlier.c.id, of_each))
        .where(earlier.c.activated_at.is_not(None))
        .scalar_subquery()
    )


def read_policy(session: Session) -> ActivePolicy:
    """The policy in force."""
    found = session.execute(
        sa.select(*_shown(policy, known=POLICIES), _asked().label("asked"))
        .where(policy.c.state == ACTIVE)
    ).one()  # fmt: skip
    return as_policy(found)._replace(asked_since=asked_since(found.asked.values()))


def asked_since(policies: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, str]:
    """Since when each purpose is asked for, those of the first policy apart: since ever.

    `policies` are those that are or were in force: when that began, and their purposes.
    """
    first, *later = sorted(policies, key=lambda one: one[0])
    found: dict[str, str] = {}
    for began, purposes in later:
        for one in purposes.keys() - first[1].keys() - found.keys():
            found[one] = began
    return found


def read_pack(session: Session) -> ActivePack:
    """The pack in force."""
    query = sa.select(*_shown(pack, known=PACKS)).where(pack.c.state == ACTIVE)
    return as_pack(session.execute(query).one())


def as_policy(row: Any) -> ActivePolicy:
    """A stored policy; it was checked before it was stored."""
    if row.digest not in POLICIES:
        POLICIES[row.digest] = PolicyDocument.model_validate(row.document)
    document = POLICIES[row.digest]
    return ActivePolicy(
        row.id, row.name, row.version, row.digest, document, compile_policy(document), {}
    )


def as_pack(row: Any) -> ActivePack:
    """A stored pack."""
    if row.digest not in PACKS:
        PACKS[row.digest] = load_pack(PackDocument.model_validate(row.document))
    return ActivePack(row.id, row.name, row.version, row.digest, PACKS[row.digest])
