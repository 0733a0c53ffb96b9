"""An entry that is to be pinned: found, locked and folded, and who may pin it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.problem import FieldProblem
from schemas.sources import PIN
from service.access.policy import Caller
from service.catalog.detail import find_model, find_version
from service.catalog.entries import find_entry
from service.catalog.owning import owns
from service.catalog.pinned import Pinned, holding
from service.catalog.select import select_entries
from service.catalog.view import ENTRY, View, visible
from service.db import Moved
from service.errors import CatalogError, Conflict, Invalid
from service.ingest import known
from service.ingest.batch import is_natural
from service.ingest.fold import Reconciled, fold_entries
from service.ingest.identity import write_identity
from service.ingest.lock import lock_entries
from service.ingest.placed import NAMESPACED
from service.ingest.resolve import Placement
from service.ingest.sources import SourceFacts, list_sources
from service.ledger.change import Cause
from service.reconcile import ACCOUNTABLE
from service.recordset import among

OWNERS: Final = "owners"
NOBODYS: Final = SourceFacts(  # in whose name a pin mentions what nobody has described yet
    id=0,
    name=PIN,
    kind="person",
    namespace="",
    namespaces={},
    may_name=frozenset(),
    precedence=0,
    field_precedence={},
    absences=0,
    held_back_share=0.0,
    held_back_count=0,
    enabled=True,
)


class NotYours(CatalogError):
    """The entry is not yours to pin.

    Its accountable owner may, if an admin has mapped that owner to an account and no two sources
    dispute who it is; a contested fact may be decided by whoever may resolve conflicts.
    """

    status = 403


class EntryReplaced(Conflict):
    """Another thing stands in the place of this entry: it stays as it was.

    Pin the one that took its place; `replaced_by` in its detail names it.
    """


class Address(NamedTuple):
    """How a reader names an entry: a model by two parts, a version by three, all by their id."""

    kind: Kind
    parts: tuple[str, ...]


class Pinner(NamedTuple):
    """Who pins, what the ledger is told, and which state the caller has read."""

    caller: Caller
    trace: str
    match: tuple[str, ...] = ()
    fresh: bool = False  # only if nobody has pinned it

    def cause(self, reason: str | None) -> Cause:
        """Why entries change."""
        return Cause(self.caller.actor, request=self.trace, reason=reason)


class Held(NamedTuple):
    """An entry, locked, with the pins of one field."""

    kind: Kind
    entry: UUID
    field: str
    folded: Reconciled
    pins: Sequence[Pinned]  # of the field; of merged entries too

    @property
    def pin(self) -> Pinned | None:
        """The one that holds."""
        return holding(self.pins).get(self.field)

    @property
    def contested(self) -> bool:
        """Do statements about the field differ?"""
        found = (self.folded.fields, self.folded.beneath)
        return any(self.field in of and of[self.field].conflict for of in found)


def find_row(session: Session, address: Address, *, caller: Caller) -> sa.RowMapping:
    """The row of an entry that the caller may see. Raises `NotFound` of its kind."""
    kind, parts = address
    if len(parts) == 1:
        shown = find_entry(session, kind, given=parts[0], caller=caller)
        return read_row(session, kind, entry=shown, caller=caller)
    if kind is Kind.MODEL:
        return find_model(session, parts[0], name=parts[1], caller=caller)
    return find_version(session, (parts[0], parts[1]), label=parts[2], caller=caller)


def read_row(session: Session, kind: Kind, *, entry: UUID, caller: Caller) -> sa.RowMapping:
    """The row of an entry by its id."""
    view = View(kind, caller)
    found = select_entries(view).where(*view.here(), view.entry.c.id == entry)
    return session.execute(found).mappings().one()


def hold_field(session: Session, kind: Kind, *, entry: UUID, field: str) -> Held:
    """Lock an entry and fold it. Raises `Moved`, `EntryReplaced`."""
    lock_entries(session, [entry])
    (folded,) = fold_entries(session, [entry])
    if folded.standing.merged_into is not None:
        raise Moved
    if folded.standing.replaced_by is not None:
        raise EntryReplaced(entry=entry)
    pins = tuple(pin for pin in folded.pins if pin.field == field)
    return Held(kind, entry, field, folded, pins)


def check_might(session: Session, entry: UUID, *, caller: Caller) -> None:
    """Refuse at once who could pin nothing of an entry, before anything is looked up or written."""
    if not caller.may("conflicts:resolve") and not owns(session, caller, entry_id=entry):
        raise NotYours(entry=entry)


def check_right(session: Session, held: Held, *, caller: Caller) -> None:
    """May the caller pin this field, or release its pin? Raises `NotYours`.

    See docs/adr/0011-who-resolves-a-contested-field.md.
    """
    if owns(session, caller, entry_id=held.entry):
        return
    namespace = held.folded.standing.namespace
    mine = held.pin is not None and held.pin.pinned_by == caller.id
    if caller.may_in("conflicts:resolve", namespace) and (
        held.contested or mine or _lacks_owner(held)
    ):
        return
    raise NotYours(entry=held.entry, field=held.field)


def _lacks_owner(held: Held) -> bool:
    """Is it asked who owns what nobody is accountable for?"""
    said = held.folded.beneath.get(OWNERS)
    stated: Any = said.value if said is not None else None
    owners = (one.get("role", ACCOUNTABLE) for one in stated or ())
    return held.field == OWNERS and ACCOUNTABLE not in owners


def mention(session: Session, named: Iterable[Identifier], *, by: Pinner) -> set[UUID]:
    """Begin a stub for everything that a pin names and nobody has described; answers which.

    Raises `Invalid` for names that only a source can give: a model, a version, a deployment. Who is
    bound to namespaces names what it sees, and new owners: a link would show it more.
    """
    identifiers = sorted(set(named), key=str)
    if not identifiers:
        return set()
    placement = Placement(NOBODYS)
    known.read_known(session, placement, identifiers=identifiers)
    known_ones = {entry for one in identifiers if (entry := placement.entry(one)) is not None}
    seen = _seen(session, known_ones, caller=by.caller)
    bound = by.caller.namespaces is not None
    unknown = [one for one in identifiers if placement.entry(one) not in seen]
    if problems := [
        FieldProblem(
            pointer="/value",
            message=f"names a {one.kind} that the catalog does not know",
            fix="Name one that a source has described and that you may see.",
        )
        for one in unknown
        if one.kind in NAMESPACED or is_natural(one) or (bound and one.kind is not Kind.OWNER)
    ]:
        raise Invalid(*problems)
    placement.refer(unknown)
    sources, actor = list_sources(session), by.caller.actor
    write_identity(session, placement, items=(), sources=sources, actor=actor)
    return set(placement.begun)


def _seen(session: Session, entries: set[UUID], *, caller: Caller) -> set[UUID]:
    """Those of the entries that the caller may see."""
    if caller.namespaces is None or not entries:
        return entries
    shown = sa.select(ENTRY.c.id).where(among(ENTRY.c.id, entries), visible(caller))
    return set(session.execute(shown).scalars())


def clock(session: Session) -> datetime:
    """The database's clock, which orders pins."""
    found: datetime = session.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return found
