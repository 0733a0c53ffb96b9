"""Finds what a cell rests on: facts with their observations, decisions with their ledger rows."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from schemas.cells import CellGround
from schemas.identifiers import Kind
from service.catalog.causes import as_event, cause, evidence
from service.catalog.rows import API, facts_of
from service.catalog.select import select_entries
from service.catalog.told import read_said
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY, LINK, View
from service.exports.manifest import POLICY, rules_then
from service.exports.review.reading import Reading
from service.ledger.change import RISK
from service.ledger.feed import change
from service.recordset import among

MOST: Final = 20  # entries of one kind, and rows of one kind of decision
CLOCK, RULES = "clock", "policy"
Parts = Mapping[Kind, Sequence[UUID]]


def find_grounds(
    reading: Reading, rests: Sequence[str], *, written: Sequence[UUID], parts: Parts
) -> Iterator[CellGround]:
    """What these name, in their order; `parts` are the entries of each kind that count.

    What was decided stands under the model, or under one that was merged into it: `written`.
    """
    for one in rests:
        kind, _, field = one.partition(".")
        if one == CLOCK:
            yield CellGround(rests=one, about="time that passes", at=reading.as_of)
        elif one == RULES:
            yield from _rules(reading, one)
        elif kind in set(Kind) and field:
            yield from _facts(reading, one, kind=Kind(kind), ids=parts.get(Kind(kind), ()))
        elif kind in set(Kind):
            yield from _changes(reading, one, of=parts.get(Kind(kind), ()), kinds=(kind,))
        else:
            yield from _changes(reading, one, of=written, kinds=(kind,))


def parts_of(reading: Reading, model: UUID) -> Parts:
    """The entries that belong to a model at the moment, a few of each kind."""
    session = reading.session

    def ids(query: Any) -> list[UUID]:
        return list(session.execute(query.limit(MOST)).scalars())

    use, version, deployment = (
        reading.at(TYPED[kind]) for kind in (Kind.USE, Kind.VERSION, Kind.DEPLOYMENT)
    )
    entry, link = reading.at(ENTRY), reading.at(LINK)
    uses = ids(sa.select(use.c.id).where(use.c.model_id == model).order_by(use.c.id))
    versions = ids(
        sa.select(version.c.id)
        .where(version.c.model_id == model)
        .order_by(version.c.number_key.desc().nulls_last(), version.c.id)
    )
    served = sa.select(deployment.c.id).where(among(deployment.c.version_id, versions))
    linked = (
        sa.select(entry.c.id)
        .join(link, link.c.target_id == entry.c.id)
        .where(among(link.c.entry_id, [model, *versions]))
        .distinct()
    )
    return {
        Kind.MODEL: [model],
        Kind.USE: uses,
        Kind.VERSION: versions,
        Kind.DEPLOYMENT: ids(served),
        Kind.OWNER: ids(linked.where(entry.c.kind == Kind.OWNER)),
        Kind.DATASET: ids(linked.where(entry.c.kind == Kind.DATASET)),
    }


def _facts(
    reading: Reading, rests: str, *, kind: Kind, ids: Sequence[UUID]
) -> Iterator[CellGround]:
    field = rests.partition(".")[2]
    view = View(kind, reading.caller, as_of=reading.as_of)
    query = select_entries(view).where(*view.here(), among(view.entry.c.id, ids))
    found = reading.session.execute(query.order_by(view.entry.c.id)).mappings().all()
    stated = [row for row in found if row["provenance"].get(field)]
    told = [row["statements"][row["provenance"][field][0]] for row in stated]
    seen = read_said(reading.session, kind, told=told, as_of=reading.as_of)
    for place, (row, one) in enumerate(zip(stated, told, strict=True)):
        yield CellGround(
            rests=rests,
            about=row["natural_key"] or row.get("label") or str(row["id"]),
            said=facts_of(kind, row)[field],
            source=one.get("source"),
            subject=one.get("subject"),
            by=one.get("by"),
            **(_observed(seen[place]) if place in seen else {"observed_at": one["observed_at"]}),
        )


def _observed(seen: Any) -> dict[str, Any]:
    """In which observation and harvest a source said it, and where it shows it."""
    harvest = seen["harvest_id"]
    return {
        "observation": seen["digest"],
        "observed_at": seen["observed_at"],
        "harvest": harvest,
        "harvest_url": harvest and f"{API}/harvests/{harvest}",
        "evidence": seen["evidence"],
    }


def _changes(
    reading: Reading, rests: str, *, of: Sequence[UUID], kinds: Sequence[str]
) -> Iterator[CellGround]:
    """The newest ledger rows about these, until the moment; notes only for those who read them."""
    shown: list[Any] = [
        change, cause().label("cause"), evidence().label("evidence"), sa.null().label("seq")
    ]  # fmt: skip
    rows = reading.session.execute(
        sa.select(*shown)
        .where(
            among(change.c.entry_id, of), change.c.kind.in_(kinds),
            reading.past(change.c.recorded_at),
        )
        .order_by(change.c.id.desc())
        .limit(MOST)
    ).mappings()  # fmt: skip
    for row in islice(rows, MOST):
        told = as_event(row)
        secret = told.kind in RISK and not _tells(reading)
        yield CellGround(
            rests=rests,
            about=told.field or told.kind,
            said=None if secret else {"old": told.old, "new": told.new},
            source=told.source,
            harvest=told.harvest,
            harvest_url=told.harvest_url,
            evidence=row["evidence"],
            change=told.id,
            at=told.recorded_at,
            by=None if told.actor is None else told.actor.id,
            because=told.cause.value,
        )


def _tells(reading: Reading) -> bool:
    """May the caller read the notes of the model that the reading is of?"""
    models = reading.models
    return bool(reading.session.execute(sa.select(sa.func.bool_or(models.c.told))).scalar_one())


def _rules(reading: Reading, rests: str) -> Iterator[CellGround]:
    found = rules_then(reading, POLICY)
    if found is not None:
        yield CellGround(rests=rests, about=f"{found.id}@{found.version}", observation=found.digest)
