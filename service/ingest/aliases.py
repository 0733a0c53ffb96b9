"""Identifiers of owners that no source knows: given, and taken back, by people."""

import json
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind
from schemas.identity import AddAlias, Alias
from service.access.policy import Caller
from service.catalog.entries import is_subject, read_identifier
from service.catalog.tables import Entry, SubjectRow
from service.errors import Conflict, NotFound
from service.ingest.called import Called, Decider, check_may, find_called
from service.ingest.decisions import Decided, store_decisions
from service.ingest.follow import referring
from service.ingest.lock import lock_entries
from service.ingest.merge import lift
from service.ingest.project import project
from service.ingest.sources import list_sources
from service.ingest.tables import IdentityDecision, SightingRow
from service.ledger.change import Change
from service.ledger.tables import ChangeRow

ALIAS: Final = "alias"

entry, subject, sighting, decision, change = (
    table.__table__ for table in (Entry, SubjectRow, SightingRow, IdentityDecision, ChangeRow)
)
GIVEN: Final = sa.and_(
    decision.c.op == "claim",
    decision.c.evidence["claim"].astext == ALIAS,
    decision.c.lifted_at.is_(None),
)


class IdentifierTaken(Conflict):
    """The identifier belongs to an owner already.

    If the two owners are one, merge them: `POST /owners/{entry}:merge`.
    """


class AliasNotFound(NotFound):
    """The owner has no alias of this identifier.

    Only what a person gave to an owner can be taken back; what a source says stays.
    """


def list_aliases(session: Session, owner: str, *, caller: Caller) -> list[Alias]:
    """What people gave to an owner, the oldest first."""
    found = find_called(session, Kind.OWNER, given=owner, caller=caller)
    rows = session.execute(_select(found.root).order_by(decision.c.id)).mappings()
    return [_alias(row, owner=found.root) for row in rows]


def add_alias(session: Session, owner: str, *, asked: AddAlias, by: Decider) -> Alias:
    """Give an identifier to an owner. Raises `IdentifierTaken`, `EntryNotFound`."""
    identifier = read_identifier(Kind.OWNER, asked.identifier)
    found = find_called(session, Kind.OWNER, given=owner, caller=by.caller)
    check_may(by.caller, None)
    _give(session, identifier, found=found)
    lock_entries(session, {found.root})
    said = {"claim": ALIAS, "identifier": identifier.model_dump(mode="json")}
    _decide(session, "alias", identifier=identifier, found=found, by=by, said=said)
    project(
        session, {found.root, *referring(session, {found.root})}, sources=list_sources(session),
        cause=by.cause,
    )  # fmt: skip
    row = session.execute(_select(found.root).where(_is_of(identifier))).mappings().one()
    return _alias(row, owner=found.root)


def remove_alias(session: Session, owner: str, *, identifier: str, by: Decider) -> None:
    """Take an identifier back. Raises `AliasNotFound`. What a source says by now stays."""
    named = read_identifier(Kind.OWNER, identifier)
    found = find_called(session, Kind.OWNER, given=owner, caller=by.caller)
    check_may(by.caller, None)
    lock_entries(session, {found.root})
    row = session.execute(_select(found.root).where(_is_of(named))).mappings().one_or_none()
    if row is None:
        raise AliasNotFound
    lift(session, [row["id"]])
    spoken = sa.exists().where(sighting.c.subject_id == subject.c.id)
    session.execute(
        sa.update(subject)
        .where(is_subject(named), subject.c.entry_id == found.root, ~spoken)
        .values(entry_id=None, home_id=None)
    )
    said = {"claim": "withdrawn", "identifier": named.model_dump(mode="json")}
    _decide(session, "withdraw", identifier=named, found=found, by=by, said=said)
    referred = referring(session, {found.root})
    project(session, {found.root, *referred}, sources=list_sources(session), cause=by.cause)


def _give(session: Session, identifier: Identifier, *, found: Called) -> None:
    """The subject, unless it stands somewhere: whoever is known by it is an owner already."""
    key = {"kind": identifier.kind, "scheme": identifier.scheme, "value": identifier.value}
    new = insert(subject).values(**key, entry_id=found.root)
    free = new.on_conflict_do_update(
        index_elements=["kind", "scheme", "value"],
        set_={"entry_id": new.excluded.entry_id, "home_id": None},
        where=subject.c.entry_id.is_(None),
    )
    if session.execute(free.returning(subject.c.id)).one_or_none() is None:
        raise IdentifierTaken


def _decide(
    session: Session, op: str, *, identifier: Identifier, found: Called, by: Decider, said: Any
) -> None:
    told = Change(op, Kind.OWNER, by.caller.actor, entry=found.root, new=str(identifier),
                  reason=by.reason, request=by.request)  # fmt: skip
    decided = Decided("claim", Kind.OWNER, found.root, evidence=said)
    store_decisions(session, [decided], changes=[told], reason=by.reason)


def _select(root: UUID) -> sa.Select[Any]:
    """What was given to an owner, or to one that is merged into it."""
    members = sa.select(entry.c.id).where(sa.or_(entry.c.id == root, entry.c.merged_into == root))
    return (
        sa.select(
            decision.c.id, decision.c.evidence, decision.c.reason, change.c.recorded_at,
            change.c.canon,
        )
        .join(change, change.c.id == decision.c.change_id)
        .where(GIVEN, decision.c.entry_id.in_(members))
    )  # fmt: skip


def _is_of(identifier: Identifier) -> sa.ColumnElement[bool]:
    said = decision.c.evidence["identifier"]
    return sa.and_(
        said["scheme"].astext == identifier.scheme, said["value"].astext == identifier.value
    )


def _who(canon: str) -> str:
    """Who wrote a ledger row."""
    who: str = json.loads(canon)["actor"]["id"]
    return who


def _alias(row: sa.RowMapping, *, owner: UUID) -> Alias:
    said = row["evidence"]["identifier"]
    return Alias(
        owner=owner, identifier=f"{said['scheme']}:{said['value']}", added_at=row["recorded_at"],
        added_by=_who(row["canon"]), reason=row["reason"],
    )  # fmt: skip
