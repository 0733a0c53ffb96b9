"""Takes a merge back: both entries are what they were, and stay apart."""

from collections.abc import Mapping
from itertools import product
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.identifiers import Kind
from schemas.identity import IdentityChange
from service.catalog.tables import Entry, SubjectRow
from service.db import Moved
from service.errors import Conflict
from service.ingest.called import Called, Decider, check_may, names_of
from service.ingest.decisions import Decided, store_decisions
from service.ingest.follow import referring
from service.ingest.groups import Group, read_groups
from service.ingest.identity import insert_entries
from service.ingest.lock import lock_entries
from service.ingest.merge import as_change, lift
from service.ingest.numbering import renumber
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ingest.split import Split, plan_split
from service.ingest.tables import IdentityDecision
from service.ledger.change import Change
from service.recordset import among, recordset
from service.risk.touch import touch_entries

entry, subject, decision = (table.__table__ for table in (Entry, SubjectRow, IdentityDecision))


class NothingMerged(Conflict):
    """Nothing is merged into this entry.

    Its history says what was merged and when it was taken back.
    """


class WhichOne(Conflict):
    """Several entries are merged into this one.

    Name the one that leaves as `other`: by its id, or by an identifier that was its own. `detail`
    lists some.
    """


class NotMergedHere(Conflict):
    """The other entry is not merged into this one.

    It may be the entry that all the others joined: un-merge those from it instead.
    """


def unmerge(session: Session, one: Called, *, other: Called | None, by: Decider) -> IdentityChange:
    """Return subjects home and keep the two apart. Raises `Moved` when they change meanwhile."""
    check_may(by.caller, one.namespace)
    group = read_groups(session, {one.root}).get(one.root)
    if group is None:
        raise Moved
    leaver = _leaver(session, group, one=one, other=other)
    below = referring(session, {one.root})
    members = {one for group in read_groups(session, below).values() for one in group.members}
    locked = {row.id for row in lock_entries(session, {*group.members, *below, *members})}
    split = plan_split(session, one.root, leaver=leaver)
    if missing := split.stands.keys() - locked:
        raise Moved(missing)
    touched = {*split.stands, *below}
    names = names_of(session, touched)
    changes, begun = _write(session, split, by=by)
    touched |= begun | referring(session, split.children)
    outcome = project(session, touched, sources=list_sources(session), cause=by.cause)
    touch_entries(session, touched, cause=by.cause)
    session.execute(sa.select(sa.func.refresh_cards(sorted(touched))))  # by names of before
    also = sum(len(parted.undone) for _, parted in split.children.values())
    return as_change(split.pair, names=names, also=also, changes=[*changes, *outcome.changes])


def _leaver(session: Session, group: Group, *, one: Called, other: Called | None) -> UUID:
    if not group.joined:
        raise NothingMerged
    if other is not None:
        if other.own not in group.joined:
            raise NotMergedHere
        return other.own
    if one.own in group.joined:  # named itself
        return one.own
    if len(group.joined) > 1:
        names = names_of(session, set(group.joined))
        raise WhichOne(detail=f"They are {', '.join(sorted(names.values())[:10])}.")
    return next(iter(group.joined))


def _write(session: Session, split: Split, *, by: Decider) -> tuple[list[Change], set[UUID]]:
    joined = split.group.joined[split.pair.joins]
    undone = {joined.decision}.union(*(parted.undone for _, parted in split.children.values()))
    lift(session, undone)
    begun = _begin(session, split)
    _name(session, split)
    _stand(session, split.stands)
    _unname(session, split)
    _send_home(session, split, begun=begun)
    decided, changes = _decided(split, by=by)
    if split.group.members[split.pair.stays].kind == Kind.MODEL:
        parts: dict[UUID, list[UUID]] = {}
        for one in split.group.members:
            parts.setdefault(split.stands[one], []).append(one)
        numbered = renumber(session, parts, sources=list_sources(session), by=by)
        decided += [one for one, _ in numbered]
        changes += [change for _, change in numbered]
    store_decisions(session, decided, changes=changes, reason=by.reason)
    return changes, set(begun.values())


def _decided(split: Split, *, by: Decider) -> tuple[list[Decided], list[Change]]:
    """Each of one side is kept apart from each of the other; and who belongs together after all."""
    kind = split.group.members[split.pair.stays].kind
    staying = split.group.members.keys() - split.leaving
    apart = [(kind, one, other) for one, other in product(sorted(staying), sorted(split.leaving))]
    rejoined = []
    for group, parted in split.children.values():
        below = group.members[group.root].kind
        apart += [(below, one, other) for one, other in parted.apart]
        rejoined += [(below, stays, joins) for stays, joins in parted.rejoined]
    decided = [Decided("separated", kind, one, other) for kind, one, other in apart]
    decided += [Decided("merge", kind, stays, joins) for kind, stays, joins in rejoined]
    ops = {"separated": "unmerge", "merge": "merge"}
    changes = [
        Change(ops[one.op], one.kind, by.caller.actor, entry=one.other, new=str(one.entry),
               reason=by.reason, request=by.request)
        for one in decided
    ]  # fmt: skip
    return decided, changes


