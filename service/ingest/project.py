"""Turns folded entries into the rows they should be, and writes those that differ."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.digest import canonical_json, sha256
from schemas.identifiers import Identifier, Kind, number_key
from service.catalog import write
from service.catalog.tables import Entry, SubjectRow
from service.catalog.typed import link_facts, reference_columns, value_facts
from service.ingest.batch import is_natural
from service.ingest.fold import Reconciled, fold_entries, statements_of
from service.ingest.resolve import NAMESPACED
from service.ingest.sources import SourceFacts
from service.ledger.change import Actor
from service.recordset import recordset

Targets = Mapping[Identifier, UUID]


class Cause(NamedTuple):
    """Why entries change: who posted what."""

    actor: Actor
    source: str | None = None
    harvest: UUID | None = None
    request: str | None = None


def project(
    session: Session,
    entries: Iterable[UUID],
    *,
    sources: Mapping[int, SourceFacts],
    cause: Cause,
    repair: bool = False,
) -> write.Outcome:
    """Fold the entries and write what differs from the catalog, with its ledger rows.

    A repair has a ledger row for every difference, also in how a field was decided.
    """
    folded = fold_entries(session, entries, sources=sources)
    targets = find_targets(session, folded)
    desired = [desired_entry(one, targets=targets, sources=sources) for one in folded]
    return write.write_entries(session, desired, cause=cause, repair=repair)


def desired_entry(
    reconciled: Reconciled, *, targets: Targets, sources: Mapping[int, SourceFacts]
) -> write.Desired:
    """Everything that the catalog should say about one entry."""
    standing = reconciled.standing
    kind = Kind(standing.kind)
    if standing.merged_into is not None:
        return write.Desired(standing, kind, gone_since=standing.gone_since)
    statements = statements_of(reconciled, sources)
    positions = {id(one.facts): index for index, one in enumerate(reconciled.said)}
    fields = reconciled.fields
    links = tuple(
        link
        for name in sorted(link_facts(kind) & fields.keys())
        for link in _links(name, fields[name].value, targets)
    )
    row: dict[str, Any] = {name: None for name in value_facts(kind)}
    for name in row.keys() & fields.keys():
        row[name] = None if fields[name].candidates else fields[name].value
    for name, column in reference_columns(kind).items():
        stated = fields[name].value if name in fields else None
        row[column] = targets.get(_identifier(stated)) if stated else None
    if kind is Kind.VERSION:
        row["number_key"] = number_key(row["number"]) if row["number"] else None
    row |= {
        "statements": statements,
        "provenance": {
            name: [positions[id(s.facts)] for s in one.ranked] for name, one in fields.items()
        },
        "narrowed": {
            name: list(one.candidates) for name, one in fields.items() if one.candidates
        },
        "conflicts": sorted(name for name, one in fields.items() if one.conflict),
    }
    return write.Desired(
        standing,
        kind,
        row=row,
        links=links,
        natural_key=reconciled.natural_key,
        namespace=_namespace(reconciled, kind),
        stub=not reconciled.said,
        by_time=any(one.by_time for one in fields.values()),
        gone_since=reconciled.gone_since,
        grants=_grants(reconciled, kind, row=row, links=links),
    )


def _namespace(reconciled: Reconciled, kind: Kind) -> str | None:
    if kind not in NAMESPACED:
        return None
    key = reconciled.natural_key
    return key.split("/", 1)[0] if key else reconciled.standing.namespace


def _links(name: str, value: Any, targets: Targets) -> Iterable[write.LinkTo]:
    """A member of a set names its target under the target's kind, or is the identifier itself."""
    for item in value or ():
        member = dict(item) if "scheme" not in item else {"entry": item}
        named = next(part for part in member.values() if isinstance(part, Mapping))
        target = targets.get(_identifier(named))
        if target is not None:
            yield write.LinkTo(
                field=name,
                key=sha256(canonical_json(item)),
                target_id=target,
                role=member.get("role"),
                digest=member.get("digest"),
                attributes=dict(item),
            )


def _grants(
    reconciled: Reconciled,
    kind: Kind,
    *,
    row: Mapping[str, Any],
    links: Sequence[write.LinkTo],
) -> frozenset[tuple[UUID, str]]:
    """(entry, namespace) pairs that this entry makes visible: itself, and what it links to."""
    own = reconciled.standing.id
    if kind in NAMESPACED:
        namespace = _namespace(reconciled, kind)
        namespaces = frozenset({namespace} if namespace else ())
        granted: set[tuple[UUID, str]] = set()
    else:
        namespaces = reconciled.namespaces
        granted = {(own, namespace) for namespace in namespaces}
    linked = {row[column] for column in reference_columns(kind).values()}
    linked |= {link.target_id for link in links}
    granted |= {(target, namespace) for target in linked - {None} for namespace in namespaces}
    return frozenset(granted)


def _identifier(stated: Mapping[str, Any]) -> Identifier:
    return Identifier.model_construct(
        kind=Kind(stated["kind"]), scheme=stated["scheme"], value=stated["value"]
    )


def find_targets(session: Session, folded: Sequence[Reconciled]) -> Targets:
    """The entries that the folded values name; natural names by the entry that bears them."""
    named = sorted(
        {
            (identifier.kind, identifier.scheme, identifier.value)
            for one in folded
            for name, field in one.fields.items()
            if name in reference_columns(Kind(one.standing.kind))
            or name in link_facts(Kind(one.standing.kind))
            for identifier in _named(field.value)
        }
    )
    if not named:
        return {}
    identifiers = [
        Identifier.model_construct(kind=Kind(kind), scheme=scheme, value=value)
        for kind, scheme, value in named
    ]
    rows = [
        {"i": n, "kind": i.kind, "scheme": i.scheme, "value": i.value, "natural": is_natural(i)}
        for n, i in enumerate(identifiers)
    ]
    given = recordset(
        rows, i=sa.Integer(), kind=sa.Text(), scheme=sa.Text(), value=sa.Text(),
        natural=sa.Boolean(),
    )  # fmt: skip
    subject, entry = SubjectRow.__table__, Entry.__table__
    same = (subject.c.kind == given.c.kind, subject.c.scheme == given.c.scheme)
    bears = sa.and_(
        given.c.natural,
        entry.c.kind == given.c.kind,
        entry.c.natural_key == given.c.value,
        entry.c.replaced_by.is_(None),
        entry.c.merged_into.is_(None),
    )
    query = (
        sa.select(given.c.i, sa.func.coalesce(entry.c.id, subject.c.entry_id))
        .select_from(given)
        .outerjoin(subject, sa.and_(*same, subject.c.value == given.c.value))
        .outerjoin(entry, bears)
    )
    return {identifiers[i]: found for i, found in session.execute(query) if found is not None}


def _named(value: Any) -> Iterable[Identifier]:
    if isinstance(value, Mapping):
        if value.keys() == {"kind", "scheme", "value"}:
            yield _identifier(value)
        else:
            for part in value.values():
                yield from _named(part)
    elif isinstance(value, list):
        for part in value:
            yield from _named(part)
