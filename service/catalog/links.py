"""Writes what entries link to, and through which namespaces they are seen."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlmodel import Session

from service.catalog.desired import Desired, Links, LinkTo
from service.catalog.tables import EntryNamespace, Link
from service.catalog.typed import link_facts
from service.recordset import among, recordset

LINK_KEY = {"entry_id": sa.Uuid(), "field": sa.Text(), "key": sa.Text()}
LINK_VALUES = {
    "target_id": sa.Uuid(),
    "role": sa.Text(),
    "digest": sa.Text(),
    "attributes": JSONB(),
}
GRANT_KEY = {"entry_id": sa.Uuid(), "namespace": sa.Text(), "granted_by": sa.Uuid()}

Grant = tuple[UUID, str, UUID]  # who is seen, through which namespace, thanks to whom
link_table, grant_table = Link.__table__, EntryNamespace.__table__


def current_links(session: Session, desired: Sequence[Desired]) -> dict[UUID, Links]:
    """The links of each entry as they stand."""
    ids = [one.standing.id for one in desired if link_facts(one.kind)]
    if not ids:
        return {}
    columns = (link_table.c[name] for name in ("entry_id", *LinkTo._fields))
    before: dict[UUID, dict[tuple[str, str], LinkTo]] = {}
    for row in session.execute(sa.select(*columns).where(among(link_table.c.entry_id, ids))):
        entry, *rest = row
        link = LinkTo(*rest)
        before.setdefault(entry, {})[link.field, link.key] = link
    return dict(before)


def write_links(
    session: Session, desired: Sequence[Desired], *, before: Mapping[UUID, Links]
) -> None:
    """Drop the links that no fact states any more, store those that are new or say more."""
    dropped, added = [], []
    for one in desired:
        wanted = {(link.field, link.key): link for link in one.links}
        have = before.get(one.standing.id, {})
        dropped += [
            {"entry_id": one.standing.id, "field": name, "key": key}
            for name, key in have.keys() - wanted.keys()
        ]
        added += [
            {"entry_id": one.standing.id, **link._asdict()}
            for place, link in wanted.items()
            if have.get(place) != link
        ]
    if dropped:
        given = recordset(dropped, **LINK_KEY)
        session.execute(
            sa.delete(link_table).where(*(link_table.c[name] == given.c[name] for name in LINK_KEY))
        )
    if added:
        columns = LINK_KEY | LINK_VALUES
        given = recordset(sorted(added, key=lambda row: str(row["entry_id"])), **columns)
        upsert = insert(link_table).from_select(
            list(columns), sa.select(*(given.c[name] for name in columns))
        )
        session.execute(
            upsert.on_conflict_do_update(
                index_elements=list(LINK_KEY), set_={c: upsert.excluded[c] for c in LINK_VALUES}
            )
        )


def write_grants(
    session: Session, desired: Sequence[Desired]
) -> tuple[Sequence[Grant], Sequence[Grant]]:
    """Replace each entry's grants as a whole, rows that stay untouched; answers gone and new."""
    ids = [one.standing.id for one in desired]
    columns = grant_table.c[*GRANT_KEY]
    rows = session.execute(sa.select(*columns).where(among(grant_table.c.granted_by, ids)))
    have: set[Grant] = {(target, namespace, giver) for target, namespace, giver in rows}
    wanted = {
        (target, namespace, one.standing.id) for one in desired for target, namespace in one.grants
    }
    if gone := sorted(have - wanted):
        given = recordset([dict(zip(GRANT_KEY, row, strict=True)) for row in gone], **GRANT_KEY)
        session.execute(
            sa.delete(grant_table).where(
                *(grant_table.c[name] == given.c[name] for name in GRANT_KEY)
            )
        )
    if new := sorted(wanted - have):
        given = recordset([dict(zip(GRANT_KEY, row, strict=True)) for row in new], **GRANT_KEY)
        session.execute(
            insert(grant_table)
            .from_select(list(GRANT_KEY), sa.select(given))
            .on_conflict_do_nothing()
        )
    return gone, new
