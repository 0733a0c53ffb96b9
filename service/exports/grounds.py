"""Finds what a cell rests on: facts with their observations, decisions with their ledger rows."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa

from schemas.cells import CellGround
from schemas.details import Event
from schemas.facts import merge_rules
from schemas.identifiers import Kind
from schemas.values import Merge
from service.catalog.beneath import as_shown
from service.catalog.causes import as_event, cause, evidence
from service.catalog.pinned import read_pins
from service.catalog.rows import API, facts_of
from service.catalog.select import select_entries
from service.catalog.told import read_said
from service.catalog.typed import TYPED
from service.catalog.view import ENTRY, LINK, View
from service.exports.cells import WITHHELD
from service.exports.manifest import POLICY, rules_then
from service.exports.review.entries import version_text
from service.exports.review.reading import Reading
from service.ledger.confidential import CONFIDENTIAL
from service.ledger.feed import change
from service.recordset import among

MOST: Final = 50  # entries of one kind, and rows of one kind of decision
CLOCK, RULES = "clock", "policy"
NAMESPACE: Final = "namespace"
ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
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
            yield from _changes(reading, one, of=parts.get(Kind(kind), ()), kind=kind)
        else:
            yield from _changes(reading, one, of=written, kind=kind)


def parts_of(
    reading: Reading, model: UUID, *, written: Sequence[UUID], row: Mapping[str, str]
) -> Parts:
    """The entries that belong to a model at the moment, a few of each kind, by their ids.

    Of a kind that a cell of the file's row names (`row`, by column) it is that one alone.
    """
    found: dict[Kind, list[UUID]] = {Kind.MODEL: [model]}
    for kind in (Kind.USE, Kind.VERSION, Kind.DEPLOYMENT, Kind.OWNER, Kind.DATASET):
        entry = reading.at(ENTRY).alias("part")
        query = sa.select(entry.c.id).where(
            entry.c.kind == kind, entry.c.merged_into.is_(None), reading.view.sees(entry),
            entry.c.id.in_(_belonging(reading, kind, written=written, found=found, row=row)),
        )  # fmt: skip
        if kind in row:
            query = query.where(_is_called(reading, entry, kind=kind, cell=row[kind]))
        elif kind is Kind.VERSION:
            query = _newest_first(reading, query, entry=entry)
        ordered = query.order_by(entry.c.id).limit(MOST)
        found[kind] = list(reading.session.execute(ordered).scalars())
    if Kind.DEPLOYMENT in row:
        found[Kind.VERSION] = _served(reading, found[Kind.DEPLOYMENT])
    return found


def _newest_first(reading: Reading, query: sa.Select[Any], *, entry: Any) -> sa.Select[Any]:
    """Versions by their numbers, the highest first."""
    version = reading.at(TYPED[Kind.VERSION]).alias("numbered")
    joined = query.join(version, version.c.id == entry.c.id)
    return joined.order_by(version.c.number_key.desc().nulls_last())


def _served(reading: Reading, deployments: Sequence[UUID]) -> list[UUID]:
    """The versions that these serve."""
    deployment = reading.at(TYPED[Kind.DEPLOYMENT])
    query = sa.select(deployment.c.version_id).where(
        among(deployment.c.id, deployments), deployment.c.version_id.is_not(None)
    )
    return list(reading.session.execute(query.distinct()).scalars())


def _belonging(
    reading: Reading,
    kind: Kind,
    *,
    written: Sequence[UUID],
    found: Parts,
    row: Mapping[str, str],
) -> sa.Select[Any]:
    """The ids of a kind's entries that belong to the models `written`, or to versions `found`."""
    if kind in {Kind.USE, Kind.VERSION}:
        typed = reading.at(TYPED[kind])
        return sa.select(typed.c.id).where(among(typed.c.model_id, written))
    if kind is Kind.DEPLOYMENT:
        typed, version = reading.at(TYPED[kind]), reading.at(TYPED[Kind.VERSION])
        every = sa.select(version.c.id).where(among(version.c.model_id, written))
        few = among(typed.c.version_id, found[Kind.VERSION])
        return sa.select(typed.c.id).where(typed.c.version_id.in_(every) if kind in row else few)
    link, target = reading.at(LINK), reading.at(ENTRY).alias("linked")
    return (
        sa.select(sa.func.coalesce(target.c.merged_into, target.c.id))
        .join(link, link.c.target_id == target.c.id)
        .where(among(link.c.entry_id, [*written, *found[Kind.VERSION]]))
    )


def _is_called(reading: Reading, entry: Any, *, kind: Kind, cell: str) -> sa.ColumnElement[bool]:
    """Does a cell name this entry: by its name, a version's number, or an identifier?"""
    words, text, known = reading.cells.words, sa.literal(cell), reading.view.subject
    whole = kind in {Kind.DEPLOYMENT, Kind.DATASET}
    name = known.c.scheme + ":" + known.c.value if whole else known.c.value
    identified = sa.exists().where(known.c.entry_id == entry.c.id, words(name) == text)
    if kind is not Kind.VERSION:
        return sa.or_(words(entry.c.natural_key) == text, identified)
    version = reading.at(TYPED[kind])
    number = version_text(entry, version.c.number, label=sa.cast(sa.null(), sa.Text))
    numbered = sa.exists().where(version.c.id == entry.c.id, words(number) == text)
    bare = sa.exists().where(version.c.id == entry.c.id, version.c.number.is_(None))
    return sa.and_(entry.c.replaced_by.is_(None), sa.or_(numbered, sa.and_(bare, identified)))


