"""Explains one cell of a file for risk reviews: its value, and everything that it rests on."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session

from schemas.cells import CellQuery, ExplainedCell
from schemas.columns import Column
from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.queries import export_model
from schemas.review_columns import File
from service.access.policy import Caller
from service.catalog.detail import find_model
from service.catalog.moments import begin_at, latest_settled
from service.errors import Invalid, NotFound
from service.exports.cells import taken_off
from service.exports.grounds import find_grounds, parts_of
from service.exports.review.files import FILES, read_file
from service.exports.review.reading import Moments, Reading

MODEL_ID: Final = 1  # the second cell of every record


class RowNotFound(NotFound):
    """The file has no such row at that moment.

    `key` are the cells that tell the rows of a model apart, as `datapackage.json` lists them.
    """


def explain_cell(session: Session, asked: CellQuery, *, caller: Caller) -> ExplainedCell:
    """Explain it. Raises `Invalid`, `ModelNotFound`, `RowNotFound`, `MomentUnsettled`."""
    file = _file(asked.file)
    column = _column(file, asked.column)
    as_of = asked.as_of or latest_settled(session)
    begin_at(session, as_of)
    namespace, _, name = asked.model.partition("/")
    model = find_model(session, namespace, name=name, caller=caller, as_of=as_of)
    reading = Reading(
        session,
        export_model(Kind.MODEL)(),
        caller=caller,
        moments=Moments(as_of, as_of),
        only=model["id"],
    )
    record = _record(reading, file, key=asked.key or ())
    rests = column.rests or ("model",)
    parts = parts_of(reading, model["id"])
    return ExplainedCell(
        file=file.name,
        model=model["natural_key"],
        model_id=model["id"],
        key=tuple(asked.key or ()),
        column=column.name,
        meaning=column.meaning,
        as_of=as_of,
        value=record[file.columns.index(column)],
        rests=rests,
        grounds=tuple(find_grounds(reading, rests, written=_written(reading), parts=parts))[:200],
    )


def _file(name: str) -> File:
    if name not in FILES:
        raise Invalid(_unknown("file", name, known=list(FILES)))
    return FILES[name]


def _column(file: File, name: str) -> Column:
    named = {column.name: column for column in file.columns}
    if name not in named:
        raise Invalid(_unknown("column", name, known=list(named)))
    return named[name]


def _unknown(what: str, given: str, *, known: Sequence[str]) -> FieldProblem:
    near = get_close_matches(given, known, n=1, cutoff=0)
    return FieldProblem(
        pointer=f"?{what}", message="is not known here", fix=f"Did you mean {near[0]}?"
    )


def _record(reading: Reading, file: File, *, key: Sequence[str]) -> Sequence[str]:
    """The row of the model that these cells tell apart; the only one needs none."""
    names = [column.name for column in file.columns]
    places = [names.index(name) for name in file.key if name != "model_id"]
    for record in read_file(reading, file):
        cells = [record[place] for place in places]
        if not key or list(key) in (cells, [taken_off(one) for one in cells]):
            return record
    raise RowNotFound(file=file.name)


def _written(reading: Reading) -> list[UUID]:
    """The model, and what was merged into it: decisions stand under either."""
    return list(reading.session.execute(sa.select(reading.homes.c.id)).scalars())
