"""Writes entries that differ from what they should be: typed rows, links, grants, ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.catalog.tables import Entry, EntryNamespace, Link
from service.catalog.typed import PARENTS_FIRST, TYPED, link_facts
from service.db import Timestamp
from service.ledger.change import Actor, Change, record_changes
from service.recordset import recordset

PARENT = ("namespace", "natural_key", "stub", "by_time", "gone_since")
DECIDED = ("statements", "provenance", "narrowed", "conflicts")  # how, not what: no ledger row

entry_table, link_table, grant_table = (t.__table__ for t in (Entry, Link, EntryNamespace))


class Standing(Protocol):
    """The parent row of an entry as it stands."""

    @property
    def id(self) -> UUID: ...
    @property
    def namespace(self) -> str | None: ...
    @property
    def natural_key(self) -> str | None: ...
    @property
    def stub(self) -> bool: ...
    @property
    def by_time(self) -> bool: ...
    @property
    def gone_since(self) -> datetime | None: ...


class Because(Protocol):
    """Why entries change."""

    @property
    def actor(self) -> Actor: ...
    @property
    def source(self) -> str | None: ...
    @property
    def harvest(self) -> UUID | None: ...
    @property
    def request(self) -> str | None: ...


class LinkTo(NamedTuple):
    """One link that an entry should have."""

    field: str
    key: str
    target_id: UUID
    role: str | None
    digest: str | None
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Desired:
    """Everything that the catalog should say about one entry; no row: it was merged away."""

    standing: Standing
    kind: Kind
    row: Mapping[str, Any] | None = None
    links: tuple[LinkTo, ...] = ()
    natural_key: str | None = None
    namespace: str | None = None
    stub: bool = False
    by_time: bool = False
    gone_since: datetime | None = None
    grants: frozenset[tuple[UUID, str]] = frozenset()


@dataclass
class Outcome:
    """What writing did, by entry."""

    created: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    retired: set[UUID] = field(default_factory=set)
    conflicts: int = 0
    repair: bool = False
    changes: list[Change] = field(default_factory=list)


def write_entries(
    session: Session, desired: Sequence[Desired], *, cause: Because, repair: bool = False
) -> Outcome:
    """Compare with the catalog, write what differs, one ledger row a changed field."""
    outcome = Outcome(repair=repair)
    before = _current_links(session, desired)
    differing: list[Desired] = []
    for kind in PARENTS_FIRST:
        of_kind = [one for one in desired if one.kind is kind and one.row is not None]
        if of_kind:
            differing += _write_typed(session, kind, of_kind, before=before, outcome=outcome,
                                      cause=cause)  # fmt: skip
    _write_links(session, desired, before)
    _write_grants(session, desired)
    _write_parents(session, desired, outcome, cause=cause)
    record_changes(session, outcome.changes)
    return outcome


def _write_typed(  # noqa: PLR0913  # one place that compares
    session: Session,
    kind: Kind,
    desired: Sequence[Desired],
    *,
    before: Mapping[UUID, Mapping[tuple[str, str], LinkTo]],
    outcome: Outcome,
    cause: Because,
) -> list[Desired]:
    table = TYPED[kind]
    found = session.execute(
        sa.select(table).where(table.c.id.in_([one.standing.id for one in desired]))
    )
    current = {row.id: _as_json(row._mapping) for row in found}
    differing = []
    for one in desired:
        old = current.get(one.standing.id)
        changes = _changes(one, old, before.get(one.standing.id, {}), cause=cause)
        if outcome.repair and old is not None:
            changes += _repairs(one, old, cause=cause)
        if changes:
            known = outcome.created if old is None else outcome.changed
            known.add(one.standing.id)
            outcome.conflicts += len(set(one.row["conflicts"]) - set((old or {}).get("conflicts", ())))
        outcome.changes += changes
        if old is None or any(old[name] != _plain(value) for name, value in one.row.items()):
            differing.append(one)
    if differing:
        _upsert(session, table, differing)
    return differing


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return str(value) if isinstance(value, UUID) else value


def _changes(
    one: Desired,
    old: Mapping[str, Any] | None,
    links: Mapping[tuple[str, str], LinkTo],
    *,
    cause: Because,
) -> list[Change]:
    """A created entry is one row with all first values; then one row a changed field."""
    new = {name: _plain(value) for name, value in (one.row or {}).items() if name not in DECIDED}
    narrowed = (one.row or {})["narrowed"]
    new |= {name: {"one_of": candidates} for name, candidates in narrowed.items()}
    new.pop("number_key", None)
    for name in link_facts(one.kind):
        new[name] = sorted((dict(link.attributes) for link in one.links if link.field == name), key=str)
    stated = {name: value for name, value in new.items() if value not in (None, [])}
    if old is None or (one.standing.stub and not one.stub):
        op = "create" if old is None else "describe"
        return [_change(one, op, cause=cause, new=stated)]
    was = {name: old.get(name) for name in new}
    was |= {name: {"one_of": candidates} for name, candidates in old["narrowed"].items()}
    for name in link_facts(one.kind):
        was[name] = sorted(
            (dict(link.attributes) for (field, _), link in links.items() if field == name), key=str
        )
    return [
        _change(one, "update", cause=cause, field=name, old=was[name], new=value)
        for name, value in sorted(new.items())
        if was[name] != value
    ]


def _repairs(one: Desired, old: Mapping[str, Any], *, cause: Because) -> list[Change]:
    """Differences in how fields were decided: only damage makes them."""
    new = _as_json(one.row or {})
    apart = [
        (f"{name}/{field}", old[name].get(field), new[name].get(field))
        for name in ("provenance", "narrowed")
        for field in sorted(old[name].keys() | new[name].keys())
        if old[name].get(field) != new[name].get(field)
    ]
    apart += [
        (name, old[name], new[name])
        for name in ("statements", "conflicts", "number_key")
        if name in new and old[name] != new[name]
    ]
    return [
        _change(one, "repair", cause=cause, field=name, old=was, new=now) for name, was, now in apart
    ]


def _change(
    one: Desired, op: str, *, cause: Because, field: str | None = None, old: Any = None, new: Any = None
) -> Change:
    return Change(
        op, one.kind, cause.actor, entry=one.standing.id, field=field, old=old, new=new,
        source=cause.source, harvest=cause.harvest, request=cause.request,
    )  # fmt: skip


def _upsert(session: Session, table: sa.Table, differing: Iterable[Desired]) -> None:
    columns = {c.name: c.type for c in table.columns if c.name != "valid_from"}
    rows = [{"id": one.standing.id, **(one.row or {})} for one in differing]
    given = recordset([_as_json(row) for row in rows], **columns)
    upsert = insert(table).from_select(list(columns), sa.select(*(given.c[c] for c in columns)))
    session.execute(
        upsert.on_conflict_do_update(
            index_elements=["id"], set_={c: upsert.excluded[c] for c in columns if c != "id"}
        )
    )


def _current_links(
    session: Session, desired: Sequence[Desired]
) -> dict[UUID, dict[tuple[str, str], LinkTo]]:
    ids = [one.standing.id for one in desired if link_facts(one.kind)]
    if not ids:
        return {}
    columns = (link_table.c[name] for name in ("entry_id", *LinkTo._fields))
    before: dict[UUID, dict[tuple[str, str], LinkTo]] = {}
    for row in session.execute(sa.select(*columns).where(link_table.c.entry_id.in_(ids))):
        entry, *rest = row
        link = LinkTo(*rest)
        before.setdefault(entry, {})[link.field, link.key] = link
    return before


def _write_links(
    session: Session,
    desired: Sequence[Desired],
    before: Mapping[UUID, Mapping[tuple[str, str], LinkTo]],
) -> None:
    dropped, added = [], []
    for one in desired:
        wanted = {(link.field, link.key): link for link in one.links}
        have = before.get(one.standing.id, {})
        dropped += [
            {"entry_id": one.standing.id, "field": name, "key": key}
            for name, key in have.keys() - wanted.keys()
        ]
        added += [
            {"entry_id": one.standing.id, **link._asdict()}
            for place, link in wanted.items()
            if have.get(place) != link
        ]
    key = {"entry_id": sa.Uuid(), "field": sa.Text(), "key": sa.Text()}
    if dropped:
        given = recordset(dropped, **key)
        session.execute(
            sa.delete(link_table).where(*(link_table.c[name] == given.c[name] for name in key))
        )
    if added:
        columns = key | {"target_id": sa.Uuid(), "role": sa.Text(), "digest": sa.Text(),
                         "attributes": JSONB()}  # fmt: skip
        given = recordset(sorted(added, key=lambda row: str(row["entry_id"])), **columns)
        upsert = insert(link_table).from_select(
            list(columns), sa.select(*(given.c[name] for name in columns))
        )
        session.execute(
            upsert.on_conflict_do_update(
                index_elements=list(key),
                set_={c: upsert.excluded[c] for c in ("target_id", "role", "digest", "attributes")},
            )
        )


def _write_grants(session: Session, desired: Sequence[Desired]) -> None:
    """Each entry's grants are replaced as a whole; rows that stay are not touched."""
    ids = [one.standing.id for one in desired]
    have = {
        (row.entry_id, row.namespace, row.granted_by)
        for row in session.execute(
            sa.select(grant_table.c["entry_id", "namespace", "granted_by"]).where(
                grant_table.c.granted_by.in_(ids)
            )
        )
    }
    wanted = {
        (target, namespace, one.standing.id) for one in desired for target, namespace in one.grants
    }
    key = {"entry_id": sa.Uuid(), "namespace": sa.Text(), "granted_by": sa.Uuid()}
    if gone := sorted(have - wanted):
        given = recordset([dict(zip(key, row, strict=True)) for row in gone], **key)
        session.execute(
            sa.delete(grant_table).where(*(grant_table.c[name] == given.c[name] for name in key))
        )
    if new := sorted(wanted - have):
        given = recordset([dict(zip(key, row, strict=True)) for row in new], **key)
        session.execute(
            insert(grant_table).from_select(list(key), sa.select(given)).on_conflict_do_nothing()
        )


