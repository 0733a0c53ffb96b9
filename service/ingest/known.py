"""Looks up identifiers: natural names by the entry that bears them, all others by subject."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import NATURAL, Identifier, Kind, natural_name
from service.catalog.tables import Entry, SubjectRow
from service.ingest.batch import Item, keeps_alive
from service.ingest.placed import Alive, Called, Known, Placed
from service.ingest.record import KEY as STATED_KEY
from service.ingest.record import sighted_at
from service.ingest.resolve import Placement
from service.ingest.tables import (
    AbsenceRow,
    IdentityDecision,
    ObservationRow,
    ScopeRow,
    SightingRow,
)
from service.recordset import among, recordset

ACCEPTED: Final = frozenset({"same", "transfer"})
KEY = {"kind": sa.Text(), "scheme": sa.Text(), "value": sa.Text()}

entry, subject, sighting, observation, scope, absence, decision = (
    table.__table__
    for table in (
        Entry, SubjectRow, SightingRow, ObservationRow, ScopeRow, AbsenceRow, IdentityDecision,
    )
)  # fmt: skip


def numbered(identifiers: Sequence[tuple[str, str, str]]) -> sa.FromClause:
    """Identifiers as rows, `i` their position; `natural` says how each is looked up."""
    rows = [
        {"i": n, "kind": str(kind), "scheme": scheme, "value": value,
         "natural": (kind, scheme) in NATURAL}
        for n, (kind, scheme, value) in enumerate(identifiers)
    ]  # fmt: skip
    return recordset(rows, i=sa.Integer(), **KEY, natural=sa.Boolean())


def as_key(identifier: Identifier) -> dict[str, str]:
    """An identifier as a row of the columns in `KEY`."""
    return {"kind": str(identifier.kind), "scheme": identifier.scheme, "value": identifier.value}


def stored_identifier(kind: str, scheme: str, *, value: str) -> Identifier:
    """An identifier that was validated when it came in: thousands are read with every batch."""
    return Identifier.model_construct(kind=Kind(kind), scheme=scheme, value=value)


def is_subject(subject: sa.FromClause, given: sa.FromClause) -> sa.ColumnElement[bool]:
    """The subject of just this identifier."""
    return sa.and_(*(subject.c[name] == given.c[name] for name in KEY))


def bearer(given: sa.FromClause) -> sa.FromClause:
    """The entry that bears a natural name now, looked up row by row through its index.

    As a join it would be the planner's to order, and of a table that was just filled it knows
    nothing: it has compared every name with every entry.
    """
    named = entry.alias("named")
    return sa.select(named.c.id).where(bears_name(named, given)).limit(1).lateral()


def known_subject(given: sa.FromClause) -> sa.FromClause:
    """The subject of each identifier, looked up row by row through its index, likewise."""
    found = sa.select(*subject.c["id", "entry_id", "home_id"]).where(is_subject(subject, given))
    return found.limit(1).lateral()


def bears_name(entry: sa.FromClause, given: sa.FromClause) -> sa.ColumnElement[bool]:
    """The one entry that bears a natural name now."""
    return sa.and_(
        given.c.natural,
        entry.c.kind == given.c.kind,
        entry.c.natural_key == given.c.value,
        entry.c.replaced_by.is_(None),
        entry.c.merged_into.is_(None),
    )


def read_known(
    session: Session, placement: Placement, *, identifiers: Iterable[Identifier]
) -> None:
    """Read where identifiers belong so far, and what this source currently says of them."""
    wanted = [i for i in dict.fromkeys(identifiers) if i not in placement.known]
    if not wanted:
        return
    given = numbered([(i.kind, i.scheme, i.value) for i in wanted])
    known = known_subject(given)
    said = _said_by(placement.source.id, known)
    named = bearer(given)
    query = (
        sa.select(
            given.c.i,
            known.c.id,
            known.c.entry_id,
            sa.func.coalesce(named.c.id, known.c.entry_id),
            named.c.id.is_not(None),
            said.c.created_at,
            said.c.confirmed,
            known.c.home_id,
        )
        .select_from(given)
        .outerjoin(known, sa.true())
        .outerjoin(named, sa.true())
        .outerjoin(said, sa.true())
    )
    for position, *row in session.execute(query).all():
        placement.known[wanted[position]] = Known(*row)
    found = {known.entry for known in placement.known.values() if known.entry is not None}
    read_entries(session, placement, entries=found)


def _said_by(source: int, known: sa.FromClause) -> sa.FromClause:
    """What a source currently says of a subject, as far as identity asks for it."""
    return (
        sa.select(
            observation.c.facts["created_at"].astext.label("created_at"),
            sighted_at(absence).label("confirmed"),
        )
        .join_from(sighting, observation, observation.c.id == sighting.c.observation_id)
        .outerjoin(scope, scope.c.id == sighting.c.scope_id)
        .outerjoin(absence, sa.and_(*(absence.c[c] == sighting.c[c] for c in STATED_KEY)))
        .where(sighting.c.subject_id == known.c.id, sighting.c.source_id == source)
        .limit(1)
        .lateral()
    )


def read_entries(session: Session, placement: Placement, *, entries: Iterable[UUID]) -> None:
    """Read entries that are not known yet."""
    missing = set(entries) - placement.entries.keys()
    if missing:
        read = sa.select(*entry.c[*Placed._fields])
        rows = session.execute(read.where(among(entry.c.id, missing)))
        placement.entries |= {row.id: Placed(*row) for row in rows}


def read_doubtful(session: Session, placement: Placement, *, items: Iterable[Item]) -> None:
    """For entries that may meet, be entered or be replaced: who lives there, what was decided."""
    doubtful = placement.doubtful(items)
    if doubtful:
        _read_live(session, placement, entries=doubtful)
        read_decisions(session, placement, entries=doubtful)


def _read_live(session: Session, placement: Placement, *, entries: set[UUID]) -> None:
    gone = sa.exists().where(
        *(absence.c[c] == sighting.c[c] for c in STATED_KEY), absence.c.gone_since.is_not(None)
    )
    outliving = sa.or_(subject.c.kind == Kind.REPOSITORY, subject.c.scheme == "manifest")
    rows = session.execute(
        sa.select(
            subject.c.entry_id,
            sighting.c.source_id,
            subject.c.kind,
            subject.c.scheme,
            subject.c.value,
            observation.c.facts["namespace"].astext,
            observation.c.facts["name"].astext,
            sighting.c.effective_at,
            observation.c.facts["url"].astext,
            gone.label("gone"),
        )
        .join_from(subject, sighting, sighting.c.subject_id == subject.c.id)
        .join(observation, observation.c.id == sighting.c.observation_id)
        .where(among(subject.c.entry_id, entries), sa.or_(~gone, outliving))
    )
    for home, source, kind, scheme, value, namespace, name, seen, url, is_gone in rows:
        identifier = stored_identifier(kind, scheme, value=value)
        if identifier.kind is Kind.REPOSITORY:
            placement.numbers.setdefault(home, {})[identifier] = Called(seen, url)
        if is_gone and scheme == "manifest":
            placement.former.setdefault(home, set()).add(identifier)
        elif not is_gone and keeps_alive(identifier):
            stated = natural_name(namespace, name) if namespace and name else None
            known = placement.live.setdefault(home, [])
            known.append(Alive(source, identifier, stated))


def read_decisions(session: Session, placement: Placement, *, entries: set[UUID]) -> None:
    """Decisions about the entries and about those that were merged into them."""
    given = sa.select(entry.c.id, entry.c.id.label("root")).where(among(entry.c.id, entries))
    merged = sa.select(entry.c.id, entry.c.merged_into).where(among(entry.c.merged_into, entries))
    member = sa.union_all(given, merged).cte("member")
    concerned = sa.union(
        *(
            sa.select(decision.c.id).join(member, member.c.id == side)
            for side in (decision.c.entry_id, decision.c.other_id)
        )
    ).cte("concerned")
    one, two = entry.alias("one"), entry.alias("two")
    rows = session.execute(
        sa.select(
            decision.c.id,
            decision.c.op,
            sa.func.coalesce(one.c.merged_into, one.c.id),
            sa.func.coalesce(two.c.merged_into, two.c.id),
            sa.case((decision.c.op == "claim", decision.c.evidence)),
        )
        .join_from(concerned, decision, decision.c.id == concerned.c.id)
        .join(one, one.c.id == decision.c.entry_id)
        .outerjoin(two, two.c.id == decision.c.other_id)
        .where(decision.c.op != "merge")
        .where(sa.or_(decision.c.lifted_at.is_(None), decision.c.op == "claim"))
        .order_by(decision.c.id)
    )
    for number, op, this, other, said in rows.all():
        if op == "claim":
            _note_claim(placement, this, said=said)
        elif op == "numbering":
            placement.numbered_at.setdefault(this, number)
        elif op == "proposed":
            placement.suggested.add(frozenset({this, other}))
        elif other is not None:
            placement.apart.add(frozenset({this, other}))
        if op == "replaced":
            placement.heirs[other] = this
    read_entries(session, placement, entries=placement.heirs.values())


def _note_claim(placement: Placement, holder: UUID, *, said: Mapping[str, Any]) -> None:
    """A claim that is listed is not listed again; one that a person accepted is none any more."""
    claimant = said.get("subject")
    if claimant is None or said.get("decision") == "superseded":
        return
    known = stored_identifier(**claimant)
    placement.claimed.add((holder, known))
    if said.get("decision") in ACCEPTED:
        placement.accepted.setdefault(holder, set()).add(known)
