"""Whose an address is: it goes with a repository's name, its host's number for it stays.

Of two repositories of one host that were called alike, the one that was read last bears the
address. Whoever takes a name that became free takes nothing else with it.
"""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import canonical_repository_url
from schemas.facts import RepositoryFacts
from schemas.identifiers import Identifier, Kind
from service.catalog.tables import SubjectRow
from service.ingest.batch import Item
from service.ingest.contest import MANIFEST, repository_of
from service.ingest.placed import Called
from service.ingest.resolve import Placement
from service.ingest.tables import ObservationRow
from service.recordset import among

NUMBERED: Final = frozenset({"github", "gitlab", "azure"})  # schemes: a host's own numbers

subject, observation = SubjectRow.__table__, ObservationRow.__table__


def is_numbered(identifier: Identifier) -> bool:
    """Is it a host's number for a repository?"""
    return identifier.kind is Kind.REPOSITORY and identifier.scheme in NUMBERED


def claim_address(placement: Placement, item: Item) -> Item:
    """The observation with the addresses that are its own, taken from whoever bore them before.

    An older one takes nothing that another repository was seen to bear since.
    """
    if not is_numbered(item.subject) or placement.is_late(item):
        return item
    own, kept = placement.entry(item.subject), list[Identifier]()
    for claim in item.claims:
        holder = placement.entry(claim)
        others = placement.numbers.get(holder, {}) if holder not in {None, own} else {}
        rivals = [called for one, called in others.items() if _are_two(one, item.subject)]
        if claim != item.subject and rivals:
            if any(r.url == claim.value and r.when > item.observed_at for r in rivals):
                continue
            placement.set_free(claim)
        kept.append(claim)
    return item._replace(claims=tuple(kept))


def note_address(placement: Placement, item: Item) -> None:
    """A placed repository bears its number from now on."""
    entry, facts = placement.entry(item.subject), item.observation.facts
    if is_numbered(item.subject) and entry is not None and isinstance(facts, RepositoryFacts):
        called = Called(item.observed_at, facts.url)
        placement.numbers.setdefault(entry, {})[item.subject] = called


def note_called(placement: Placement, items: Iterable[Item]) -> None:
    """What repositories of the batch are called: models are placed before them."""
    for item in items:
        facts = item.observation.facts
        if isinstance(facts, RepositoryFacts) and facts.url is not None:
            placement.addresses.setdefault(item.subject.value, set()).add(facts.url)
        elif item.subject.scheme == MANIFEST and (url := _shown_at(item)) is not None:
            placement.addresses.setdefault(repository_of(item.subject), set()).add(url)


def _shown_at(item: Item) -> str | None:
    """The address of the repository in which people can look at a manifest."""
    evidence = item.observation.evidence
    try:
        return canonical_repository_url(evidence.url) if evidence and evidence.url else None
    except ValueError:
        return None


def read_addresses(session: Session, placement: Placement, *, items: Iterable[Item]) -> None:
    """What repositories are, and were ever, called where manifests of two claim one model.

    Asked only where there are such.
    """
    claiming = {repository_of(one.subject) for one in items if one.subject.scheme == MANIFEST}
    held = [one for every in placement.former.values() for one in every]
    held += [alive.subject for every in placement.live.values() for alive in every]
    holding = {repository_of(one) for one in held if one.scheme == MANIFEST}
    if not claiming or not holding - claiming:
        return
    for value, entry, url in session.execute(_called(claiming | holding)):
        placement.repositories[value] = entry
        if url is not None:
            placement.addresses.setdefault(value, set()).add(url)


def _called(repositories: Iterable[str]) -> sa.Select[Any]:
    return (
        sa.select(subject.c.value, subject.c.entry_id, observation.c.facts["url"].astext)
        .select_from(subject)
        .outerjoin(observation, observation.c.subject_id == subject.c.id)
        .where(subject.c.kind == Kind.REPOSITORY, among(subject.c.value, repositories))
        .where(subject.c.entry_id.is_not(None))
        .distinct()
    )


def are_numbered_apart(one: sa.FromClause, two: sa.FromClause) -> sa.ColumnElement[bool]:
    """Do two entries bear different numbers of one host? Then they are two repositories."""
    mine, theirs = subject.alias("mine_numbered"), subject.alias("theirs_numbered")
    hosts = (sa.func.split_part(side.c.value, "/", 1) for side in (mine, theirs))
    same_host = next(hosts) == next(hosts)
    return sa.exists().where(
        mine.c.entry_id == one.c.id,
        theirs.c.entry_id == two.c.id,
        mine.c.kind == Kind.REPOSITORY,
        mine.c.scheme.in_(sorted(NUMBERED)),
        mine.c.scheme == theirs.c.scheme,
        mine.c.value != theirs.c.value,
        same_host,
    )


def _are_two(one: Identifier, other: Identifier) -> bool:
    """Two numbers of one host."""
    hosts = {which.value.partition("/")[0] for which in (one, other)}
    return one.scheme == other.scheme and len(hosts) == 1 and one != other