def _begin(session: Session, split: Split) -> dict[UUID, UUID]:
    """New entries for children that came while their models were one; by the entry they leave."""
    begun = {
        root: uuid7()
        for root, (_, parted) in split.children.items()
        if None in parted.moved.values()
    }
    rows = [
        {"id": new, "kind": group.members[root].kind, "namespace": group.members[root].namespace,
         "natural_key": None, "numbered_by": None, "stub": False}
        for root, new in begun.items() for group, _ in [split.children[root]]
    ]  # fmt: skip
    if rows:
        insert_entries(session, rows)
    return begun


def _name(session: Session, split: Split) -> None:
    """Whoever stays is called as before its first merge, and its children with it.

    What its facts say of its name since comes when it is folded again.
    """
    stays = split.group.members[split.pair.stays]
    named: str | None = session.execute(
        sa.select(decision.c.evidence["named"]["stays"].astext)
        .where(decision.c.op == "merge", decision.c.entry_id == stays.id)
        .order_by(decision.c.id)
        .limit(1)
    ).scalar()
    if stays.natural_key is None or stays.natural_key == named:
        return
    called = sa.literal(named, sa.Text)
    session.execute(
        sa.update(entry)
        .where(entry.c.id == stays.id)
        .values(natural_key=sa.case((~_is_borne(stays.kind, called), called)))
    )
    if stays.kind != Kind.MODEL or named is None:
        return
    staying = [split.stands[root] for root in split.children if split.stands[root] == root]
    again = sa.literal(named) + sa.func.substr(entry.c.natural_key, len(stays.natural_key) + 1)
    session.execute(
        sa.update(entry)
        .where(among(entry.c.id, staying), entry.c.natural_key.startswith(f"{stays.natural_key}/"))
        .where(~_is_borne(entry.c.kind, again))
        .values(natural_key=again)
    )


def _unname(session: Session, split: Split) -> None:
    """Below a model that has no name of its own, versions have none either."""
    unnamed = session.execute(
        sa.select(entry.c.id).where(
            among(entry.c.id, split.pair), entry.c.kind == Kind.MODEL, entry.c.natural_key.is_(None)
        )
    )
    children = {
        one for model in unnamed.scalars() for one in split.below[model == split.pair.joins]
    }
    session.execute(
        sa.update(entry)
        .where(among(entry.c.id, children), entry.c.kind == Kind.VERSION)
        .where(entry.c.natural_key.is_not(None))
        .values(natural_key=None)
    )


def _is_borne(kind: Any, key: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    bearer = entry.alias("bearer")
    return sa.exists().where(
        bearer.c.kind == kind,
        bearer.c.natural_key == key,
        bearer.c.merged_into.is_(None),
        bearer.c.replaced_by.is_(None),
    )


def _stand(session: Session, stands: Mapping[UUID, UUID]) -> None:
    """Who stands for whom; whoever stands again gives up a name that another one bears now."""
    rows = [
        {"id": one, "root": None if root == one else root} for one, root in sorted(stands.items())
    ]
    given = recordset(rows, id=sa.Uuid(), root=sa.Uuid())
    again = sa.and_(given.c.root.is_(None), _is_borne(entry.c.kind, entry.c.natural_key))
    session.execute(
        sa.update(entry)
        .where(entry.c.id == given.c.id, entry.c.merged_into.is_distinct_from(given.c.root))
        .values(
            merged_into=given.c.root,
            natural_key=sa.case((again, None), else_=entry.c.natural_key),
        )
    )


def _send_home(session: Session, split: Split, *, begun: Mapping[UUID, UUID]) -> None:
    """Each subject to the entry that stands for its home."""
    moved = [
        {"id": subject, "home": to or begun[root]}
        for root, (_, parted) in split.children.items()
        for subject, to in parted.moved.items()
    ]
    if moved:
        given = recordset(moved, id=sa.BigInteger(), home=sa.Uuid())
        session.execute(
            sa.update(subject).where(subject.c.id == given.c.id).values(home_id=given.c.home)
        )
    at = {**split.stands, **{new: new for new in begun.values()}}
    rows = [{"home": one, "root": root} for one, root in sorted(at.items())]
    given = recordset(rows, home=sa.Uuid(), root=sa.Uuid())
    here = sa.or_(
        subject.c.home_id == given.c.home,
        sa.and_(subject.c.home_id.is_(None), subject.c.entry_id == given.c.home),
    )
    session.execute(
        sa.update(subject)
        .where(here)
        .values(
            entry_id=given.c.root,
            home_id=sa.case((given.c.home == given.c.root, None), else_=given.c.home),
        )
    )
