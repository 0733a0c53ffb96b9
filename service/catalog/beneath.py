"""What a pinned field would be without its pin, and since when that is not what it was."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.digest import canonical_json
from schemas.facts import merge_rules
from schemas.identifiers import Kind, how_far_below
from schemas.pins import Beneath, Pin
from service.catalog.pinned import Pinned, holding
from service.catalog.told import read_said
from service.catalog.typed import TYPED, reference_columns
from service.history import HISTORY
from service.reconcile import Folded, Precedence, Statement, reconcile

LOOKED_BACK: Final = (
    500  # states of an entry since it was pinned; then it differed at least so long
)
Key = tuple[str, str, str]  # source, subject and digest: one statement


def read_beneath(
    session: Session,
    kind: Kind,
    *,
    entry: UUID,
    pins: Sequence[Pinned],
    as_of: datetime | None = None,
) -> dict[str, tuple[Pin, Beneath]]:
    """Each pinned field of an entry: the pin that holds, and what sources say beneath it.

    Derived when it is read: no statement of a source has to change anything for it. A constant
    number of statements, whatever is pinned; none if nothing is.
    """
    if not pins:
        return {}
    oldest = min(pin.pinned_at for pin in pins)
    states = _states(session, kind, entry=entry, since=oldest, as_of=as_of)
    said = _read_all(session, kind, states=states, as_of=as_of)
    return {
        name: _shown(kind, pin, states=list(_folded(kind, name, states=states, said=said)))
        for name, pin in holding(pins).items()
    }


def as_shown(kind: Kind, name: str, *, value: Any) -> Any:
    """A reference is written as lists write it."""
    if name in reference_columns(kind) and isinstance(value, Mapping):
        return value["value"]
    return value


def _shown(
    kind: Kind, pin: Pinned, *, states: Sequence[tuple[datetime, Folded | None]]
) -> tuple[Pin, Beneath]:
    _, now = states[0]
    values = pin._asdict() | {
        "value": as_shown(kind, pin.field, value=pin.value),
        "made_on": pin.home,
        "beneath": beneath(kind, pin.field, kept=pin.beneath),
        "differs_since": _differs_since(pin, states),
    }
    shown = Pin.model_validate({name: values[name] for name in Pin.model_fields})
    return shown, beneath(kind, pin.field, kept=stated(now))


def stated(field: Folded | None) -> dict[str, Any]:
    """What a field is, as a pin keeps it: nothing in it where nobody states the field."""
    return {} if field is None else {"value": field.value}


def beneath(kind: Kind, name: str, *, kept: Mapping[str, Any]) -> Beneath:
    """What a pin keeps of a field, as it is shown."""
    return Beneath(stated="value" in kept, value=as_shown(kind, name, value=kept.get("value")))


def _differs_since(
    pin: Pinned, states: Sequence[tuple[datetime, Folded | None]]
) -> datetime | None:
    """The begin of the last time in which it always differed from what it was when pinned."""
    was, since = canonical_json(pin.beneath), None
    for began, field in states:
        if canonical_json(stated(field)) == was:
            break
        since = max(began, pin.pinned_at)
        if began <= pin.pinned_at:
            break
    return since


def _states(
    session: Session, kind: Kind, *, entry: UUID, since: datetime, as_of: datetime | None
) -> Sequence[sa.Row[Any]]:
    """What was said about an entry from a moment on, state by state, the newest first."""
    table = TYPED[kind]
    past = table.metadata.tables[f"{table.name}{HISTORY}"]
    columns = ("valid_from", "statements")
    now = sa.select(*table.c[*columns]).where(table.c.id == entry)
    then = sa.select(*past.c[*columns]).where(past.c.id == entry, past.c.valid_to > since)
    every = sa.union_all(now, then).subquery("state")
    until = () if as_of is None else (every.c.valid_from <= as_of,)
    newest_first = sa.select(every).where(*until).order_by(every.c.valid_from.desc())
    return session.execute(newest_first.limit(LOOKED_BACK)).all()


def _read_all(
    session: Session, kind: Kind, *, states: Sequence[sa.Row[Any]], as_of: datetime | None
) -> dict[Key, sa.RowMapping]:
    """Every statement of any of the states, read once."""
    told = {_key(one): one for state in states for one in state.statements}
    found = read_said(session, kind, told=list(told.values()), as_of=as_of)
    return {key: found[place] for place, key in enumerate(told) if place in found}


def _folded(
    kind: Kind, name: str, *, states: Sequence[sa.Row[Any]], said: Mapping[Key, sa.RowMapping]
) -> Iterator[tuple[datetime, Folded | None]]:
    """What sources alone made of a field, state by state."""
    rules = {name: merge_rules(kind)[name]}
    for state in states:
        found = [said[key] for one in state.statements if (key := _key(one)) in said]
        spoken = [_statement(kind, one) for one in found if name in (one["facts"] or {})]
        folded = reconcile(spoken, rules, precedence=_precedence(found))
        yield state.valid_from, folded.get(name)


def _precedence(found: Sequence[sa.RowMapping]) -> Precedence:
    ranks = {one["source"]: (one["precedence"], one["field_precedence"]) for one in found}

    def rank(source: str, field: str) -> int:
        usual, of_fields = ranks[source]
        return int(of_fields.get(field, usual))

    return rank


def _statement(kind: Kind, said: sa.RowMapping) -> Statement:
    return Statement(
        said["source"], said["facts"], said["since"], digest=said["digest"],
        subject=said["subject"], inferred=frozenset(said["inferred"]),
        below=how_far_below(kind, said["subject"]),
    )  # fmt: skip


def _key(told: Mapping[str, Any]) -> Key:
    return told["source"], told["subject"], told["digest"]
