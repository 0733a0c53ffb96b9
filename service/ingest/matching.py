"""Concludes which build made a version, and which version a deployment serves, where nobody said.

The first step that finds something decides (`SOURCES` 6): digest, artifact, what was stated, build,
commit, label. Where a step finds several, the next ones narrow them; a digest beats a claim, and
the conflict is shown. What is concluded follows from what is stored and nothing else: whenever one
side changes, those who seek its keys are folded again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Session

from schemas.identifiers import Kind
from schemas.sources import PIN
from service.catalog.desired import Desired
from service.catalog.tables import Entry
from service.catalog.typed import MATCHING, OFFERING, TYPED
from service.ingest.fold import Reconciled
from service.ingest.keys import Keys, Thing, offered, sought, word_of
from service.ingest.names import Parent
from service.ingest.targets import Targets
from service.recordset import among, recordset

STATED: Final = "stated"
STEPS: Final[Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]]] = {  # by whom, and its keys
    "build": (
        ("digest", ("digest",)),
        ("version", ("version",)),
        ("training_run", ("run",)),
        ("artifact", ("logged", "model-uri")),
        ("commit", ("commit",)),
    ),
    "version": (
        ("digest", ("digest",)),
        ("artifact", ("logged", "model-uri", "uri")),
        ("build", ("build",)),
        ("commit", ("commit",)),
        ("label", ("name",)),
    ),
}
# Before which step a plain statement counts: what was made outweighs what is said of it, except for
# builds, which are stated by their own number.
SAID_BEFORE: Final = {"build": "digest", "version": "build"}
APART: Final = "offers and seekers"
OF_BUILDS, OF_VERSIONS = 4_711_001, 4_711_002  # advisory locks
OF_ENTRIES: Final = frozenset({"build", "version", "run"})  # keys that hold an id
entry = Entry.__table__
version, build, deployment = (TYPED[k] for k in (Kind.VERSION, Kind.BUILD, Kind.DEPLOYMENT))


class Match(NamedTuple):
    """How a reference was found: by which step and what. `several` fit, where none is chosen."""

    by: str
    value: str | None
    target: UUID | None
    several: int = 0
    disputed: bool = False  # does a label claim another one?

    def shown(self) -> dict[str, Any]:
        """As `matched` holds it."""
        more = {"several": self.several} if self.several else {}
        return {"by": self.by, "value": self.value, **more}


class Seeker(NamedTuple):
    """A folded thing, what it offers and seeks, and what it refers to by itself."""

    id: UUID
    kind: Kind
    repository: UUID | None
    stated: Mapping[str, tuple[UUID | None, bool]]  # by fact: the target, and is it pinned?
    offered: Keys
    sought: Keys


class Matches:
    """What was found for some folded entries."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.of: dict[UUID, dict[str, Match]] = {}
        self.keys: dict[UUID, dict[str, list[str]]] = {}
        self.parents: dict[UUID, Parent] = {}  # of versions that were found

    def columns(self, kind: Kind, entry_id: UUID) -> dict[str, Any]:
        """What the typed row holds of it."""
        found: dict[str, Any] = dict(self.keys.get(entry_id, {}))
        if kind in MATCHING:
            matched = self.of.get(entry_id, {})
            found["matched"] = {fact: one.shown() for fact, one in sorted(matched.items())}
        return found

    def disputed(self, entry_id: UUID) -> set[str]:
        """Facts of which a claim says otherwise."""
        return {fact for fact, one in self.of.get(entry_id, {}).items() if one.disputed}


def find_matches(session: Session, folded: Sequence[Reconciled], *, targets: Targets) -> Matches:
    """What each folded version and deployment belongs to: two statements, however many they are."""
    matches = Matches()
    seekers = [_seeker(one, targets) for one in folded if _takes_part(one)]
    _keep_apart(session, {one.kind for one in seekers})
    asking = [one for one in seekers if one.kind in MATCHING]
    made = _candidates(session, build, seekers=asking)
    for one in asking:
        _keep(matches, one, build=_chosen("build", one, found=made.get(one.id, {})))
    found = [_knowing(one, matches) for one in seekers]
    serving = [one for one in found if one.kind is Kind.DEPLOYMENT]
    served = _candidates(session, version, seekers=serving)
    for one in serving:
        _keep(matches, one, version=_chosen("version", one, found=served.get(one.id, {})))
    matches.parents = _parents(session, matches)
    for one in found:
        if one.kind in OFFERING:
            matches.keys.setdefault(one.id, {})["offered"] = list(one.offered)
        if one.kind in MATCHING:
            matches.keys.setdefault(one.id, {})["sought"] = list(one.sought)
    return matches


