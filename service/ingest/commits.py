"""Which commits a source's harvesters of builds should look for: those that the catalog names."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.commits import NamedCommit, NamedCommits
from schemas.identifiers import Identifier, Kind
from service.catalog.tables import Entry, EntryNamespace, SubjectRow
from service.catalog.typed import TYPED
from service.ingest.sources import SourceFacts, get_source
from service.recordset import among

MOST: Final = 1_000
MOST_CALLED: Final = 100  # identifiers of one repository
entry, granted, subject = (t.__table__ for t in (Entry, EntryNamespace, SubjectRow))
version, deployment, repository, build = (
    TYPED[kind] for kind in (Kind.VERSION, Kind.DEPLOYMENT, Kind.REPOSITORY, Kind.BUILD)
)


def named_commits(session: Session, name: str, *, after: str) -> NamedCommits:
    """A page of them, in the source's namespaces, in their order. Raises `SourceNotFound`."""
    named = _named(get_source(session, name)).cte("named")
    some = (
        sa.select(named.c.commit)
        .where(named.c.commit > after)
        .distinct()
        .order_by(named.c.commit)
        .limit(MOST)
        .cte("some")
    )
    built = sa.exists().where(build.c.commit == named.c.commit)
    rows = session.execute(
        sa.select(named.c.commit, named.c.repository, built)
        .join(some, some.c.commit == named.c.commit)
        .distinct()
        .order_by(named.c.commit, named.c.repository)
    ).all()
    called = _called(session, {row.repository for row in rows if row.repository is not None})
    found: dict[str, NamedCommit] = {}
    for commit, where, is_built in rows:
        before = found.get(commit)
        own = called.get(where, ()) if where is not None else ()
        others = before.repositories if before else ()
        every = tuple(dict.fromkeys((*others, *own)))[:MOST_CALLED]
        found[commit] = NamedCommit(commit=commit, repositories=every, built=is_built)
    return NamedCommits(
        commits=tuple(found.values()),
        next_page_token=max(found) if len(found) == MOST else None,
    )


def _named(source: SourceFacts) -> sa.CompoundSelect[Any]:
    """Commits of versions, deployments and the heads of repositories that hold models."""
    spaces = sorted(source.may_name)
    live = sa.and_(entry.c.gone_since.is_(None), entry.c.merged_into.is_(None))
    own = entry.c.namespace.in_(spaces)
    seen = sa.exists().where(granted.c.entry_id == entry.c.id, granted.c.namespace.in_(spaces))
    holds = sa.func.coalesce(sa.func.jsonb_array_length(repository.c.manifests), 0) > 0

    places = (
        (version.c.source_commit, version.c.repository_id, own),
        (deployment.c.commit, deployment.c.repository_id, own),
        (repository.c.head_commit, repository.c.id, sa.and_(seen, holds)),
    )
    return sa.union_all(
        *(
            sa.select(commit.label("commit"), where.label("repository"))
            .join_from(commit.table, entry, entry.c.id == commit.table.c.id)
            .where(commit.is_not(None), live, condition)
            for commit, where, condition in places
        )
    )


def _called(session: Session, entries: set[UUID]) -> dict[UUID, Sequence[Identifier]]:
    """The identifiers of repositories."""
    if not entries:
        return {}
    rows = session.execute(
        sa.select(*subject.c["entry_id", "scheme", "value"])
        .where(among(subject.c.entry_id, entries))
        .order_by(subject.c.entry_id, subject.c.id)
    )
    found: dict[UUID, list[Identifier]] = defaultdict(list)
    for entry_id, scheme, value in rows:
        found[entry_id].append(Identifier(kind=Kind.REPOSITORY, scheme=scheme, value=value))
    return dict(found)
