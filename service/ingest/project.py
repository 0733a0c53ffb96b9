"""Turns folded entries into the rows they should be, and writes those that differ."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Kind, number_key
from service.catalog import write
from service.catalog.desired import Desired
from service.catalog.tables import Entry
from service.catalog.typed import (
    PARENTS_FIRST,
    link_facts,
    reference_columns,
    value_facts,
)
from service.ingest import names
from service.ingest.fold import Reconciled, fold_entries, statements_of
from service.ingest.follow import contested, referring
from service.ingest.linked import grants, links_to
from service.ingest.matching import Matches, find_matches, seeking
from service.ingest.names import PARENT, Parent
from service.ingest.sources import SourceFacts
from service.ingest.targets import Targets, find_targets
from service.ledger.change import Cause
from service.reconcile import Folded
from service.recordset import among
from service.risk.touch import touch_entries

entry = Entry.__table__
Wanted = dict[UUID, Desired]
STEP: Final = 2_000  # entries that one statement folds
ROUNDS: Final = 4  # builds, versions, deployments: nobody seeks what a deployment offers


class Read(NamedTuple):
    """An entry as it was folded, with what its values name and what belongs to it."""

    reconciled: Reconciled
    targets: Targets
    matches: Matches


def project(
    session: Session,
    entries: Iterable[UUID],
    *,
    sources: Mapping[int, SourceFacts],
    cause: Cause,
    repair: bool = False,
) -> write.Outcome:
    """Fold the entries and write what differs from the catalog, with its ledger rows.

    Who takes name or namespace from an entry whose own change is folded too; then who seeks what
    changed versions and builds offer: first a version its build, then a deployment both. A repair
    has a ledger row for every difference, also in how a field was decided.
    """
    outcome = write.Outcome(repair=repair)
    waiting = set(entries)
    for _ in range(ROUNDS):
        chosen = _wanted(session, waiting, sources=sources)
        written = write.write_entries(session, chosen, cause=cause, repair=repair)
        outcome.add(written)
        rewrote = [one for one in chosen if written.rewrote(one.standing.id)]
        touch_entries(session, (one.standing.id for one in rewrote), cause=cause)
        waiting = seeking(session, rewrote, dropped=written.dropped)
        if not waiting:
            break
    return outcome


def _wanted(
    session: Session, entries: Iterable[UUID], *, sources: Mapping[int, SourceFacts]
) -> list[Desired]:
    """What these entries should be, and those that take something over from them."""
    desired: Wanted = {}
    parents: dict[UUID, Parent] = {}
    waiting = set(entries)
    while waiting:
        folded = _fold(session, waiting)
        found = _desired(session, folded, parents=parents, sources=sources, desired=desired)
        parents |= {one.standing.id: _as_parent(one) for one in found.values() if one.row}
        waiting = _followers(session, found, desired=desired)
        desired |= found
    return [desired[one] for one in sorted(desired)]


def _fold(session: Session, entries: Iterable[UUID]) -> list[Read]:
    """Fold entries, so many at a time that each statement stays short."""
    ids, found = sorted(entries), list[Read]()
    for start in range(0, len(ids), STEP):
        folded = fold_entries(session, ids[start : start + STEP])
        targets = find_targets(session, folded)
        matches = find_matches(session, folded, targets=targets)
        found += [Read(one, targets, matches) for one in folded]
    return found


def _desired(
    session: Session,
    folded: Iterable[Read],
    *,
    parents: Mapping[UUID, Parent],
    sources: Mapping[int, SourceFacts],
    desired: Wanted,
) -> Wanted:
    """What each entry should be; parents first, since children take over the names they keep."""
    found: Wanted = {}
    lending = dict(parents)
    of_kind: dict[str, list[Read]] = {}
    for one in folded:
        of_kind.setdefault(one.reconciled.standing.kind, []).append(one)
    for kind in PARENTS_FIRST:
        wanted = {
            one.reconciled.standing.id: desired_entry(one, parents=lending, sources=sources)
            for one in of_kind.get(kind.value, ())
        }
        _keep_contested(session, wanted, desired=desired)
        lending |= {entry_id: _as_parent(one) for entry_id, one in wanted.items()}
        found |= wanted
    return found


def desired_entry(
    read: Read, *, parents: Mapping[UUID, Parent], sources: Mapping[int, SourceFacts]
) -> Desired:
    """Everything that the catalog should say about one entry."""
    reconciled, targets = read.reconciled, read.targets
    standing = reconciled.standing
    kind = Kind(standing.kind)
    if standing.merged_into is not None:
        return Desired(standing, kind, gone_since=standing.gone_since)
    fields = reconciled.fields
    row = _row(reconciled, kind, targets=targets) | _decided(
        reconciled, kind, targets=targets, sources=sources
    )
    row |= _matched(read, kind, conflicts=row["conflicts"])
    links = tuple(
        link
        for name in sorted(link_facts(kind) & fields.keys())
        for link in links_to(name, fields[name].value, targets=targets)
    )
    above = row[f"{PARENT[kind]}_id"] if kind in PARENT else None
    known = targets.parent(above) or read.matches.parents.get(above) if above else None
    parent = parents.get(above, known) if above else None
    key = names.natural_key(reconciled, parent, sources=sources)
    namespace = names.namespace(reconciled, key, parent=parent)
    return Desired(
        standing,
        kind,
        row=row,
        links=links,
        natural_key=key,
        namespace=namespace,
        stub=not reconciled.said,
        by_time=_by_time(reconciled, kind, targets=targets),
        gone_since=reconciled.gone_since,
        grants=grants(reconciled, namespace, row=row, links=links),
    )


def _as_parent(one: Desired) -> Parent:
    standing = one.standing
    return Parent(standing.id, one.namespace, one.natural_key, standing.numbered_by)


def _followers(session: Session, found: Wanted, *, desired: Wanted) -> set[UUID]:
    """Who takes name or namespace from entries where these change; who wants a name set free."""
    renamed = [
        one
        for one in found.values()
        if one.row
        and one.kind in {Kind.MODEL, Kind.VERSION}
        and _names(one) != _names(one.standing)
        and (one.standing.id not in desired or _names(one) != _names(desired[one.standing.id]))
    ]
    below = referring(session, (one.standing.id for one in renamed))
    freed = any(one.kind is Kind.MODEL and one.standing.natural_key for one in renamed)
    waiting = contested(session) - found.keys() - desired.keys() if freed else set()
    return below | waiting


def _names(one: Any) -> tuple[Any, Any]:
    return one.namespace, one.natural_key


def _keep_contested(session: Session, found: Wanted, *, desired: Mapping[UUID, Desired]) -> None:
    """Another entry bears the wanted name: the first one keeps it, and the contest is shown."""
    wanting = [
        one
        for one in found.values()
        if one.row
        and one.natural_key is not None
        and one.natural_key != one.standing.natural_key
        and one.standing.replaced_by is None
    ]
    if not wanting:
        return
    keys = {one.natural_key for one in wanting}
    rows = session.execute(
        sa.select(entry.c.kind, entry.c.natural_key, entry.c.id).where(
            among(entry.c.natural_key, keys),
            entry.c.replaced_by.is_(None),
            entry.c.merged_into.is_(None),
        )
    )
    plans = {**desired, **found}
    borne = {
        (kind, key): bearer
        for kind, key, bearer in rows
        if bearer not in plans or plans[bearer].natural_key == key
    }
    for one in sorted(wanting, key=lambda one: one.standing.id):
        first = borne.setdefault((one.kind.value, one.natural_key), one.standing.id)
        if first != one.standing.id:
            found[one.standing.id] = _contested(one)


def _contested(one: Desired) -> Desired:
    """It keeps the name that it has, or none."""
    field = "number" if one.kind is Kind.VERSION else "name"
    conflicts = sorted({*one.row["conflicts"], field})
    kept = one.standing.natural_key
    namespace = kept.split("/", 1)[0] if kept else one.namespace
    row = {**one.row, "conflicts": conflicts}
    return replace(one, natural_key=kept, namespace=namespace, row=row)


def _row(reconciled: Reconciled, kind: Kind, *, targets: Targets) -> dict[str, Any]:
    """The typed columns; a field of which only a choice is known has no value."""
    fields = reconciled.fields
    row: dict[str, Any] = dict.fromkeys(value_facts(kind))
    for name in row.keys() & fields.keys():
        row[name] = None if fields[name].candidates else fields[name].value
    for name, column in reference_columns(kind).items():
        stated = fields[name].value if name in fields else None
        row[column] = None
        if isinstance(stated, Mapping):
            row[column] = targets.named(stated, when=fields[name].ranked[0].confirmed)
    if kind is Kind.VERSION:
        row["number_key"] = number_key(row["number"]) if row["number"] else None
    return row


def _matched(read: Read, kind: Kind, *, conflicts: Sequence[str]) -> dict[str, Any]:
    """The references that were concluded, and by which keys; of all others nothing."""
    entry_id, matches = read.reconciled.standing.id, read.matches
    found = matches.of.get(entry_id, {})
    disputed = {*conflicts, *matches.disputed(entry_id)}
    targets = {f"{fact}_id": one.target for fact, one in found.items()}
    return {"conflicts": sorted(disputed), **targets, **matches.columns(kind, entry_id)}


def _by_time(reconciled: Reconciled, kind: Kind, *, targets: Targets) -> bool:
    """Could a later confirmation change whom a reference means?"""
    fields = reconciled.fields
    referred = (fields[name] for name in reference_columns(kind).keys() & fields.keys())
    return any(
        targets.earlier(one.value, when=one.ranked[0].confirmed) is not None
        for one in referred
        if isinstance(one.value, Mapping)
    )


def _decided(
    reconciled: Reconciled, kind: Kind, *, targets: Targets, sources: Mapping[int, SourceFacts]
) -> dict[str, Any]:
    """How each field came about: `provenance` points into `statements`, strongest first."""
    said, pinned = reconciled.said, reconciled.pinned  # as `statements_of` lists them
    facts = [*(one.facts for one in said), *(one.facts for one in pinned)]
    positions = {id(one): index for index, one in enumerate(facts)}
    fields = reconciled.fields
    references = reference_columns(kind)
    return {
        "statements": statements_of(reconciled, sources),
        "provenance": {
            name: [positions[id(s.facts)] for s in one.ranked] for name, one in fields.items()
        },
        "narrowed": {name: list(one.candidates) for name, one in fields.items() if one.candidates},
        "conflicts": sorted(
            name
            for name, one in fields.items()
            if one.conflict and not (name in references and _mean_one(name, one, targets=targets))
        ),
    }


def _mean_one(name: str, field: Folded, *, targets: Targets) -> bool:
    """Do all who state a reference mean one entry, each by its own identifier for it?"""
    stated = [value for said in field.ranked if isinstance(value := said.facts[name], Mapping)]
    whole = len(stated) == len(field.ranked) and all("scheme" in value for value in stated)
    return whole and len({targets.named(value) for value in stated}) == 1
