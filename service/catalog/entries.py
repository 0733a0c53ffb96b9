"""Finds one entry by what a reader knows of it: its id, or one of its identifiers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Session

from schemas.identifiers import NATURAL, SCHEMES, Identifier, Kind
from service.access.policy import Caller
from service.catalog import rows
from service.catalog.view import SUBJECT, View, bears_name
from service.errors import NotFound

PLURALS: Final = rows.PLURALS
WORDS: Final[Mapping[Kind, str]] = {
    kind: kind.value.replace("_", " ") for kind in Kind
}  # as people say them


class EntryNotFound(NotFound):
    """Nothing that you may see has this id or identifier.

    Give an entry's id, or an identifier `scheme:value` with its value percent-encoded:
    `uri:s3:%2F%2Flake%2Fchurn`. `GET /api/v1/explain` says why something is missing.
    """


def find_entry(
    session: Session, kind: Kind, *, given: str, caller: Caller, as_of: datetime | None = None
) -> UUID:
    """The entry that an id or identifier names or named, whatever it was merged into.

    Raises `EntryNotFound`, also for what the caller may not see.
    """
    view = View(kind, caller, as_of=as_of)
    entry, named = view.entry, view.entry.alias("named")
    wanted = sa.select(sa.func.coalesce(named.c.merged_into, named.c.id)).where(
        _named(view, named, given=given), named.c.kind == kind
    )
    found: UUID | None = session.execute(
        sa.select(entry.c.id).where(entry.c.id.in_(wanted), view.sees(entry)).limit(1)
    ).scalar_one_or_none()
    if found is None:
        raise EntryNotFound(kind=kind)
    return found


def _named(view: View, entry: sa.FromClause, *, given: str) -> sa.ColumnElement[bool]:
    try:
        return entry.c.id == UUID(given)
    except ValueError:
        identifier = read_identifier(view.kind, given)
    if (view.kind, identifier.scheme) in NATURAL:
        return sa.and_(entry.c.natural_key == identifier.value, bears_name(entry))
    subject = view.subject
    stands = sa.select(subject.c.entry_id).where(is_subject(identifier, subject))
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


def is_subject(identifier: Identifier, subject: sa.FromClause = SUBJECT) -> sa.ColumnElement[Any]:
    """The subject that an identifier is."""
    return sa.and_(
        subject.c.kind == identifier.kind,
        subject.c.scheme == identifier.scheme,
        subject.c.value == identifier.value,
    )
