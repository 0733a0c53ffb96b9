"""Which source would read a repository, and which of its settings leave it out."""

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.canonical import canonical_repository_url
from schemas.explain import ExplainedRule
from schemas.identifiers import Identifier, Kind
from schemas.sources import REPOSITORIES, SourceKind
from service.access.policy import Caller
from service.catalog.tables import SubjectRow
from service.ingest.coverage import visible_sources
from service.ingest.tables import ScopeRow, SourceRow
from service.recordset import among

PUBLIC: Final = {SourceKind.GITHUB: "github.com", SourceKind.GITLAB: "gitlab.com"}
HOLDERS: Final = {  # settings that name where repositories lie
    SourceKind.GITHUB: ("organisations", "users", "repositories"),
    SourceKind.GITLAB: ("groups", "projects"),
}

scope, source, subject = ScopeRow.__table__, SourceRow.__table__, SubjectRow.__table__


def find_reader(
    session: Session, identifiers: Sequence[Identifier], *, caller: Caller
) -> sa.RowMapping | None:
    """The source in whose places a repository's address lies, if the caller may know of it."""
    address = _address(identifiers)
    if address is None:
        return None
    query = (
        sa.select(source)
        .outerjoin(scope, scope.c.source_id == source.c.id)
        .where(source.c.kind.in_(sorted(REPOSITORIES)), visible_sources(caller))
        .order_by(source.c.name)
    )
    rows = session.execute(query).mappings()
    return next((row for row in rows if _holds(row, address)), None)


def repositories_of(session: Session, entries: Sequence[UUID]) -> list[Identifier]:
    """What repositories among some entries are called: manifests stand below each of these."""
    query = sa.select(subject.c.scheme, subject.c.value).where(
        subject.c.kind == Kind.REPOSITORY, among(subject.c.entry_id, entries)
    )
    return [
        Identifier.model_construct(kind=Kind.REPOSITORY, scheme=scheme, value=value)
        for scheme, value in session.execute(query)
    ]


def rules_of(reader: sa.RowMapping, identifiers: Sequence[Identifier]) -> Iterator[ExplainedRule]:
    """The settings of a source by which it passes a repository over."""
    address = _address(identifiers)
    if address is None:
        return
    path = address.removeprefix("https://").partition("/")[2]
    included = _texts(reader["settings"], "include") or ["*"]
    if not any(_fits(path, glob) for glob in included):
        rule = ", ".join(included)
        yield ExplainedRule(source=reader["name"], setting="include", rule=rule)
        return
    for glob in _texts(reader["settings"], "exclude"):
        if _fits(path, glob):
            yield ExplainedRule(source=reader["name"], setting="exclude", rule=glob)
            return


def _address(identifiers: Sequence[Identifier]) -> str | None:
    found = (one.value for one in identifiers if one.kind is Kind.REPOSITORY)
    return next((value for value in found if value.startswith("https://")), None)


def _holds(row: sa.RowMapping, address: str) -> bool:
    """Does the address lie in a place that the source reads?"""
    kind, settings = SourceKind(row["kind"]), row["settings"]
    if kind is SourceKind.GIT:
        return address in {_canonical(url) for url in _texts(settings, "repositories")}
    host, _, path = address.removeprefix("https://").partition("/")
    base = str(settings.get("url") or f"https://{PUBLIC[kind]}").partition("://")[2]
    if base.partition("/")[0].removeprefix("api.") != host:
        return False
    places = [name for setting in HOLDERS[kind] for name in _texts(settings, setting)]
    return any(_is_below(path.lower(), name.lower()) for name in places)


def _texts(settings: Mapping[str, object], name: str) -> list[str]:
    """A setting that lists texts; settings are checked by who reads the source, not before."""
    found = settings.get(name)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _is_below(path: str, place: str) -> bool:
    return path == place or path.startswith(f"{place}/")


def _canonical(url: str) -> str | None:
    try:
        return canonical_repository_url(url)
    except ValueError:
        return None


def _fits(path: str, glob: str) -> bool:
    """Hosts compare names without case."""
    return fnmatchcase(path.lower(), glob.lower())
