"""Receivers: made, shown, changed, disabled, given other secrets; never deleted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from outbound.addresses import OutboundRefused, read_url
from schemas.problem import FieldProblem
from schemas.receivers import ChangeReceiver, MakeReceiver, ReceiverSecret, ReceiverShown
from service.access.accounts import Deed
from service.errors import Conflict, Invalid, NotFound
from service.etag import check_match
from service.ledger.change import record_changes
from service.outgoing.signing import secret_of
from service.outgoing.tables import OutgoingDeliveryRow, ReceiverRow

KIND: Final = "receiver"
BOTH_SIGN: Final = timedelta(hours=24)  # after a rotation

receiver, delivery = ReceiverRow.__table__, OutgoingDeliveryRow.__table__


class ReceiverNotFound(NotFound):
    """No receiver has this name.

    `GET /api/v1/receivers` lists them, disabled ones too.
    """


class ReceiverExists(Conflict):
    """Another receiver has this name.

    Change that one, or choose another name: a name stays with its receiver, also when that is
    disabled.
    """


class ReceiverDisabled(Conflict):
    """The receiver is disabled: nothing is sent to it.

    Enable it first, with `PUT /api/v1/receivers/{name}` and `"enabled": true`.
    """


class Keeper(NamedTuple):
    """Who does something to receivers, and the key from which their secrets derive."""

    deed: Deed
    secret_key: str


def make_receiver(session: Session, *, asked: MakeReceiver, by: Keeper) -> ReceiverSecret:
    """Store a receiver, and show its first secret. Raises `ReceiverExists`, `Invalid`."""
    if session.execute(sa.select(receiver.c.id).where(receiver.c.name == asked.name)).first():
        raise ReceiverExists(name=asked.name)
    said = {
        "name": asked.name,
        "url": read_target(asked.url),
        "types": [str(one) for one in asked.types],
        "namespaces": asked.namespaces and list(asked.namespaces),
    }
    [change] = record_changes(session, [by.deed.change("create", KIND, new=said)])
    made = {"enabled": True, "secret_version": 1, "change_id": change}
    session.execute(sa.insert(receiver).values(**said, **made))
    return _with_secret(session, asked.name, secret_key=by.secret_key)


def get_receiver(session: Session, name: str) -> ReceiverShown:
    """A receiver, and how its deliveries stand. Raises `ReceiverNotFound`."""
    query = select_receivers().where(receiver.c.name == name)
    row = session.execute(query).mappings().one_or_none()
    if row is None:
        raise ReceiverNotFound(name=name)
    return receiver_shown(row)


def change_receiver(
    session: Session, name: str, *, asked: ChangeReceiver, deed: Deed, match: Sequence[str]
) -> ReceiverShown:
    """Let it be otherwise from now on. Raises what `find_receiver` and `check_match` do."""
    found = find_receiver(session, name, lock=True)
    check_match(tuple(match), get_receiver(session, name))
    wanted = {
        "url": read_target(asked.url),
        "types": [str(one) for one in asked.types],
        "namespaces": asked.namespaces and list(asked.namespaces),
        "enabled": asked.enabled,
    }
    _set(session, found, wanted=wanted, deed=deed, op="update")
    return get_receiver(session, name)


def disable_receiver(session: Session, name: str, *, deed: Deed) -> None:
    """Nothing is sent to it from now on; what waits goes on waiting. Raises `ReceiverNotFound`."""
    found = find_receiver(session, name, lock=True)
    _set(session, found, wanted={"enabled": False}, deed=deed, op="disable")


def rotate_secret(session: Session, name: str, *, by: Keeper) -> ReceiverSecret:
    """The next secret signs from now on, the present one beside it for a day.

    Raises `ReceiverNotFound`.
    """
    found = find_receiver(session, name, lock=True)
    version = found.secret_version + 1
    old, new = ({"name": name, "secret_version": one} for one in (found.secret_version, version))
    [change] = record_changes(session, [by.deed.change("rotate", KIND, old=old, new=new)])
    session.execute(
        sa.update(receiver)
        .where(receiver.c.id == found.id)
        .values(secret_version=version, rotated_at=sa.func.clock_timestamp(), change_id=change)
    )
    return _with_secret(session, name, secret_key=by.secret_key)


def find_receiver(session: Session, name: str, *, lock: bool = False) -> sa.Row[Any]:
    """A receiver's row. Raises `ReceiverNotFound`."""
    query = sa.select(receiver).where(receiver.c.name == name)
    found = session.execute(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise ReceiverNotFound(name=name)
    return found


def select_receivers() -> sa.Select[Any]:
    """Every receiver, with what waits, what was given up, and when something arrived last."""
    number = sa.func.count()
    stands = (
        sa.select(
            delivery.c.receiver_id,
            number.filter(delivery.c.state == "WAITING").label("waiting"),
            number.filter(delivery.c.state == "FAILED").label("failed"),
            sa.func.max(delivery.c.delivered_at).label("last_delivered_at"),
        )
        .group_by(delivery.c.receiver_id)
        .subquery("stands")
    )
    until = receiver.c.rotated_at + BOTH_SIGN
    return sa.select(
        *receiver.c["id", "name", "url", "types", "namespaces", "enabled", "secret_version"],
        *receiver.c["rotated_at", "failing_since"],
        sa.case((until > sa.func.now(), until)).label("previous_signs_until"),
        *(sa.func.coalesce(stands.c[name], 0).label(name) for name in ("waiting", "failed")),
        stands.c.last_delivered_at,
    ).outerjoin_from(receiver, stands, stands.c.receiver_id == receiver.c.id)


def receiver_shown(row: sa.RowMapping) -> ReceiverShown:
    """A receiver as it is shown."""
    return ReceiverShown.model_validate({name: row[name] for name in ReceiverShown.model_fields})


def signing_versions(version: int, rotated_at: datetime | None, *, now: datetime) -> list[int]:
    """Whose secrets sign at a moment, the current one first."""
    if rotated_at is None or now >= rotated_at + BOTH_SIGN:
        return [version]
    return [version, version - 1]


def read_target(text: str) -> str:
    """The address in its one form. Raises `Invalid`; whether it may be reached shows a delivery."""
    try:
        return str(read_url(text))
    except OutboundRefused as refused:
        fix = "Give an address like https://hooks.acme.example/catalog."
        problem = FieldProblem(pointer="/url", message=str(refused), fix=fix)
        raise Invalid(problem) from None


def _with_secret(session: Session, name: str, *, secret_key: str) -> ReceiverSecret:
    shown = get_receiver(session, name)
    secret = secret_of(secret_key, name, version=shown.secret_version)
    return ReceiverSecret(**dict(shown), secret=secret)


def _set(
    session: Session, found: sa.Row[Any], *, wanted: dict[str, Any], deed: Deed, op: str
) -> None:
    """Write what differs, and one row of the ledger; nothing where nothing does."""
    before = found._asdict()
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    if not changed:
        return
    old = {"name": found.name} | {name: before[name] for name in changed}
    [change] = record_changes(
        session, [deed.change(op, KIND, old=old, new={"name": found.name} | changed)]
    )
    values = changed | {"change_id": change, "failing_since": None, "resting_until": None}
    if "namespaces" in values and values["namespaces"] is None:
        values["namespaces"] = sa.null()
    session.execute(sa.update(receiver).where(receiver.c.id == found.id).values(values))
