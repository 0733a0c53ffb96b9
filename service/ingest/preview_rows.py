"""Reads entries for a preview, as the caller sees them at this point of a transaction."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind
from service.access.policy import Caller
from service.catalog.rows import facts_of
from service.catalog.select import select_entries
from service.catalog.tables import Entry, Link
from service.catalog.typed import PARENTS_FIRST
from service.catalog.view import View
from service.recordset import among
from service.risk.tables import ModelRiskRow

entry, link, risk = (table.__table__ for table in (Entry, Link, ModelRiskRow))


class Shown(NamedTuple):
    """An entry as lists show it."""

    kind: Kind
    name: str | None
    facts: Mapping[str, Any]  # left out: not stated
    conflicts: tuple[str, ...]
    accountable: bool  # somebody answers for it of whom more is known than a name
    stub: bool
    gone: bool
    model: UUID | None  # of a use


class Rated(NamedTuple):
    """How risky a model is."""

    tier: str
    status: str


Rows = Mapping[UUID, Shown]
Tiers = Mapping[UUID, Rated]


def read_rows(session: Session, caller: Caller, *, ids: Iterable[UUID]) -> Rows:
    """Those that the caller may see: a statement a kind."""
    wanted = set(ids)
    if not wanted:
        return {}
    kinds = session.execute(sa.select(entry.c.kind).where(among(entry.c.id, wanted)).distinct())
    there = {Kind(kind) for kind in kinds.scalars()}
    found: dict[UUID, Shown] = {}
    for kind in (one for one in PARENTS_FIRST if one in there):
        view = View(kind, caller)
        query = select_entries(view).where(*view.here(), among(view.entry.c.id, wanted))
        rows = session.execute(query).mappings().all()
        answered = _answered(session, wanted) if kind is Kind.MODEL else frozenset()
        found |= {row["id"]: _shown(kind, row, answered=answered) for row in rows}
    return found


def _answered(session: Session, models: Iterable[UUID]) -> AbstractSet[UUID]:
    """Models that an owner answers for whom some source describes, not one who is only named."""
    owner = entry.alias("owner")
    found = session.execute(
        sa.select(link.c.entry_id)
        .join(owner, owner.c.id == link.c.target_id)
        .where(
            among(link.c.entry_id, models),
            link.c.field == "owners",
            sa.func.coalesce(link.c.role, "accountable") == "accountable",
            sa.not_(owner.c.stub),
            owner.c.gone_since.is_(None),
        )
        .distinct()
    )
    return set(found.scalars())


def uses_of(session: Session, caller: Caller, *, models: Rows) -> Rows:
    """The live uses of models."""
    wanted = {one for one, row in models.items() if row.kind is Kind.MODEL}
    if not wanted:
        return {}
    view = View(Kind.USE, caller)
    query = select_entries(view).where(
        *view.here(), among(view.typed.c.model_id, wanted), view.entry.c.gone_since.is_(None)
    )
    rows = session.execute(query).mappings()
    return {row["id"]: _shown(Kind.USE, row) for row in rows}


def joined_into(session: Session, rows: Iterable[UUID]) -> dict[UUID, UUID]:
    """What is merged into these entries by now."""
    wanted = set(rows)
    if not wanted:
        return {}
    found = session.execute(
        sa.select(entry.c.id, entry.c.merged_into).where(among(entry.c.merged_into, wanted))
    )
    return {row.id: row.merged_into for row in found}


def standing(session: Session, ids: Iterable[UUID]) -> set[UUID]:
    """Those that are in the catalog, whoever may see them."""
    wanted = set(ids)
    if not wanted:
        return set()
    found = session.execute(sa.select(entry.c.id).where(among(entry.c.id, wanted)))
    return set(found.scalars())


def tiers_of(session: Session, models: Iterable[UUID]) -> dict[UUID, Rated]:
    """How risky models are, where somebody has rated them."""
    wanted = set(models)
    if not wanted:
        return {}
    found = session.execute(
        sa.select(*risk.c["model_id", "tier", "status"]).where(among(risk.c.model_id, wanted))
    )
    return {row.model_id: Rated(row.tier, row.status) for row in found}


def _shown(kind: Kind, row: sa.RowMapping, *, answered: AbstractSet[UUID] = frozenset()) -> Shown:
    return Shown(
        kind,
        row["natural_key"] or row.get("label"),
        facts_of(kind, row),
        tuple(row["conflicts"]),
        row["id"] in answered,
        row["stub"],
        row["gone_since"] is not None,
        row.get("model_id"),
    )
