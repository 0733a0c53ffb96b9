"""Explains one cell of a file for risk reviews: its value, and everything that it rests on."""

from collections.abc import Sequence
from datetime import datetime
from difflib import get_close_matches
from itertools import islice
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
from service.catalog.detail import ModelNotFound, find_model
from service.catalog.entries import EntryNotFound, find_entry
from service.catalog.moments import begin_at, latest_settled
from service.errors import Invalid, NotFound
from service.exports.cells import taken_off
from service.exports.grounds import find_grounds, parts_of
from service.exports.review.files import FILES, read_file
from service.exports.review.reading import Moments, Reading

MODEL_ID: Final = "model_id"
MOST_KEYS: Final = 10  # that a refusal lists


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
    model = _model_id(session, asked.model, caller=caller, as_of=as_of)
    reading = Reading(
        session,
        export_model(Kind.MODEL)(),
        caller=caller,
        moments=Moments(as_of, as_of),
        only=model,
    )
    record = _record(reading, file, model=model, key=asked.key)
    rests, written = column.rests or ("model",), _written(reading)
    row = {name: record[place] for name, place in _places(file).items()}
    parts = parts_of(reading, model, written=written, row=row)
    return ExplainedCell(
        file=file.name,
        model=reading.session.execute(sa.select(reading.models.c.name)).scalar_one_or_none(),
        model_id=model,
        key=tuple(asked.key or ()),
        column=column.name,
        meaning=column.meaning,
        as_of=as_of,
        value=record[file.columns.index(column)],
        rests=rests,
        grounds=tuple(find_grounds(reading, rests, written=written, parts=parts))[:200],
    )


def _model_id(session: Session, given: str, *, caller: Caller, as_of: datetime) -> UUID:
    """The model of a name, which holds a slash, or of an id. Raises `ModelNotFound`."""
    try:
        UUID(given)
    except ValueError:
        namespace, _, name = given.partition("/")
        row = find_model(session, namespace, name=name, caller=caller, as_of=as_of)
        found: UUID = row["id"]
        return found
    try:
        return find_entry(session, Kind.MODEL, given=given, caller=caller, as_of=as_of)
    except EntryNotFound:
        raise ModelNotFound(name=given) from None


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


def _places(file: File) -> dict[str, int]:
    """Where the cells stand that tell the rows of a model apart."""
    names = [column.name for column in file.columns]
    return {name: names.index(name) for name in file.key if name != MODEL_ID}


def _record(
    reading: Reading, file: File, *, model: UUID, key: Sequence[str] | None
) -> Sequence[str]:
    """The row of the model that these cells tell apart; the only one needs none.

    Raises `RowNotFound`, `Invalid`.
    """
    places, records = _places(file).values(), read_file(reading, file)
    if key is not None:
        for record in records:
            cells = [record[place] for place in places]
            if list(key) in (cells, [taken_off(one) for one in cells]):
                return record
        raise RowNotFound(file=file.name)
    names = [column.name for column in file.columns]
    own = names.index(MODEL_ID) if MODEL_ID in names else None
    ours = (one for one in records if own is None or one[own] == str(model))
    found = list(islice(ours, MOST_KEYS + 1))
    if not found:
        raise RowNotFound(file=file.name)
    if len(found) > 1:
        raise Invalid(_several([[one[place] for place in places] for one in found]))
    return found[0]


def _several(keys: Sequence[Sequence[str]]) -> FieldProblem:
    """Which row is meant? A comma in a cell is written as the parameter wants it."""
    shown = [",".join(one.replace(",", "\\,") for one in key) for key in keys[:MOST_KEYS]]
    more = " and more" if len(keys) > MOST_KEYS else ""
    return FieldProblem(
        pointer="?key", message="is needed: the file has several rows of this model",
        fix=f"Give one of: {'; '.join(shown)}{more}.",
    )  # fmt: skip


def _written(reading: Reading) -> list[UUID]:
    """The model, and what was merged into it: decisions stand under either."""
    return list(reading.session.execute(sa.select(reading.homes.c.id)).scalars())
