"""Which entry is each identifier of a batch? Known ones are found, new ones begin, equal ones meet.

Reads and plans only; `identity.py` writes the plan down.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session
from uuid_utils.compat import uuid7

from schemas.identifiers import SCHEMES, Identifier, Kind, encode_segment, fold_name
from schemas.observation import Refusal
from schemas.strict import instant_text
from service.catalog.tables import Entry, SubjectRow
from service.ingest.batch import Item, is_natural, keeps_alive
from service.ingest.sources import SourceFacts
from service.ingest.tables import (
    AbsenceRow,
    IdentityDecision,
    ObservationRow,
    SightingRow,
)
from service.recordset import recordset

REPLACEABLE: Final = frozenset({Kind.MODEL, Kind.VERSION, Kind.DEPLOYMENT})
REGISTRIES: Final = frozenset({"mlflow"})  # schemes of versions whose numbers are a registry's own
NAMESPACED: Final = frozenset({Kind.MODEL, Kind.VERSION, Kind.USE, Kind.DEPLOYMENT})


class Known(NamedTuple):
    """What the catalog knew about one identifier before the batch."""

    subject_id: int | None
    entry: UUID | None
    created_at: str | None = None  # as this source currently states it
    when: datetime | None = None


class Placed(NamedTuple):
    """An entry as far as identity needs it."""

    id: UUID
    kind: str
    namespace: str | None
    natural_key: str | None
    first_seen_at: datetime
    numbered_by: int | None = None


class Meeting(NamedTuple):
    """Two entries that one observation calls the same."""

    stays: UUID
    joins: UUID
    because: Item


class Placement:
    """Where the identifiers of a batch belong; filled observation by observation."""

    def __init__(self, source: SourceFacts) -> None:
        """Begin with nothing known."""
        self.source = source
        self.known: dict[Identifier, Known] = {}
        self.entries: dict[UUID, Placed] = {}
        self.live: dict[UUID, list[tuple[int, Identifier]]] = {}
        self.apart: set[frozenset[UUID]] = set()
        self.entry_of: dict[Identifier, UUID] = {}
        self.begun: dict[UUID, Placed] = {}
        self.stubs: set[UUID] = set()
        self.numbered: set[UUID] = set()
        self.merges: list[Meeting] = []
        self.proposed: list[Meeting] = []
        self.replaced: dict[UUID, tuple[UUID, bool]] = {}  # old → (new, does the old one retire)
        self.refused: list[Refusal] = []
        self._joined: dict[UUID, UUID] = {}

    def entry(self, identifier: Identifier) -> UUID | None:
        """The entry that an identifier belongs to, merges followed."""
        found = self.entry_of.get(identifier)
        if found is None and identifier in self.known:
            found = self.known[identifier].entry
        while found in self._joined:
            found = self._joined[found]
        return found

    def placed(self, entry: UUID) -> Placed:
        """What identity knows of an entry, new ones included."""
        return self.begun.get(entry) or self.entries[entry]

    def place(self, item: Item) -> bool:
        """Find or begin the entry of an observation; False when it is refused."""
        claims = list(item.claims)
        natural = next((claim for claim in claims if is_natural(claim)), None)
        if natural is not None and self._collides(item, natural):
            return self._refuse_collision(item)
        if self._is_another_thing(item):
            self._replace(item, claims, natural)
            return True
        found = list(dict.fromkeys(e for claim in claims if (e := self.entry(claim)) is not None))
        own = self.entry(item.subject)
        target = min(found, key=self._age) if found else self._begin(item.subject, natural)
        for other in found:
            if other != target and not self._meet(target, other, item):
                target = own or target
        for claim in claims:
            if self.entry(claim) in {None, target} or claim == item.subject:
                self.entry_of[claim] = target
        return True

    def refer(self, mentioned: Iterable[Identifier]) -> None:
        """Begin a stub for everything that is mentioned and that no source has described yet."""
        for identifier in mentioned:
            if SCHEMES[identifier.kind][identifier.scheme].lookup_only:
                continue
            if self.entry(identifier) is None:
                natural = identifier if is_natural(identifier) else None
                stub = self._begin(identifier, natural)
                self.entry_of[identifier] = stub
                self.stubs.add(stub)

    def number(self, item: Item) -> Item:
        """Add a registry version's natural name: the first registry of a model holds the numbers."""
        facts = item.observation.facts
        model, number = getattr(facts, "model", None), getattr(facts, "number", None)
        if item.subject.scheme not in REGISTRIES or model is None or number is None:
            return item
        entry = self.entry(model)
        placed = self.placed(entry) if entry else None
        if placed is None or placed.natural_key is None:
            return item
        if placed.numbered_by is None:
            placed = placed._replace(numbered_by=self.source.id)
            (self.begun if placed.id in self.begun else self.entries)[placed.id] = placed
            self.numbered.add(placed.id)
        label = encode_segment(fold_name(number))
        if placed.numbered_by != self.source.id:
            label = f"{label}@{self.source.name}"
        value = f"{placed.natural_key}/{label}"
        name = Identifier(kind=Kind.VERSION, scheme="number", value=value)
        return item._replace(claims=(*item.claims, name))

    def _age(self, entry: UUID) -> tuple[datetime, UUID]:
        return self.placed(entry).first_seen_at, entry

    def _begin(self, identifier: Identifier, natural: Identifier | None) -> UUID:
        entry = uuid7()
        namespace = None
        if identifier.kind in NAMESPACED:
            namespace = self.source.namespace_of(natural or identifier)
            if natural is not None:
                namespace = natural.value.split("/", 1)[0]
        key = natural.value if natural else None
        self.begun[entry] = Placed(entry, identifier.kind, namespace, key, datetime.now(UTC))
        return entry

    def _meet(self, stays: UUID, joins: UUID, item: Item) -> bool:
        """Two entries turn out to be one; answers whether they may become it."""
        one, other = self.placed(stays), self.placed(joins)
        if frozenset({stays, joins}) in self.apart:
            return False
        if joins in self.begun or stays in self.begun:
            self.begun.pop(joins, None)
            self.stubs.discard(joins)
        elif one.namespace != other.namespace:
            self.proposed.append(Meeting(stays, joins, item))
            return False
        else:
            self.merges.append(Meeting(stays, joins, item))
        self._joined[joins] = stays
        return True

    def _is_another_thing(self, item: Item) -> bool:
        """The same identifier with another creation time, newly said: not what it was."""
        known = self.known.get(item.subject)
        if known is None or known.entry is None or item.subject.kind not in REPLACEABLE:
            return False
        if known.created_at is None or item.created_at is None or known.when is None:
            return False
        return (
            instant_text(item.created_at) != known.created_at
            and item.observed_at > known.when
            and self.entry_of.get(item.subject) is None
        )

    def _replace(self, item: Item, claims: Sequence[Identifier], natural: Identifier | None) -> None:
        old = self.entry(item.subject)
        assert old is not None  # noqa: S101  # _is_another_thing has looked
        stays_alive = any(subject != item.subject for _, subject in self.live.get(old, []))
        keeps_name = stays_alive and natural is not None and self.entry(natural) == old
        new = self._begin(item.subject, None if keeps_name else natural)
        self.replaced[old] = (new, not stays_alive)
        for claim in claims:
            if claim == item.subject or (is_natural(claim) and not keeps_name):
                self.entry_of[claim] = new

    def _collides(self, item: Item, natural: Identifier) -> bool:
        """Do two live subjects of this source fold to one name?"""
        holder = self.entry(natural)
        if holder is None or self.entry(item.subject) == holder:
            return False
        others = [
            subject
            for source, subject in self.live.get(holder, [])
            if source == self.source.id and subject.scheme == item.subject.scheme
        ]
        return bool(set(others) - set(item.claims))

    def _refuse_collision(self, item: Item) -> bool:
        self.refused.append(
            Refusal(
                index=item.index,
                subject=item.subject,
                pointer="/facts/name",
                code="name_collision",
                message="another subject of this source has the same name when case is ignored; "
                "tag one of them with catalog.name",
            )
        )
        return False


