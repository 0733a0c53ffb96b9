"""Reads who had a part in a version: since the last one that was reviewed, whatever the source."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session

from schemas.identifiers import Kind
from service.access.tables import AccountRow, OwnerMappingRow
from service.catalog.tables import Entry, Link, SubjectRow
from service.catalog.typed import TYPED
from service.ledger.tables import ChangeRow
from service.recordset import among
from service.risk.decided_tables import DecisionRow
from service.risk.reviews.independence import Builder, Known, Trace, builders_of, names_of

OWNERS, MEMBERS = "owners", "members"
TEAMS: Final = frozenset({"team", "list"})

entry, link, subject, mapping, account, change, decision = (
    table.__table__
    for table in (
        Entry, Link, SubjectRow, OwnerMappingRow, AccountRow, ChangeRow, DecisionRow,
    )
)  # fmt: skip
version, run, build, deployment, owner = (
    TYPED[kind]
    for kind in (Kind.VERSION, Kind.TRAINING_RUN, Kind.BUILD, Kind.DEPLOYMENT, Kind.OWNER)
)


def read_builders(
    session: Session, *, model: UUID, about: UUID, identified: Mapping[str, Any]
) -> list[Builder]:
    """Who had a part in a version or in those since the last reviewed one. Seven statements."""
    versions = _versions(session, model=model, about=about)
    owned = _owners(session, model)
    traces = [
        *_makers(session, versions),
        *_registrants(session, {model, about}),
        *(Trace(name, part) for name, part, _ in owned),
    ]
    entries = {name: at for name, _, at in owned}
    known = _known(session, {one.identity for one in traces if not one.account}, owned=entries)
    return builders_of(traces, known, identified=identified)


def _versions(session: Session, *, model: UUID, about: UUID) -> list[UUID]:
    """Those after the last reviewed one, up to this one; all before it if none was reviewed."""
    this = version.alias("this")
    key = sa.func.coalesce(version.c.number_key, "")
    here = sa.select(sa.func.coalesce(this.c.number_key, "")).where(this.c.id == about)
    reviewed = (
        sa.select(sa.func.max(sa.func.coalesce(this.c.number_key, "")))
        .join(decision, decision.c.version_id == this.c.id)
        .where(decision.c.model_id == model, this.c.id != about,
               decision.c.outcome.not_in(("OBJECTED", "REJECTED")),
               sa.func.coalesce(this.c.number_key, "") < here.scalar_subquery())
        .scalar_subquery()
    )  # fmt: skip
    between = sa.and_(
        version.c.model_id == model,
        key <= here.scalar_subquery(),
        sa.func.coalesce(key > reviewed, sa.true()),
    )
    query = sa.select(version.c.id).where(sa.or_(version.c.id == about, between))
    return list(session.execute(query.order_by(version.c.id)).scalars())


def _makers(session: Session, versions: Iterable[UUID]) -> Iterator[Trace]:
    """Whom registries, trackers, CI systems and platforms name."""
    here = among(version.c.id, versions)
    joined = version.outerjoin(run, run.c.id == version.c.training_run_id).outerjoin(
        build, build.c.id == version.c.build_id
    )
    parts = (
        ("registered the version", version.c.created_by, joined),
        ("ran its training", run.c.created_by, joined),
        ("triggered its build", build.c.actor, joined),
        ("deployed it", deployment.c.deployed_by,
         version.join(deployment, deployment.c.version_id == version.c.id)),
    )  # fmt: skip
    found = sa.union(
        *(
            sa.select(version.c.id, sa.literal(part).label("part"), who.label("who"))
            .select_from(source)
            .where(here, who.is_not(None), who != "")
            for part, who, source in parts
        )
    )
    for row in session.execute(found.order_by("who", "part")):
        yield Trace(row.who, row.part, row.id)


def _registrants(session: Session, entries: set[UUID]) -> Iterator[Trace]:
    """People who entered the model or the version here."""
    said = sa.cast(change.c.canon, JSONB)
    who = said["actor"]["id"].astext
    query = (
        sa.select(who.label("who"))
        .distinct()
        .where(
            among(change.c.entry_id, entries),
            change.c.kind.in_((Kind.MODEL.value, Kind.VERSION.value)),
            said["op"].astext == "create",
            said["actor"]["kind"].astext == "person",
        )
        .order_by(who)
    )
    for row in session.execute(query):
        yield Trace(row.who, "entered it here", account=True)


def _owners(session: Session, model: UUID) -> list[tuple[str, str, UUID]]:
    """Owners of every role: by what they are stated as, in which role, and their entry."""
    rows = session.execute(
        sa.select(link.c.role, link.c.target_id, link.c.attributes["owner"].label("owner"))
        .where(link.c.entry_id == model, link.c.field == OWNERS)
        .order_by(link.c.key)
    )
    return [
        (f"{row.owner['scheme']}:{row.owner['value']}", f"{row.role or 'accountable'} owner",
         row.target_id)
        for row in rows
    ]  # fmt: skip


def _known(
    session: Session, identities: set[str], *, owned: Mapping[str, UUID]
) -> dict[str, Known]:
    """Whose each identity is, through owners' identifiers, their teams' members, and mappings."""
    names = {name: one for one in identities - owned.keys() for name in names_of(one)}
    homes: dict[str, set[UUID]] = defaultdict(set)
    for one, at in owned.items():
        homes[one].add(at)
    rows = session.execute(
        sa.select(subject.c.value, subject.c.entry_id).where(
            subject.c.kind == Kind.OWNER.value, among(subject.c.value, names),
            subject.c.entry_id.is_not(None),
        )
    )  # fmt: skip
    for row in rows:
        homes[names[row.value]].add(row.entry_id)
    members = _members(session, {at for many in homes.values() for at in many})
    everybody = set(members) | {at for many in members.values() for at in many}
    mapped = _mapped(session, everybody)
    kinds = _kinds(session, everybody)
    direct = _direct(session, names)
    return {
        one: _one(homes[one], members, mapped=mapped, kinds=kinds, direct=direct.get(one, set()))
        for one in identities
    }


def _members(session: Session, entries: set[UUID]) -> dict[UUID, set[UUID]]:
    """Everybody in a team, also in teams of teams."""
    inside = (
        sa.select(entry.c.id.label("team"), entry.c.id)
        .where(among(entry.c.id, entries))
        .cte("inside", recursive=True)
    )
    below = sa.select(inside.c.team, link.c.target_id).join_from(
        inside, link, sa.and_(link.c.entry_id == inside.c.id, link.c.field == MEMBERS)
    )
    whole = inside.union(below)
    found: dict[UUID, set[UUID]] = {one: set() for one in entries}
    for row in session.execute(sa.select(whole)):
        if row.team != row.id:
            found[row.team].add(row.id)
    return found


def _mapped(session: Session, entries: set[UUID]) -> dict[UUID, set[str]]:
    rows = session.execute(
        sa.select(subject.c.entry_id, account.c.name)
        .join(mapping, sa.and_(mapping.c.scheme == subject.c.scheme,
                               mapping.c.value == subject.c.value))
        .join(account, account.c.id == mapping.c.account_id)
        .where(subject.c.kind == Kind.OWNER.value, among(subject.c.entry_id, entries))
    )  # fmt: skip
    found: dict[UUID, set[str]] = defaultdict(set)
    for row in rows:
        found[row.entry_id].add(row.name)
    return found


def _kinds(session: Session, entries: set[UUID]) -> dict[UUID, str | None]:
    rows = session.execute(sa.select(owner.c.id, owner.c.kind).where(among(owner.c.id, entries)))
    return {row.id: row.kind for row in rows}


def _direct(session: Session, names: Mapping[str, str]) -> dict[str, set[str]]:
    """Mappings of exactly such a name, also where the catalog knows no such owner."""
    rows = session.execute(
        sa.select(mapping.c.value, account.c.name)
        .join(account, account.c.id == mapping.c.account_id)
        .where(among(mapping.c.value, names))
    )
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found[names[row.value]].add(row.name)
    return found


def _one(
    homes: set[UUID],
    members: Mapping[UUID, set[UUID]],
    *,
    mapped: Mapping[UUID, set[str]],
    kinds: Mapping[UUID, str | None],
    direct: set[str],
) -> Known:
    """A team is known once each of its members is; whoever it stands for itself, counts too."""
    accounts, resolved = set(direct), bool(direct)
    for home in homes:
        people = [one for one in members[home] if kinds.get(one) not in TEAMS]
        for one in (home, *people):
            accounts |= mapped.get(one, set())
        whole = bool(people) and all(mapped.get(one) for one in people)
        resolved = resolved or bool(mapped.get(home)) or whole
    bot = any(kinds.get(home) == "bot" for home in homes)
    return Known(frozenset(accounts), resolved, bot)
