"""What is counted of all that a list matches: how many there are, and which values they have."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import Executable
from sqlmodel import Session

from schemas.queries import ListQuery
from service.catalog.facets import read_facets
from service.catalog.listings import Selection


class Explained(Executable, sa.ClauseElement):
    """A statement that is planned, not run."""

    inherit_cache = False

    def __init__(self, statement: sa.Select[Any]) -> None:
        """Plan a select."""
        self.statement = statement


@compiles(Explained)
def _explain(element: Explained, compiler: SQLCompiler, **options: Any) -> str:
    return f"EXPLAIN (FORMAT JSON) {compiler.process(element.statement, **options)}"


def counted(session: Session, found: Selection, *, asked: ListQuery) -> dict[str, Any]:
    """The counts that are asked for."""
    counts: dict[str, Any] = {}
    if asked.count is not None:
        counts["total"] = _total(session, found, exact=asked.count == "exact")
    if asked.facet:
        counts["facets"] = read_facets(session, found.view, where=found.where, names=asked.facet)
    return counts


def _total(session: Session, found: Selection, *, exact: bool) -> int:
    """All that match; an estimate is the planner's, which costs nothing.

    Its statistics are of all rows, so that it would tell who sees some of them about the others:
    those are counted.
    """
    matching = (
        sa.select(sa.literal(1)).select_from(found.view.rows_for(found.where)).where(*found.where)
    )
    if exact or found.view.caller.namespaces is not None:
        number: int = session.execute(
            sa.select(sa.func.count()).select_from(matching.subquery())
        ).scalar_one()
        return number
    plan = session.execute(Explained(matching)).scalar_one()
    planned = json.loads(plan) if isinstance(plan, str) else plan
    return int(planned[0]["Plan"]["Plan Rows"])