def read_known(
    session: Session, placement: Placement, identifiers: Iterable[Identifier]
) -> None:
    """Look up identifiers: natural names by the entry that bears them, all others by subject."""
    wanted = [i for i in dict.fromkeys(identifiers) if i not in placement.known]
    rows = [
        {"i": n, "kind": i.kind, "scheme": i.scheme, "value": i.value, "natural": is_natural(i)}
        for n, i in enumerate(wanted)
    ]
    given = recordset(
        rows, i=sa.Integer(), kind=sa.Text(), scheme=sa.Text(), value=sa.Text(),
        natural=sa.Boolean(),
    )  # fmt: skip
    subject, named, sighting, observation = (
        table.__table__.alias() for table in (SubjectRow, Entry, SightingRow, ObservationRow)
    )
    key = (subject.c.kind == given.c.kind, subject.c.scheme == given.c.scheme)
    query = (
        sa.select(
            given.c.i,
            subject.c.id,
            sa.func.coalesce(named.c.id, subject.c.entry_id),
            observation.c.facts["created_at"].astext,
            sighting.c.effective_at,
        )
        .select_from(given)
        .outerjoin(subject, sa.and_(*key, subject.c.value == given.c.value))
        .outerjoin(
            named,
            sa.and_(
                given.c.natural,
                named.c.kind == given.c.kind,
                named.c.natural_key == given.c.value,
                named.c.replaced_by.is_(None),
                named.c.merged_into.is_(None),
            ),
        )
        .outerjoin(
            sighting,
            sa.and_(
                sighting.c.subject_id == subject.c.id,
                sighting.c.source_id == placement.source.id,
            ),
        )
        .outerjoin(observation, observation.c.id == sighting.c.observation_id)
    )
    for position, *known in session.execute(query):
        placement.known[wanted[position]] = Known(*known)
    _read_entries(session, placement)


