"""The pins that stand on entries, now or at a moment, and what each says in the fold."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.digest import canonical_json, sha256
from schemas.sources import PIN
from schemas.strict import instant_text
from service.catalog.tables import Entry
from service.catalog.view import at
from service.ingest.tables import PinRow
from service.reconcile import Statement
from service.recordset import among

RANK: Final = 100  # above every source's
ENTRY, PINS = Entry.__table__, PinRow.__table__


class Pinned(NamedTuple):
    """A pin as it stands in the database.

    `home` is where it was made: an entry that merged into another one keeps its pins, so that
    un-merging restores them; `entry` is the one that stands for it now.
    """

    entry: UUID
    home: UUID
    field: str
    value: Any
    joined: bool
    beneath: Mapping[str, Any]  # `value` is in it if the field was stated
    reason: str
    pinned_by: str
    pinned_at: datetime
    expires_at: datetime | None

    @property
    def digest(self) -> str:
        """Of what it says, like an observation's."""
        return sha256(canonical_json({"value": self.value, "joined": self.joined}))

    @property
    def subject(self) -> str:
        """Whom it is about: an entry, not an identifier."""
        return f"entry:{self.home}"

    def statement(self) -> Statement:
        """The pin as the fold takes it; one that joins states no value of its own."""
        return Statement(
            PIN, {self.field: self.value}, self.pinned_at, confirmed=self.pinned_at,
            digest=self.digest, subject=self.subject, pinned=True, joined=self.joined,
        )  # fmt: skip

    def shown(self) -> dict[str, Any]:
        """The pin as `statements` holds it, after those of sources."""
        return {
            "source": PIN,
            "subject": self.subject,
            "digest": self.digest,
            "observed_at": instant_text(self.pinned_at),
            "field": self.field,
            "by": self.pinned_by,
        }


def read_pins(
    session: Session, entries: Iterable[UUID], *, as_of: datetime | None = None
) -> dict[UUID, list[Pinned]]:
    """The pins on entries and on what was merged into them, by entry, in one order.

    There is no clock in it: a pin that is there counts; that it expired is an event.
    """
    entry, pin = (ENTRY, PINS) if as_of is None else (at(ENTRY, as_of), at(PINS, as_of))
    wanted = set(entries)
    here = sa.or_(among(entry.c.id, wanted), among(entry.c.merged_into, wanted))
    stands_on = sa.func.coalesce(entry.c.merged_into, entry.c.id).label("entry")
    query = (
        sa.select(stands_on, pin.c.entry_id.label("home"), *pin.c[*Pinned._fields[2:]])
        .join_from(pin, entry, entry.c.id == pin.c.entry_id)
        .where(here)
        .order_by(pin.c.field, pin.c.entry_id)
    )
    found: dict[UUID, list[Pinned]] = {}
    for row in session.execute(query):
        found.setdefault(row.entry, []).append(Pinned(*row))
    return found


def holding(pins: Iterable[Pinned]) -> dict[str, Pinned]:
    """Of each field the pin that holds: the newest, where merged entries bring several."""
    ranked = sorted(pins, key=lambda pin: (pin.pinned_at, pin.digest, pin.subject))
    return {pin.field: pin for pin in ranked}
