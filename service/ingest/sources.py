"""The configured sources: what the rest of the way in needs to know of one, and reading them."""

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlmodel import Session

from schemas.identifiers import Identifier, split_natural_name, workspace_of
from service.errors import NotFound
from service.ingest.tables import SourceRow

DEFAULT_WORKSPACE = "default"


class SourceNotFound(NotFound):
    """No source has this name.

    `model-catalog source list` shows the declared ones; `model-catalog source apply FILE` adds one.
    """


class SourceFacts(NamedTuple):
    """A source as the way in sees it."""

    id: int
    name: str
    kind: str
    namespace: str
    namespaces: dict[str, str]
    may_name: frozenset[str]
    precedence: int
    field_precedence: dict[str, int]
    absences: int
    held_back_share: float
    held_back_count: int
    enabled: bool

    def rank(self, field: str) -> int:
        """Its precedence for a field."""
        return self.field_precedence.get(field, self.precedence)

    def may_claim(self, identifier: Identifier) -> bool:
        """May it create, claim or merge under this natural name?"""
        return split_natural_name(identifier.value)[0] in self.may_name

    def namespace_of(self, identifier: Identifier) -> str:
        """The namespace in which the source's statement about a subject is visible."""
        workspace = workspace_of(identifier)
        if workspace is None or workspace == DEFAULT_WORKSPACE:
            return self.namespace
        return self.namespaces.get(workspace, self.namespace)


def get_source(session: Session, name: str) -> SourceFacts:
    """The source of this name."""
    table = SourceRow.__table__
    row = session.execute(sa.select(*_columns()).where(table.c.name == name)).one_or_none()
    if row is None:
        raise SourceNotFound(source=name)
    return _facts(row)


def list_sources(session: Session) -> dict[int, SourceFacts]:
    """Every source by id: few, and needed whole to fold entries that several of them state."""
    return {row.id: _facts(row) for row in session.execute(sa.select(*_columns()))}


def _columns() -> list[sa.Column[Any]]:
    table = SourceRow.__table__
    return [table.c[name] for name in SourceFacts._fields]


def _facts(row: sa.Row[Any]) -> SourceFacts:
    source = SourceFacts._make(row)
    return source._replace(may_name=frozenset(source.may_name))
