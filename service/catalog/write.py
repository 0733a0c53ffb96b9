"""Writes entries that differ from what they should be: typed rows, links, grants, ledger."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.strict import instant_text
from service.catalog.desired import Desired, Links, Standing
from service.catalog.links import current_links, write_grants, write_links
from service.catalog.repairs import Repair, decision_repairs, grant_repairs, link_repairs
from service.catalog.tables import Entry
from service.catalog.typed import PARENTS_FIRST, TYPED, link_facts
from service.db import Moved, Timestamp
from service.ledger.change import Cause, Change, record_changes
from service.recordset import among, recordset

PARENT = ("namespace", "natural_key", "stub", "by_time", "gone_since")
MATCHED = ("matched", "offered", "sought")
DECIDED = (
    "statements", "provenance", "narrowed", "conflicts", *MATCHED,
)  # fmt: skip  # how, not what: no ledger row

NAMING = ("namespace", "name")  # facts that a model is named by

entry_table = Entry.__table__


@dataclass
class Outcome:
    """What writing did, by entry."""

    created: set[UUID] = field(default_factory=set)
    changed: set[UUID] = field(default_factory=set)
    retired: set[UUID] = field(default_factory=set)
    conflicts: int = 0
    repair: bool = False
    changes: list[Change] = field(default_factory=list)
    rewritten: set[UUID] = field(default_factory=set)
    dropped: dict[Kind, set[str]] = field(default_factory=dict)  # keys offered before

    def add(self, other: "Outcome") -> None:
        """What was written afterwards because of it."""
        self.created |= other.created
        self.changed |= other.changed - self.created
        self.retired |= other.retired
        self.conflicts += other.conflicts
        self.changes += other.changes

    def rewrote(self, entry: UUID) -> bool:
        """Does its row, or its name, differ from what stood there?"""
        return entry in self.rewritten or self.touched(entry)

    def touched(self, entry: UUID) -> bool:
        """Was anything about this entry written?"""
        return entry in self.created or entry in self.changed


def write_entries(
    session: Session, desired: Sequence[Desired], *, cause: Cause, repair: bool = False
) -> Outcome:
    """Compare with the catalog, write what differs, one ledger row a changed field."""
    outcome = Outcome(repair=repair)
    before = current_links(session, desired)
    for kind in PARENTS_FIRST:
        of_kind = [one for one in desired if one.kind is kind and one.row]
        if of_kind:
            _write_typed(
                session, kind, desired=of_kind, before=before, outcome=outcome, cause=cause
            )
    write_links(session, desired, before=before)
    _write_grants(session, desired, outcome=outcome, cause=cause)
    _write_parents(session, desired, outcome=outcome, cause=cause)
    record_changes(session, outcome.changes)
    return outcome


def _write_typed(
    session: Session,
    kind: Kind,
    *,
    desired: Sequence[Desired],
    before: Mapping[UUID, Links],
    outcome: Outcome,
    cause: Cause,
) -> None:
    table = TYPED[kind]
    found = session.execute(
        sa.select(table).where(among(table.c.id, (one.standing.id for one in desired)))
    )
    current = {row.id: _as_json(row._asdict()) for row in found}
    differing = []
    for one in desired:
        old = current.get(one.standing.id)
        links = before.get(one.standing.id, {})
        changes = _changes(one, old, links=links, cause=cause)
        if outcome.repair and old is not None:
            changes += _repairs(one, old, links=links, cause=cause)
        if changes:
            known = outcome.created if old is None else outcome.changed
            known.add(one.standing.id)
        outcome.conflicts += len(set(one.row["conflicts"]) - set((old or {}).get("conflicts", ())))
        outcome.changes += changes
        if old is None or any(old[name] != _plain(value) for name, value in one.row.items()):
            differing.append(one)
            gone = set((old or {}).get("offered", ())) - set(one.row.get("offered", ()))
            outcome.dropped.setdefault(kind, set()).update(gone)
    outcome.rewritten |= {one.standing.id for one in differing}
    if differing:
        _upsert(session, table, differing=differing)


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return str(value) if isinstance(value, UUID) else value


def _changes(
    one: Desired,
    old: Mapping[str, Any] | None,
    *,
    links: Links,
    cause: Cause,
) -> list[Change]:
    """A created entry is one row with all first values; then one row a changed field."""
    stated_only = old is None
    new = {
        name: _plain(value)
        for name, value in one.row.items()
        if name not in DECIDED and (value is not None or not stated_only)
    }
    narrowed = one.row["narrowed"]
    new |= {name: {"one_of": candidates} for name, candidates in narrowed.items()}
    new.pop("number_key", None)
    for name in link_facts(one.kind):
        new[name] = sorted(
            (dict(link.attributes) for link in one.links if link.field == name), key=str
        )
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


def _repairs(
    one: Desired, old: Mapping[str, Any], *, links: Links, cause: Cause
) -> Iterator[Change]:
    found = chain(decision_repairs(old, _as_json(one.row)), link_repairs(one, links))
    return (_repaired(one, repair, cause=cause) for repair in found)


def _repaired(one: Desired, repair: Repair, *, cause: Cause) -> Change:
    place, old, new = repair
    return _change(one, "repair", cause=cause, field=place, old=old, new=new)


def _write_grants(
    session: Session, desired: Sequence[Desired], *, outcome: Outcome, cause: Cause
) -> None:
    gone, new = write_grants(session, desired)
    if outcome.repair:
        givers = {one.standing.id: one for one in desired}
        found = chain(grant_repairs(gone, granted=False), grant_repairs(new, granted=True))
        outcome.changes += [
            _repaired(givers[giver], repair, cause=cause)
            for giver, repair in found
            if givers[giver].row and not outcome.touched(giver)
        ]


def _change(
    one: Desired,
    op: str,
    *,
    cause: Cause,
    field: str | None = None,
    old: Any = None,
    new: Any = None,
) -> Change:
    return Change(
        op, one.kind, cause.actor, entry=one.standing.id, field=field, old=old, new=new,
        source=cause.source, harvest=cause.harvest, request=cause.request,
        reason=cause.reason, observation=_evidence(one, field),
    )  # fmt: skip


def _evidence(one: Desired, field: str | None) -> Mapping[str, Any] | None:
    """The statement that decided the field; of all others the newest one about the entry."""
    statements = one.row["statements"]
    ranked = one.row["provenance"].get(field)
    if ranked:
        return dict(statements[ranked[0]])
    return max(statements, key=lambda said: said["observed_at"], default=None)


def _upsert(session: Session, table: sa.Table, *, differing: Iterable[Desired]) -> None:
    columns = {c.name: c.type for c in table.columns if c.name != "valid_from"}
    rows = [{"id": one.standing.id, **one.row} for one in differing]
    given = recordset(rows, **columns)
    upsert = insert(table).from_select(list(columns), sa.select(*(given.c[c] for c in columns)))
    session.execute(
        upsert.on_conflict_do_update(
            index_elements=["id"], set_={c: upsert.excluded[c] for c in columns if c != "id"}
        )
    )


def _write_parents(
    session: Session, desired: Sequence[Desired], *, outcome: Outcome, cause: Cause
) -> None:
    rows = []
    for one in desired:
        was, now = _parent(one.standing), _parent(one)
        touched = outcome.touched(one.standing.id)
        if not one.row or (was == now and not touched):
            continue
        if was == now and one.standing.id in outcome.created:
            continue  # it was inserted as it should be
        _note_parent(one, was, now=now, outcome=outcome, cause=cause)
        touched = outcome.touched(one.standing.id)
        rows.append({"id": one.standing.id, **now, "touched": touched})
    if not rows:
        return
    _free_names(session, desired)
    given = recordset(
        rows, id=sa.Uuid(), namespace=sa.Text(), natural_key=sa.Text(), stub=sa.Boolean(),
        by_time=sa.Boolean(), gone_since=Timestamp, touched=sa.Boolean(),
    )  # fmt: skip
    kept = entry_table.c
    changed_at = sa.case((given.c.touched, sa.func.now()), else_=kept.last_changed_at)
    update = (
        sa.update(entry_table)
        .where(kept.id == given.c.id)
        .values(**{name: given.c[name] for name in PARENT}, last_changed_at=changed_at)
    )
    try:
        session.execute(update)
    except sa.exc.IntegrityError as error:  # another transaction took the name meanwhile
        raise Moved from error


def _free_names(session: Session, desired: Sequence[Desired]) -> None:
    """A name that passes from one entry to another is given up before it is taken."""
    renamed = [one for one in desired if one.row and one.natural_key != one.standing.natural_key]
    taken = {(one.kind, one.natural_key) for one in renamed if one.natural_key}
    passing = [one.standing.id for one in renamed if (one.kind, one.standing.natural_key) in taken]
    if any(kind is Kind.MODEL for kind, _ in taken):  # may wait for who takes it too: not for long
        session.execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
    if passing:
        session.execute(
            sa.update(entry_table).where(among(entry_table.c.id, passing)).values(natural_key=None)
        )


def _parent(one: Standing | Desired) -> dict[str, Any]:
    return {name: getattr(one, name) for name in PARENT}


def _note_parent(
    one: Desired,
    was: Mapping[str, Any],
    *,
    now: Mapping[str, Any],
    outcome: Outcome,
    cause: Cause,
) -> None:
    """Its end, its return and its name stand in the ledger; the rest follows from facts."""
    if was["gone_since"] != now["gone_since"]:
        outcome.changes.append(_retirement(one, cause=cause))
        outcome.changed.add(one.standing.id)
        if one.gone_since is not None:
            outcome.retired.add(one.standing.id)
    if outcome.repair:
        outcome.changes += [
            _change(one, "repair", cause=cause, field=name, old=was[name], new=now[name])
            for name in PARENT
            if was[name] != now[name] and name != "gone_since"
        ]
        return
    renamed = [name for name in ("natural_key", "namespace") if was[name] != now[name]]
    if renamed and one.standing.id not in outcome.created and not _is_told(one, outcome):
        name = renamed[0]  # a name begins with its namespace
        outcome.changed.add(one.standing.id)
        outcome.changes.append(
            _change(one, "update", cause=cause, field=name, old=was[name], new=now[name])
        )


def _is_told(one: Desired, outcome: Outcome) -> bool:
    """Does a change of its facts tell that it is called otherwise?"""
    return any(
        change.entry == one.standing.id
        and (change.op == "describe" or (one.kind is Kind.MODEL and change.field in NAMING))
        for change in outcome.changes
    )


def _retirement(one: Desired, *, cause: Cause) -> Change:
    op = "retire" if one.gone_since is not None else "restore"
    return _change(
        one, op, cause=cause, field="gone_since",
        old=_plain(one.standing.gone_since), new=_plain(one.gone_since),
    )  # fmt: skip