def _read_entries(session: Session, placement: Placement) -> None:
    table = Entry.__table__
    found = {known.entry for known in placement.known.values() if known.entry is not None}
    missing = sorted(found - placement.entries.keys())
    rows = session.execute(
        sa.select(*(table.c[name] for name in Placed._fields)).where(table.c.id.in_(missing))
    )
    placement.entries |= {row.id: Placed(*row) for row in rows}
    decision = IdentityDecision.__table__
    apart = session.execute(
        sa.select(decision.c.entry_id, decision.c.other_id).where(
            decision.c.op.in_(("separated", "replaced")),
            decision.c.lifted_at.is_(None),
            sa.or_(decision.c.entry_id.in_(missing), decision.c.other_id.in_(missing)),
        )
    )
    placement.apart |= {frozenset(pair) for pair in apart}


def read_live(session: Session, placement: Placement, items: Iterable[Item]) -> None:
    """For entries that may be replaced or collide: the live subjects that keep them alive."""
    doubtful = set()
    for item in items:
        own = placement.known[item.subject].entry
        for claim in item.claims:
            entry = placement.known[claim].entry
            if entry is not None and (entry != own or placement._is_another_thing(item)):  # noqa: SLF001
                doubtful.add(entry)
    if not doubtful:
        return
    subject, sighting, absence = (t.__table__ for t in (SubjectRow, SightingRow, AbsenceRow))
    gone = sa.exists().where(
        absence.c.source_id == sighting.c.source_id,
        absence.c.subject_id == sighting.c.subject_id,
        absence.c.gone_since.is_not(None),
    )
    rows = session.execute(
        sa.select(
            subject.c.entry_id,
            sighting.c.source_id,
            subject.c.kind,
            subject.c.scheme,
            subject.c.value,
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .where(subject.c.entry_id.in_(sorted(doubtful)), ~gone)
    )
    for entry, source, kind, scheme, value in rows:
        identifier = Identifier(kind=kind, scheme=scheme, value=value)
        if keeps_alive(identifier):
            placement.live.setdefault(entry, []).append((source, identifier))
