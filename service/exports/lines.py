"""Writes an export as JSON Lines: the members of the list's rows, one row a line."""

import json
from collections.abc import Iterator

from pydantic import BaseModel
from sqlmodel import Session

from service.exports.export import Export, Row, read_rows
from service.exports.stream import Chunks, in_chunks


def line_chunks(session: Session, export: Export) -> Chunks:
    """Every row; the first chunk comes with the first rows."""
    return in_chunks(_lines(read_rows(session, export)))


def _lines(rows: Iterator[Row]) -> Iterator[bytes]:
    for row in rows:
        text = row.model_dump_json() if isinstance(row, BaseModel) else json.dumps(row)
        yield f"{text}\n".encode()