def _facts(
    reading: Reading, rests: str, *, kind: Kind, ids: Sequence[UUID]
) -> Iterator[CellGround]:
    """A fact of each entry, with what decided it; of a united set, all that it was united from."""
    field = rests.partition(".")[2]
    view = View(kind, reading.caller, as_of=reading.as_of)
    query = select_entries(view).where(*view.here(), among(view.entry.c.id, ids))
    found = reading.session.execute(query.order_by(view.entry.c.id)).mappings().all()
    stated = [row for row in found if row["provenance"].get(field)]
    united = _united(reading, stated, kind=kind, field=field)
    behind = [
        (row, row["statements"][place])
        for row in stated
        for place in row["provenance"][field][: None if row["id"] in united else 1]
    ]
    told = [one for _, one in behind]
    seen = read_said(reading.session, kind, told=told, as_of=reading.as_of)
    for place, (row, one) in enumerate(behind):
        said = facts_of(kind, row)[field]
        if row["id"] in united and place in seen:
            said = as_shown(kind, field, value=seen[place]["facts"].get(field))
        yield CellGround(
            rests=rests,
            about=row["natural_key"] or row.get("label") or str(row["id"]),
            said=said,
            source=one.get("source"),
            subject=one.get("subject"),
            by=one.get("by"),
            **(_observed(seen[place]) if place in seen else {"observed_at": one["observed_at"]}),
        )


def _united(
    reading: Reading, stated: Sequence[sa.RowMapping], *, kind: Kind, field: str
) -> set[UUID]:
    """The entries whose fact is a set that several statements make: no pin stands for it alone."""
    if merge_rules(kind).get(field) is not Merge.UNION:
        return set()
    several = {row["id"] for row in stated if len(row["provenance"][field]) > 1}
    pins = read_pins(reading.session, several, as_of=reading.as_of)
    return {
        one
        for one in several
        if not any(pin.field == field and not pin.joined for pin in pins.get(one, ()))
    }


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
    reading: Reading, rests: str, *, of: Sequence[UUID], kind: str
) -> Iterator[CellGround]:
    """The newest ledger rows about these, until the moment; notes only for those who read them."""
    shown: list[Any] = [
        change, cause().label("cause"), evidence().label("evidence"), sa.null().label("seq")
    ]  # fmt: skip
    rows = reading.session.execute(
        sa.select(*shown)
        .where(
            among(change.c.entry_id, of), change.c.kind == kind,
            reading.past(change.c.recorded_at),
        )
        .order_by(change.c.id.desc())
        .limit(MOST)
    ).mappings().all()  # fmt: skip
    told = [as_event(row) for row in rows]
    secret = kind in CONFIDENTIAL and not _tells(reading)
    unseen = _unseen(reading, told)
    for one in told:
        yield CellGround(
            rests=rests,
            about=one.field or one.kind,
            change=one.id,
            at=one.recorded_at,
            because=one.cause.value,
            **({} if secret else _open(one, unseen)),
        )


def _open(told: Event, unseen: "Unseen") -> dict[str, Any]:
    """What of a change only those may read who may read all of it."""
    return {
        "said": unseen.masked({"old": told.old, "new": told.new}, field=told.field),
        "source": told.source,
        "harvest": told.harvest,
        "harvest_url": told.harvest_url,
        "evidence": told.evidence,
        "by": None if told.actor is None else told.actor.id,
    }


class Unseen(NamedTuple):
    """What the caller may not see: entries, by their ids, and namespaces but these; None: none."""

    entries: frozenset[str]
    namespaces: frozenset[str] | None

    def masked(self, value: Any, *, field: str | None) -> Any:
        """A value of a field without it."""
        if isinstance(value, Mapping):
            below = {"old": field, "new": field}
            return {
                self.masked(name, field=None): self.masked(one, field=below.get(name, name))
                for name, one in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.masked(one, field=field) for one in value]
        if not isinstance(value, str):
            return value
        apart = self.namespaces is not None and value not in self.namespaces
        return WITHHELD if value in self.entries or (field == NAMESPACE and apart) else value


def _unseen(reading: Reading, told: Sequence[Event]) -> Unseen:
    """What of these changes the caller may not see."""
    within = reading.caller.namespaces
    ids = {UUID(one) for event in told for one in _ids([event.old, event.new])}
    if within is None or not ids:
        return Unseen(frozenset(), within)
    then = reading.at(ENTRY)
    seen = sa.exists().where(then.c.id == ENTRY.c.id, reading.view.sees(then))
    query = sa.select(ENTRY.c.id).where(among(ENTRY.c.id, ids), ~seen)
    return Unseen(frozenset(str(one) for one in reading.session.execute(query).scalars()), within)


def _ids(value: Any) -> Iterator[str]:
    """Every text in a JSON value that may be an entry's id."""
    if isinstance(value, str):
        yield from [value] if ID.fullmatch(value) else []
    elif isinstance(value, Mapping):
        yield from _ids([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _ids(one)


def _tells(reading: Reading) -> bool:
    """May the caller read the notes of the model that the reading is of?"""
    models = reading.models
    return bool(reading.session.execute(sa.select(sa.func.bool_or(models.c.told))).scalar_one())


def _rules(reading: Reading, rests: str) -> Iterator[CellGround]:
    found = rules_then(reading, POLICY)
    if found is not None:
        yield CellGround(rests=rests, about=f"{found.id}@{found.version}", observation=found.digest)