def _write_parents(
    session: Session, desired: Sequence[Desired], outcome: Outcome, *, cause: Because
) -> None:
    rows = []
    for one in desired:
        old = one.standing
        touched = old.id in outcome.changed or old.id in outcome.created
        was = (old.namespace, old.natural_key, old.stub, old.by_time, old.gone_since)
        now = (one.namespace, one.natural_key, one.stub, one.by_time, one.gone_since)
        if one.row is None or (was == now and not touched):
            continue
        if old.gone_since != one.gone_since:
            outcome.changes.append(_retirement(one, cause=cause))
            outcome.changed.add(old.id)
            if one.gone_since is not None:
                outcome.retired.add(old.id)
        if outcome.repair:
            outcome.changes += [
                _change(one, "repair", cause=cause, field=name, old=before, new=after)
                for name, before, after in zip(PARENT, was, now, strict=True)
                if before != after and name != "gone_since"
            ]
        rows.append(
            {
                "id": old.id, "namespace": one.namespace, "natural_key": one.natural_key,
                "stub": one.stub, "by_time": one.by_time, "gone_since": _plain(one.gone_since),
                "touched": touched or old.gone_since != one.gone_since,
            }
        )  # fmt: skip
    if not rows:
        return
    given = recordset(
        rows, id=sa.Uuid(), namespace=sa.Text(), natural_key=sa.Text(), stub=sa.Boolean(),
        by_time=sa.Boolean(), gone_since=Timestamp, touched=sa.Boolean(),
    )  # fmt: skip
    other = entry_table.alias("other")
    taken = sa.exists().where(
        other.c.kind == entry_table.c.kind,
        other.c.natural_key == given.c.natural_key,
        other.c.id != entry_table.c.id,
        other.c.replaced_by.is_(None),
        other.c.merged_into.is_(None),
    )
    session.execute(
        sa.update(entry_table)
        .where(entry_table.c.id == given.c.id)
        .values(
            natural_key=sa.case((taken, entry_table.c.natural_key), else_=given.c.natural_key),
            **{c: given.c[c] for c in ("namespace", "stub", "by_time", "gone_since")},
            last_changed_at=sa.case(
                (given.c.touched, sa.func.now()), else_=entry_table.c.last_changed_at
            ),
        )
    )


def _retirement(one: Desired, *, cause: Because) -> Change:
    op = "retire" if one.gone_since is not None else "restore"
    return _change(
        one, op, cause=cause, field="gone_since",
        old=_plain(one.standing.gone_since), new=_plain(one.gone_since),
    )  # fmt: skip
