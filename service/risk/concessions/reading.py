"""What people granted and is in force: read for ratings and controls, ended by time and triggers.

What is over counts nowhere, also before the clock has written it down.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.policy_scale import Tier
from service.catalog.tables import Entry
from service.catalog.typed import TYPED
from service.recordset import among
from service.risk.decided_tables import (
    ExemptionRow,
    RiskExceptionRow,
    TierOverrideRow,
    WaiverRow,
)
from service.risk.picture import UNDECLARED
from service.risk.reviews.content import has_digest
from service.risk.tables import ControlResultRow

waiver, exception, override, exemption, result, entry = (
    table.__table__
    for table in (
        WaiverRow, RiskExceptionRow, TierOverrideRow, ExemptionRow, ControlResultRow, Entry,
    )
)  # fmt: skip
use, version = TYPED[Kind.USE], TYPED[Kind.VERSION]
IN_FORCE: Final = "IN_FORCE"
OPEN_RESULTS: Final = ("FAIL", "UNKNOWN")


class InForce(NamedTuple):
    """What holds of a use: an override, an exemption, and when each ends."""

    override_tier: Tier | None = None
    direction: str | None = None  # up: never lower than the facts say
    override: UUID | None = None
    exempt: bool = False
    exemption: UUID | None = None
    ends: tuple[datetime, ...] = ()

    @property
    def raises(self) -> bool:
        """Is the override one upwards?"""
        return self.direction == "up"


class VersionException(NamedTuple):
    """An exception of a version, and until when it holds or held."""

    id: UUID
    model: UUID
    version: UUID
    expires_at: datetime


@dataclass
class Concessions:
    """By use, and by version; `ended` are exceptions in whose place nothing holds."""

    uses: dict[UUID, InForce] = field(default_factory=dict)
    exceptions: dict[UUID, VersionException] = field(default_factory=dict)
    ended: dict[UUID, VersionException] = field(default_factory=dict)


class WaiverSide(NamedTuple):
    """What controls read: every waiver that matters, and the override in force."""

    waivers: Sequence[Mapping[str, Any]] = ()
    override: Mapping[str, Any] | None = None


def read_concessions(session: Session, models: Iterable[UUID], *, now: datetime) -> Concessions:
    """What is in force at a moment. Four statements, however many models."""
    ids = set(models)
    found = Concessions()
    for row in _standing(session, override, models=ids, now=now):
        before = found.uses.get(row.use_id, InForce())
        found.uses[row.use_id] = before._replace(
            override_tier=row.tier, direction=row.direction, override=row.id,
            ends=(*before.ends, row.expires_at),
        )  # fmt: skip
    for row in _standing(session, exemption, models=ids, now=now):
        before = found.uses.get(row.use_id, InForce())
        found.uses[row.use_id] = before._replace(
            exempt=True, exemption=row.id, ends=(*before.ends, row.expires_at)
        )
    _take_over(session, found, models=ids)
    _read_exceptions(session, found, models=ids, now=now)
    return found


def _standing(
    session: Session, table: sa.Table, *, models: Collection[UUID], now: datetime
) -> Sequence[Any]:
    """Rows in force of these models, and of those merged into them."""
    return session.execute(
        sa.select(table)
        .join_from(table, entry, entry.c.id == table.c.model_id)
        .where(of_models(models), table.c.state == IN_FORCE, table.c.expires_at > now)
        .order_by(table.c.id)
    ).all()


def of_models(models: Collection[UUID]) -> sa.ColumnElement[bool]:
    """Entries that are one of these models, or were merged into one."""
    return sa.or_(among(entry.c.id, models), among(entry.c.merged_into, models))


def _take_over(session: Session, found: Concessions, *, models: Collection[UUID]) -> None:
    """What was decided while no use was declared: the first that are do not lower the tier.

    An override upwards counts for each use without one of its own; all of it for the use that only
    answers stand under.
    """
    implicit = {one: found.uses[one] for one in models if one in found.uses}
    if not implicit:
        return
    uses = session.execute(
        sa.select(use.c.id, use.c.model_id, use.c.name)
        .where(among(use.c.model_id, implicit))
        .order_by(use.c.id)
    )
    for row in uses:
        held, own = implicit[row.model_id], found.uses.get(row.id)
        if row.name == UNDECLARED and own is None:
            found.uses[row.id] = held
        elif held.direction == "up" and (own is None or own.override is None):
            found.uses[row.id] = held._replace(exempt=False, exemption=None)


def _read_exceptions(
    session: Session, found: Concessions, *, models: Collection[UUID], now: datetime
) -> None:
    """The exception of each version that lasts longest, and those that ended without another."""
    over = exception.c.expires_at <= now
    rows = session.execute(
        sa.select(*exception.c["id", "model_id", "version_id", "expires_at", "state"],
                  exception.c.version_digest, version.c.digests, over.label("over"))
        .join_from(exception, entry, entry.c.id == exception.c.model_id)
        .outerjoin(version, version.c.id == exception.c.version_id)
        .where(of_models(models), exception.c.granted_at.is_not(None))
        .order_by(exception.c.expires_at, exception.c.id)
    ).all()  # fmt: skip
    for row in rows:
        one = VersionException(row.id, row.model_id, row.version_id, row.expires_at)
        holds = row.state == IN_FORCE and not row.over and has_digest(
            row.digests or (), row.version_digest
        )  # fmt: skip
        (found.exceptions if holds else found.ended)[row.version_id] = one
    for about in found.exceptions:
        found.ended.pop(about, None)


def read_waiver_snapshot(session: Session, models: Iterable[UUID]) -> Mapping[UUID, WaiverSide]:
    """What controls read, for every model. Two statements."""
    ids = set(models)
    waivers: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for home, said in _waivers(session, ids):
        waivers[home].append(said)
    overrides = _overrides(session, ids)
    return {one: WaiverSide(waivers.get(one, ()), overrides.get(one)) for one in ids}


def _waivers(session: Session, models: Collection[UUID]) -> Iterable[tuple[UUID, dict[str, Any]]]:
    """Requested ones, those in force, and lapsed ones while their control is open without them."""
    home = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    other = waiver.alias("other")
    same = sa.and_(
        other.c.model_id == waiver.c.model_id,
        other.c.control == waiver.c.control,
        other.c.item.is_not_distinct_from(waiver.c.item),
        other.c.id > waiver.c.id,
        other.c.granted_at.is_not(None),
    )
    missed = sa.and_(
        waiver.c.state == "LAPSED",
        sa.func.coalesce(result.c.result, "UNKNOWN").in_(OPEN_RESULTS),
        ~sa.exists(sa.select(1).select_from(other).where(same).correlate(waiver)),
    )
    rows = session.execute(
        sa.select(home.label("home"), *waiver.c[
            "id", "control", "item", "state", "requested_by", "approved_by", "expires_at",
            "renewals",
        ])
        .join_from(waiver, entry, entry.c.id == waiver.c.model_id)
        .outerjoin(result, sa.and_(result.c.model_id == home, result.c.control == waiver.c.control))
        .where(of_models(models), sa.or_(waiver.c.state.in_(("REQUESTED", IN_FORCE)), missed))
        .order_by(waiver.c.id)
    ).mappings()  # fmt: skip
    for row in rows:
        said = {name: row[name] for name in row if name != "home"}
        yield row["home"], said | {"id": str(row["id"])}


def _overrides(session: Session, models: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """One of each model: the one to a lower tier, which has to keep to more."""
    home = sa.func.coalesce(entry.c.merged_into, entry.c.id)
    rows = session.execute(
        sa.select(home.label("home"), *override.c[
            "direction", "requested_by", "approved_by", "reason", "granted_at", "expires_at",
        ])
        .join_from(override, entry, entry.c.id == override.c.model_id)
        .where(of_models(models), override.c.state == IN_FORCE,
               override.c.expires_at > sa.func.clock_timestamp())
        .order_by(override.c.direction.desc(), override.c.id.desc())
    ).mappings()  # fmt: skip
    return {
        row["home"]: {
            **{name: row[name] for name in row if name != "home"},
            "approved_by": row["approved_by"] or "",  # upwards nobody has to
            "approver_is_second_line": row["approved_by"] is not None,  # only approvers can
        }
        for row in rows
    }
