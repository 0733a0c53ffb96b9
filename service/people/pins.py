"""Pins: set, read and released."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.harvest import PlannedChange
from schemas.identifiers import Kind
from schemas.pins import AskedPin, Beneath, Pin, PinnedField, Pins
from schemas.problem import FieldProblem
from schemas.strict import Closed, instant_text
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.beneath import read_beneath, stated
from service.catalog.entries import entry_address
from service.catalog.pinned import Pinned, read_pins
from service.catalog.write import Outcome
from service.errors import Invalid, NotFound
from service.etag import TagStale, check_match, tag_of
from service.ingest.dryrun import planned_changes
from service.ingest.project import project
from service.ingest.rebuild import names_of
from service.ingest.sources import list_sources
from service.ingest.tables import PinRow
from service.ledger.change import Cause, Change, record_changes
from service.people.pinnable import check_field, check_joinable, members, read_value, written
from service.people.pinning import (
    Address,
    Held,
    Pinner,
    check_might,
    check_right,
    clock,
    find_row,
    hold_field,
    mention,
    read_row,
)
from service.recordset import among

MOST_CHANGES: Final = 1_000
table: Final = PinRow.__table__


class PinNotFound(NotFound):
    """The field is not pinned.

    `GET …/pins` lists the fields that are; a pin that expired has fallen away by itself.
    """


class PinState(Closed):
    """What the tag of a pin stands for: whether there is one, and which."""

    entry: str
    field: str
    pin: tuple[str, ...] = ()


def set_pin(
    session: Session, address: Address, *, field: str, asked: AskedPin, by: Pinner
) -> PinnedField:
    """Pin a field, or change its pin; just the same again writes nothing.

    Raises `FactUnknown`, `NamingFact`, `NotASet`, `Invalid`, `NotYours`, `TagNeeded`, `TagStale`.
    """
    kind = address.kind
    check_field(kind, field)
    row = find_row(session, address, caller=by.caller)
    check_might(session, row["id"], caller=by.caller)
    value = _value(kind, field, asked=asked)
    stubs = mention(session, members(value), by=by)
    held = hold_field(session, kind, entry=row["id"], field=field)
    check_right(session, held, caller=by.caller)
    check_tag(held, by)
    return write_pin(session, held, asked=asked, value=value, by=by, also=stubs)


def write_pin(  # what is pinned, on what, by whom
    session: Session,
    held: Held,
    *,
    asked: AskedPin,
    value: Any,
    by: Pinner,
    also: Iterable[Any] = (),
) -> PinnedField:
    """Pin a held field; whether its caller may was asked before. Raises `Invalid`."""
    if _is_said(held, asked, value=value):
        return read_field(session, held.kind, entry=held.entry, field=held.field, caller=by.caller)
    _write(session, held, asked=asked, value=value, by=by)
    return _projected(session, held, also=also, by=by, reason=asked.reason)


def release_pin(
    session: Session, address: Address, *, field: str, reason: str | None, by: Pinner
) -> PinnedField:
    """Let go of a field's pin: what sources say holds again. Raises `PinNotFound` and as above.

    Where entries merged, the pins of all of them go: the other one would only take its place.
    """
    check_field(address.kind, field)
    row = find_row(session, address, caller=by.caller)
    held = hold_field(session, address.kind, entry=row["id"], field=field)
    if not held.pins:
        raise PinNotFound(field=field)
    check_right(session, held, caller=by.caller)
    check_tag(held, by)
    remove_pins(session, held, cause=by.cause(reason))
    return _projected(session, held, also=(), by=by, reason=reason)


def remove_pins(session: Session, held: Held, *, cause: Cause) -> None:
    """Let go of a held field's pins; whoever calls folds the entry again."""
    homes = [pin.home for pin in held.pins]
    mine = sa.and_(table.c.field == held.field, among(table.c.entry_id, homes))
    session.execute(sa.delete(table).where(mine))
    ended = [
        Change(
            "unpin", held.kind, cause.actor, entry=held.entry, field=held.field, old=told(pin),
            reason=cause.reason, request=cause.request,
        )
        for pin in held.pins
    ]  # fmt: skip
    record_changes(session, ended)


def get_field(session: Session, address: Address, *, field: str, caller: Caller) -> PinnedField:
    """One field: what holds, its pin if it has one, and what sources say."""
    check_field(address.kind, field)
    row = find_row(session, address, caller=caller)
    return _fields(session, address.kind, row=row, wanted=[field])[0]


def read_field(
    session: Session, kind: Kind, *, entry: Any, field: str, caller: Caller
) -> PinnedField:
    """One field of an entry that is known by its id."""
    row = read_row(session, kind, entry=entry, caller=caller)
    return _fields(session, kind, row=row, wanted=[field])[0]


def list_pins(session: Session, address: Address, *, caller: Caller) -> Pins:
    """Every pinned field of an entry."""
    row = find_row(session, address, caller=caller)
    return Pins(items=_fields(session, address.kind, row=row))


