"""A graph as a file: one line an edge."""

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.lineage import LineageExport, LineageGraph, LineageLine
from schemas.report_columns import REPORTS
from service.access.policy import Caller
from service.exports.answer import about, answer_export, check_dialect
from service.exports.export import Export, begin, read_form
from service.recordset import recordset

NAME: Final = "lineage"
ENDS: Final = ("from_kind", "from_name", "relation", "to_kind", "to_name", "role", "digest", "by")
COLUMNS: Final[dict[str, Any]] = {name: sa.Text() for name in ENDS} | {
    "from_id": sa.Uuid(),
    "to_id": sa.Uuid(),
}


def lines_of(graph: LineageGraph) -> Iterator[LineageLine]:
    """The edges with what stands at both ends."""
    nodes = {one.entry: one for one in graph.nodes}
    for edge in graph.edges:
        start, end = nodes[edge.source], nodes[edge.to]
        yield LineageLine(
            from_kind=start.kind, from_name=start.name, from_id=start.entry,
            relation=edge.relation, to_kind=end.kind, to_name=end.name, to_id=end.entry,
            role=edge.role, digest=edge.digest, by=edge.by,
        )  # fmt: skip


def answer_lines(
    session: Session,
    graph: LineageGraph,
    *,
    asked: LineageExport,
    caller: Caller,
    suffix: str,
) -> StreamingResponse:
    """Every edge of a graph as one file. Raises `FormUnknown`."""
    form = read_form(suffix)
    check_dialect(asked, form)
    now = begin(session)
    given = recordset([one.model_dump(mode="json") for one in lines_of(graph)], **COLUMNS)
    order = [sa.collate(given.c[name], "C") for name in ("from_name", "to_name", "relation")]
    rows = sa.select(given).order_by(*order, given.c.from_id, given.c.to_id, given.c.role)
    title = f"{NAME}_{graph.root}"
    export = Export(title, REPORTS[NAME], asked.as_of or now, rows, _line, about(asked, caller))
    return answer_export(session, export, form=form, dialect=asked.dialect)


def _line(row: sa.RowMapping) -> LineageLine:
    return LineageLine.model_validate(dict(row))