def seeking(
    session: Session, written: Iterable[Desired], *, dropped: Mapping[Kind, set[str]]
) -> set[UUID]:
    """Who may belong to something else now that these versions and builds say what they say.

    `dropped`: the keys that they offer no longer. Of several that fit one may be left.
    """
    offers = defaultdict(set, {kind: set(keys) for kind, keys in dropped.items()})
    ids: set[UUID] = set()
    for one in written:
        if one.kind in OFFERING:
            ids.add(one.standing.id)
            offers[one.kind] |= set(one.row.get("offered", ()))
            if one.kind is Kind.VERSION:
                names = {one.natural_key, one.standing.natural_key} - {None}
                offers[one.kind] |= {f"name:{name}" for name in names}
    if not ids:
        return set()
    every = offers[Kind.VERSION] | offers[Kind.BUILD]
    referring = [
        sa.select(table.c.id).where(among(table.c[f"{fact}_id"], ids))
        for table, fact in ((version, "build"), (deployment, "build"), (deployment, "version"))
    ]
    asking = [
        sa.select(table.c.id).where(table.c.sought.has_any(_texts(keys)))
        for table, keys in ((deployment, every), (version, offers[Kind.BUILD]))
        if keys
    ]
    return set(session.execute(sa.union(*referring, *asking)).scalars())


def _keep_apart(session: Session, kinds: Collection[Kind]) -> None:
    """Let whoever offers and whoever seeks come after each other: neither sees the other's half.

    Once a transaction, by what it begins with: batches of versions do not wait for each other,
    those of builds and of deployments do, for them and for each other.
    """
    if not kinds or session.info.get(APART):
        return
    session.info[APART] = True
    shared, alone = sa.func.pg_advisory_xact_lock_shared, sa.func.pg_advisory_xact_lock
    builds = alone if Kind.BUILD in kinds else shared
    versions = alone if Kind.DEPLOYMENT in kinds else shared
    session.execute(sa.select(builds(OF_BUILDS), versions(OF_VERSIONS)))


def _takes_part(one: Reconciled) -> bool:
    kind = Kind(one.standing.kind)
    return (kind in MATCHING or kind in OFFERING) and one.standing.merged_into is None


def _seeker(one: Reconciled, targets: Targets) -> Seeker:
    kind = Kind(one.standing.kind)
    fields = {name: None if found.candidates else found.value for name, found in one.fields.items()}
    stated: dict[str, tuple[UUID | None, bool]] = {}
    for fact in MATCHING.get(kind, ()):
        if fact in fields:
            first = one.fields[fact].ranked[0]
            value: Any = fields[fact]
            named = isinstance(value, Mapping)
            target = targets.named(value, when=first.confirmed) if named else None
            stated[fact] = target, first.source == PIN
    thing = Thing(
        one.standing.id, kind, fields, [said.value for said in one.said if said.scheme == "mlflow"],
        _linked(fields, targets), min(one.namespaces, default=one.standing.namespace),
    )  # fmt: skip
    repository = fields.get("repository")
    where = targets.named(repository) if isinstance(repository, Mapping) else None
    return Seeker(thing.id, kind, where, stated, offered(thing), sought(thing))


def _linked(fields: Mapping[str, Any], targets: Targets) -> dict[str, list[UUID]]:
    """The entries that references and sets of references name."""
    found: dict[str, list[UUID]] = {}
    for name in ("build", "training_run", "versions", "training_runs"):
        value = fields.get(name)
        several = value if isinstance(value, list | tuple) else [value]
        named = (targets.named(one) for one in several if isinstance(one, Mapping))
        found[name] = [one for one in named if one is not None]
    return found


def _knowing(one: Seeker, matches: Matches) -> Seeker:
    """With the build that was found for it: by that it is found, or finds its version."""
    found = matches.of.get(one.id, {}).get("build")
    target = found.target if found else None
    if target is None:
        return one
    key = f"build:{target}"
    return one._replace(
        offered=tuple(sorted({*one.offered, key})) if one.kind is Kind.VERSION else one.offered,
        sought=tuple(sorted({*one.sought, key})) if one.kind is Kind.DEPLOYMENT else one.sought,
    )


