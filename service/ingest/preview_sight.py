"""What a caller may not have planned: it would tell of namespaces that it cannot read."""

from collections.abc import Iterator, Sequence
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier, Kind, split_natural_name
from schemas.observation import Refusal
from service.access.policy import Caller
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import reference_columns
from service.catalog.view import visible
from service.ingest import known
from service.ingest.batch import Item, is_natural
from service.ingest.placed import NAMESPACED
from service.recordset import recordset

CODE: Final = "not_visible"
MESSAGE: Final = (
    "names what is not in the catalog, or not where your token may read: which of the two is not "
    "told, so this observation is not previewed. The source may well push it"
)

entry, subject = Entry.__table__, SubjectRow.__table__


def hidden(session: Session, caller: Caller, *, items: Sequence[Item]) -> list[Refusal]:
    """Observations that depend on what a caller bound to namespaces cannot see.

    Whether they are refused, merged or recorded would say what stands where.
    """
    if caller.namespaces is None:
        return []
    said = {item.subject for item in items}
    named = {one for item in items for one in _others(item)}
    unclear = [one for one in named if not _may_name(caller, one)]
    found = _found(session, caller, identifiers=unclear)
    begins = {one for one in said - found.keys() if one.kind in NAMESPACED}
    unseen = {one for one in unclear if not found.get(one, False)} - begins
    return [
        Refusal(index=item.position, subject=item.subject, code=CODE, message=MESSAGE)
        for item in items
        if not unseen.isdisjoint(_others(item))
    ]


def _others(item: Item) -> Iterator[Identifier]:
    """What an observation says to be, and what it names of which a reader is told a name or facts.

    Owners are seen by everybody. Of what a fact lists, no more is shown than is stated.
    """
    facts, kind = item.observation.facts, item.subject.kind
    named = [getattr(facts, name, None) for name in reference_columns(kind)]
    named += [one for one in item.observation.mentioned() if one.kind in NAMESPACED]
    for one in (*item.claims, *named):
        if isinstance(one, Identifier) and one.kind is not Kind.OWNER and one != item.subject:
            yield one


def _may_name(caller: Caller, one: Identifier) -> bool:
    """Does its name say that it stands where the caller reads?"""
    return is_natural(one) and caller.namespaces is not None and (
        split_natural_name(one.value)[0] in caller.namespaces
    )  # fmt: skip


def _found(
    session: Session, caller: Caller, *, identifiers: Sequence[Identifier]
) -> dict[Identifier, bool]:
    """Those that stand for an entry, and whether the caller may see it."""
    rows = [{"i": i, **known.as_key(one)} for i, one in enumerate(identifiers)]
    if not rows:
        return {}
    given = recordset(rows, i=sa.Integer(), **known.KEY)
    found = session.execute(
        sa.select(given.c.i, sa.type_coerce(visible(caller), sa.Boolean))
        .join_from(given, subject, known.is_subject(subject, given))
        .join(entry, entry.c.id == subject.c.entry_id)
    )
    return {identifiers[i]: seen for i, seen in found}
