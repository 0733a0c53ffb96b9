"""Merges two entries because a person says that they are one thing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.harvest import PlannedChange
from schemas.identifiers import Kind
from schemas.identity import IdentityChange
from service.catalog.tables import Entry
from service.db import Moved
from service.errors import Conflict
from service.ingest.called import Called, Decider, check_may, names_of
from service.ingest.decisions import Decided, store_decisions
from service.ingest.follow import referring
from service.ingest.groups import Group, read_groups
from service.ingest.identity import homes_of, merge_entries, move_subjects
from service.ingest.lock import lock_entries
from service.ingest.numbering import renumber
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ingest.tables import IdentityDecision
from service.ingest.twins import twins_below
from service.ledger.change import Change
from service.recordset import among
from service.risk.touch import touch_entries

SHOWN = 1_000  # changes in an answer
COMPARED = ("merged_into", "replaced_by", "natural_key", "numbered_by")

entry, decision = Entry.__table__, IdentityDecision.__table__


class SameEntry(Conflict):
    """Both names mean one and the same entry.

    Name two different ones: by id, by an identifier as `scheme:value`, a model also by its name.
    """


class AlreadyMerged(Conflict):
    """The two are merged already, by themselves or through others.

    `:unmerge` takes it back; the entry's history says who merged them.
    """


class EntryReplaced(Conflict):
    """One of the two was replaced by another generation, or began in place of the other.

    What has the same name and another creation time is another thing: no review may cover what it
    never saw. Merge the generation that stands now, if it is the same as something else.
    """


class Separated(Conflict):
    """A person decided that the two are not one thing.

    Whoever knows better sends `"lift": true`; the reason stands in the ledger.
    """


class Pair(NamedTuple):
    """Who stays, who joins."""

    stays: UUID
    joins: UUID


class Apart(NamedTuple):
    """A decision that keeps two entries apart."""

    id: int
    op: str
    pair: frozenset[UUID]


def merge(
    session: Session, both: tuple[Called, Called], *, by: Decider, lifting: bool
) -> IdentityChange:
    """Merge two entries, and their children that are one now. Raises `Moved` when they change."""
    _check(*both, by=by)
    stays, joins = sorted(both, key=lambda called: called.age)
    models = dict.fromkeys((joins.root, stays.root), stays.root)
    touched = models.keys() | _flat(twins_below(session, models))
    touched |= referring(session, touched)
    locked = _lock(session, touched, called=both)
    twins = twins_below(session, models)  # again: nobody else changes them now
    if missing := _flat(twins) - locked:
        raise Moved(missing)
    groups = read_groups(session, {stays.root, joins.root})
    apart = read_apart(session, groups, twins=twins)
    above = frozenset({stays.root, joins.root})
    proposed = [found for found in apart if found.op == "proposed" and found.pair == above]
    between = [found for found in apart if found.op != "proposed" and found.pair == above]
    if any(found.op == "replaced" for found in between):
        raise EntryReplaced
    if between and not lifting:
        raise Separated
    first = Pair(stays.root, joins.root)
    below, ended = _pairs(session, twins, apart=apart, lifting=lifting)
    pairs = [first, *below]
    names = names_of(session, touched)
    members = {**groups[stays.root].members, **groups[joins.root].members}
    model = Group(stays.root, members, {}) if stays.kind is Kind.MODEL else None
    changes = _write(session, pairs, model=model, by=by, lifted=[*proposed, *between, *ended])
    outcome = project(session, touched, sources=list_sources(session), cause=by.cause)
    touch_entries(session, touched, cause=by.cause)
    names |= names_of(session, {stays.root})  # it may be called by the other's name now
    return as_change(first, names=names, also=len(below), changes=[*changes, *outcome.changes])


def as_change(
    pair: Pair, *, names: Mapping[UUID, str], also: int, changes: list[Change]
) -> IdentityChange:
    """What was decided and what came of it, as it is answered."""
    shown = [
        PlannedChange(
            entry=names.get(change.entry, str(change.entry)) if change.entry else None,
            kind=change.kind,
            field=change.field or change.op,
            old=change.old,
            new=change.new,
        )
        for change in changes[:SHOWN]
    ]
    return IdentityChange(
        stays=pair.stays, other=pair.joins, stays_name=names.get(pair.stays, str(pair.stays)),
        other_name=names.get(pair.joins, str(pair.joins)), also=also, dry_run=False,
        total=len(changes), changes=tuple(shown),
    )  # fmt: skip


def _check(one: Called, two: Called, *, by: Decider) -> None:
    check_may(by.caller, one.namespace, two.namespace)
    if one.own == two.own:
        raise SameEntry
    if one.root == two.root:
        raise AlreadyMerged
    if one.replaced_by is not None or two.replaced_by is not None:
        raise EntryReplaced


def read_apart(
    session: Session, groups: Mapping[UUID, Group], *, twins: Iterable[Iterable[UUID]] = ()
) -> list[Apart]:
    """What keeps these groups, or members of twins, apart; by the entries that stand for them."""
    members = {one for group in groups.values() for one in group.members}
    children = _flat(twins)
    one, two = entry.alias("one"), entry.alias("two")
    roots = [sa.func.coalesce(side.c.merged_into, side.c.id) for side in (one, two)]
    wanted = members | children
    rows = session.execute(
        sa.select(decision.c.id, decision.c.op, *roots)
        .join(one, one.c.id == decision.c.entry_id)
        .join(two, two.c.id == decision.c.other_id)
        .where(decision.c.op.in_(("separated", "rejected", "replaced", "proposed")))
        .where(decision.c.lifted_at.is_(None))
        .where(sa.or_(among(decision.c.entry_id, wanted), among(decision.c.other_id, wanted)))
    )
    return [Apart(number, op, frozenset(pair)) for number, op, *pair in rows]


def _pairs(
    session: Session, twins: list[list[UUID]], *, apart: list[Apart], lifting: bool
) -> tuple[list[Pair], list[Apart]]:
    """The children that join their oldest twin, but for those that are kept apart."""
    groups = read_groups(session, _flat(twins))
    kept = {found.pair: found for found in apart if found.op != "proposed"}
    pairs, ended = list[Pair](), list[Apart]()
    for group in twins:
        own, *others = sorted(group, key=lambda one: (groups[one].members[one].first_seen_at, one))
        for other in others:
            between = kept.get(frozenset({own, other}))
            if between is not None and (between.op == "replaced" or not lifting):
                continue
            ended += [between] if between else []
            pairs.append(Pair(own, other))
    return pairs, ended


def _flat(twins: Iterable[Iterable[UUID]]) -> set[UUID]:
    return {one for group in twins for one in group}


def _lock(session: Session, entries: Iterable[UUID], *, called: Iterable[Called]) -> set[UUID]:
    """In the one order. Raises `Moved` when one of the two is not what it was."""
    read = ("id", *COMPARED)
    now = {row.id: row for row in lock_entries(session, entries, read=read)}
    for was in called:
        row = now.get(was.root)
        if row is None or row.merged_into or row.replaced_by != was.replaced_by:
            raise Moved
        if (row.natural_key, row.numbered_by) != (was.natural_key, was.numbered_by):
            raise Moved
    return set(now)


def _write(
    session: Session,
    pairs: Sequence[Pair],
    *,
    model: Group | None,
    by: Decider,
    lifted: Iterable[Apart],
) -> list[Change]:
    """The decisions with their ledger rows, the subjects' moves, and who points to whom."""
    homes = homes_of(session, (pair.joins for pair in pairs))
    named = _members(session, pairs)
    decided = [_decided(pair, named=named, homes=homes) for pair in pairs]
    changes = [
        Change("merge", one.kind, by.caller.actor, entry=one.other, new=str(one.entry),
               reason=by.reason, request=by.request)
        for one in decided
    ]  # fmt: skip
    goes = {pair.joins: pair.stays for pair in pairs}
    move_subjects(session, {subject: (goes[at], True) for subject, at in homes.items()})
    merge_entries(session, goes)
    if model is not None:
        sources = list_sources(session)
        numbered = renumber(session, {model.root: model.members}, sources=sources, by=by)
        decided += [one for one, _ in numbered]
        changes += [change for _, change in numbered]
    store_decisions(session, decided, changes=changes, reason=by.reason)
    lift(session, (found.id for found in lifted))
    return changes


def _decided(
    pair: Pair, *, named: Mapping[UUID, sa.Row[Any]], homes: Mapping[int, UUID]
) -> Decided:
    left = {str(subject): str(at) for subject, at in sorted(homes.items()) if at == pair.joins}
    keys = {"stays": named[pair.stays].natural_key, "joins": named[pair.joins].natural_key}
    kind = named[pair.stays].kind
    return Decided("merge", kind, pair.stays, pair.joins, left, {"named": keys})


def _members(session: Session, pairs: Iterable[Pair]) -> dict[UUID, sa.Row[Any]]:
    wanted = {one for pair in pairs for one in pair}
    rows = session.execute(
        sa.select(*entry.c["id", "kind", "natural_key"]).where(among(entry.c.id, wanted))
    )
    return {row.id: row for row in rows}


def lift(session: Session, decisions: Iterable[int]) -> None:
    """End decisions; they stay to be read."""
    session.execute(
        sa.update(decision)
        .where(among(decision.c.id, decisions), decision.c.lifted_at.is_(None))
        .values(lifted_at=sa.func.now())
    )