Found = Mapping[str, set[UUID]]  # candidates by the key that led to them


def _candidates(
    session: Session, table: sa.Table, *, seekers: Sequence[Seeker]
) -> dict[UUID, dict[str, set[UUID]]]:
    """What stands for itself and offers a key that one of these seeks: by commit, where it is."""
    rows = [
        {"id": one.id, "key": key, "repository": one.repository}
        for one in seekers
        for key in one.sought
    ]
    if not rows:
        return {}
    given = recordset(rows, id=sa.Uuid(), key=sa.Text(), repository=sa.Uuid())
    by_key = sa.select(given.c.id, given.c.key, table.c.id).join_from(
        given, table, table.c.offered.has_key(given.c.key)
    )
    elsewhere = sa.and_(
        given.c.key.startswith("commit:"),
        given.c.repository.is_not(None),
        table.c.repository_id.is_not(None),
        given.c.repository != table.c.repository_id,
    )
    stands = sa.and_(
        entry.c.id == table.c.id, entry.c.merged_into.is_(None), entry.c.replaced_by.is_(None)
    )
    query: Any = by_key.join(entry, stands).where(~sa.func.coalesce(elsewhere, sa.false()))
    if table is version:
        bears = sa.and_(
            entry.c.kind == Kind.VERSION,
            entry.c.natural_key == sa.func.substr(given.c.key, len("name:") + 1),
            entry.c.merged_into.is_(None),
            entry.c.replaced_by.is_(None),
        )
        named = sa.select(given.c.id, given.c.key, entry.c.id).join_from(given, entry, bears)
        query = sa.union_all(query, named.where(given.c.key.startswith("name:")))
    found: dict[UUID, dict[str, set[UUID]]] = defaultdict(lambda: defaultdict(set))
    for seeker, key, candidate in session.execute(query):
        found[seeker][key].add(candidate)
    return found


def _chosen(fact: str, one: Seeker, *, found: Found) -> Match | None:
    """The first step that finds something, narrowed by the next ones."""
    target, pinned = one.stated.get(fact, (None, False))
    if pinned:
        return Match("pinned", None, target)
    pool: set[UUID] = set()
    first: tuple[str, str | None] | None = None
    for by, value, fits in _steps(fact, found, target=target):
        narrowed = pool & fits if pool else fits
        if not narrowed:
            continue  # it says otherwise: who came first holds
        first = first or (by, value)
        pool = narrowed
        if len(pool) == 1:
            break
    if first is None:
        return None
    claimed = set().union(*(fits for key, fits in found.items() if word_of(key) == "name"))
    chosen = next(iter(pool)) if len(pool) == 1 else None
    said = {one for one in (target, *claimed) if one is not None}
    disputed = bool(chosen and fact == "version" and said - {chosen})
    return Match(*first, chosen, len(pool) if chosen is None else 0, disputed)


def _steps(
    fact: str, found: Found, *, target: UUID | None
) -> Iterable[tuple[str, str | None, set[UUID]]]:
    """Each step that finds something, with the key that stands for it."""
    for by, words in STEPS[fact]:
        if by == SAID_BEFORE[fact] and target is not None:
            yield STATED, None, {target}
        keys = sorted(key for key in found if word_of(key) in words)
        if keys:
            fits = set().union(*(found[key] for key in keys))
            word, _, value = keys[0].partition(":")
            yield by, None if word in OF_ENTRIES else value, fits


def _keep(matches: Matches, one: Seeker, **found: Match | None) -> None:
    for fact, match in found.items():
        if match is not None:
            matches.of.setdefault(one.id, {})[fact] = match


def _parents(session: Session, matches: Matches) -> dict[UUID, Parent]:
    """What the versions that were found lend to their deployments."""
    found = (one["version"].target for one in matches.of.values() if "version" in one)
    if not (wanted := {one for one in found if one is not None}):
        return {}
    rows = session.execute(sa.select(*entry.c[*Parent._fields]).where(among(entry.c.id, wanted)))
    return {row.id: Parent(*row) for row in rows}


def _texts(keys: Iterable[str]) -> sa.ColumnElement[Any]:
    return sa.bindparam(None, sorted(keys), ARRAY(sa.Text))