def told(pin: Pinned) -> dict[str, Any]:
    """A pin as the ledger keeps it."""
    said = {"joined": True} if pin.joined else {"value": pin.value}
    until = pin.expires_at and instant_text(pin.expires_at)
    return said | {"by": pin.pinned_by, "expires_at": until}


def tag(found: PinnedField) -> str:
    """The tag of a field's pin: it moves when the pin does, not when sources do."""
    pin = found.pin
    parts = () if pin is None else (str(pin.made_on), instant_text(pin.pinned_at))
    return tag_of(PinState(entry=str(found.entry), field=found.field, pin=parts))


def check_tag(held: Held, by: Pinner) -> None:
    """Does the caller know the present pin? Raises `TagNeeded`, `TagStale`."""
    pin = held.pin
    parts = () if pin is None else (str(pin.home), instant_text(pin.pinned_at))
    state = PinState(entry=str(held.entry), field=held.field, pin=parts)
    if by.fresh and not by.match:
        if pin is not None:
            raise TagStale(tag_of(state))
        return
    check_match(by.match, state)


def _value(kind: Kind, field: str, *, asked: AskedPin) -> Any:
    if asked.joined:
        check_joinable(kind, field)
        return None
    return written(read_value(kind, field, value=asked.value), field)


def _is_said(held: Held, asked: AskedPin, *, value: Any) -> bool:
    """Is the field pinned to just this already?"""
    pin = held.pin
    if pin is None or pin.home != held.entry:
        return False
    now = (pin.value, pin.joined, pin.reason, pin.expires_at)
    return now == (value, asked.joined, asked.reason, asked.expires_at)


def _write(session: Session, held: Held, *, asked: AskedPin, value: Any, by: Pinner) -> None:
    now = clock(session)
    if asked.expires_at is not None and asked.expires_at <= now:
        fix = "Give a later time, or none: then it holds until somebody releases it."
        raise Invalid(FieldProblem(pointer="/expires_at", message="lies in the past", fix=fix))
    new = Pinned(
        held.entry, held.entry, held.field, value, asked.joined,
        stated(held.folded.beneath.get(held.field)), asked.reason, by.caller.id, now,
        asked.expires_at,
    )  # fmt: skip
    change = Change(
        "pin", held.kind, by.caller.actor, entry=held.entry, field=held.field,
        old=held.pin and told(held.pin), new=told(new), reason=asked.reason, request=by.trace,
    )  # fmt: skip
    change_id = record_changes(session, [change])[0]
    values: Mapping[str, Any] = {
        "entry_id": new.home, **{name: getattr(new, name) for name in Pinned._fields[2:]},
        "change_id": change_id,
    }  # fmt: skip
    row = insert(table).values(**values)
    kept = {name: row.excluded[name] for name in values if name not in {"entry_id", "field"}}
    session.execute(row.on_conflict_do_update(index_elements=["entry_id", "field"], set_=kept))


def _projected(
    session: Session, held: Held, *, also: Iterable[Any], by: Pinner, reason: str | None
) -> PinnedField:
    """Fold the entry again, and all that follows it; answers the field with what changed."""
    cause, sources = by.cause(reason), list_sources(session)
    outcome = project(session, {held.entry, *also}, sources=sources, cause=cause)
    found = read_field(session, held.kind, entry=held.entry, field=held.field, caller=by.caller)
    return found.model_copy(update={"changes": planned(session, outcome)})


def planned(session: Session, outcome: Outcome) -> tuple[PlannedChange, ...]:
    """What was written, as plans list it."""
    changes = outcome.changes[:MOST_CHANGES]
    return tuple(planned_changes(changes, names_of(session, changes)))


def _fields(
    session: Session, kind: Kind, *, row: sa.RowMapping, wanted: Iterable[str] | None = None
) -> tuple[PinnedField, ...]:
    """Fields of an entry with their pins: the wanted ones, or all that are pinned."""
    entry = row["id"]
    pins = read_pins(session, [entry]).get(entry, [])
    chosen = sorted({pin.field for pin in pins}) if wanted is None else list(wanted)
    found = read_beneath(
        session, kind, entry=entry, pins=[pin for pin in pins if pin.field in chosen]
    )
    return tuple(_shown(kind, name, row=row, pinned=found.get(name)) for name in chosen)


def _shown(
    kind: Kind, name: str, *, row: sa.RowMapping, pinned: tuple[Pin, Beneath] | None
) -> PinnedField:
    facts = rows.facts_of(kind, row)
    now = Beneath(stated=name in facts, value=facts.get(name))
    pin, beneath = pinned or (None, now)
    return PinnedField(
        entry=row["id"],
        kind=kind,
        name=row["natural_key"] or row.get("label"),
        url=entry_address(kind, row["natural_key"], entry_id=row["id"]),
        field=name,
        stated=now.stated,
        value=now.value,
        conflict=name in row["conflicts"],
        pin=pin,
        beneath=beneath,
    )
