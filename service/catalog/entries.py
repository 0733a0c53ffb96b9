"""Finds one entry by what a reader knows of it: its id, or one of its identifiers."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Session

from schemas.identifiers import NATURAL, SCHEMES, Identifier, Kind
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.select import bears_name, entry, visible
from service.catalog.tables import SubjectRow
from service.errors import NotFound

subject = SubjectRow.__table__
PLURALS: Final = rows.PLURALS
WORDS: Final[Mapping[Kind, str]] = {
    kind: kind.value.replace("_", " ") for kind in Kind
}  # as people say them


class EntryNotFound(NotFound):
    """Nothing that you may see has this id or identifier.

    Give an entry's id, or an identifier `scheme:value` with its value percent-encoded:
    `uri:s3:%2F%2Flake%2Fchurn`. `GET /api/v1/explain` says why something is missing.
    """


def find_entry(session: Session, kind: Kind, *, given: str, caller: Caller) -> UUID:
    """The entry that an id or identifier names, whatever it was merged into.

    Raises `EntryNotFound`, also for what the caller may not see.
    """
    named = sa.select(sa.func.coalesce(entry.c.merged_into, entry.c.id)).where(
        _named(kind, given), entry.c.kind == kind
    )
    found: UUID | None = session.execute(
        sa.select(entry.c.id).where(entry.c.id.in_(named), visible(caller)).limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise EntryNotFound(kind=kind)
    return found


def _named(kind: Kind, given: str) -> sa.ColumnElement[bool]:
    try:
        return entry.c.id == UUID(given)
    except ValueError:
        identifier = read_identifier(kind, given)
    if (kind, identifier.scheme) in NATURAL:
        return sa.and_(entry.c.natural_key == identifier.value, bears_name())
    stands = sa.select(subject.c.entry_id).where(is_subject(identifier))
    return entry.c.id == stands.scalar_subquery()


def read_identifier(kind: Kind, given: str) -> Identifier:
    """`scheme:value` in canonical form. Raises `EntryNotFound`: nothing can have another one."""
    scheme, _, value = given.partition(":")
    try:
        return Identifier(kind=kind, scheme=scheme, value=value)
    except ValidationError:
        raise EntryNotFound(
            detail=f"Schemes of a {WORDS[kind]} are {', '.join(sorted(SCHEMES[kind]))}.", kind=kind
        ) from None


def entry_address(kind: Kind, natural_key: str | None, *, entry_id: UUID) -> str | None:
    """Where an entry is read: a model or version by its name, everything else by its id."""
    if kind in rows.PLURALS:
        return f"{rows.API}/{rows.PLURALS[kind]}/{entry_id}"
    return rows.entry_url(kind, natural_key)


def is_subject(identifier: Identifier) -> sa.ColumnElement[Any]:
    """The subject that an identifier is."""
    return sa.and_(
        subject.c.kind == identifier.kind,
        subject.c.scheme == identifier.scheme,
        subject.c.value == identifier.value,
    )
