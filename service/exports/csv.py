"""Writes an export as CSV: PostgreSQL writes the records, the service hands them on."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg.abc import Buffer
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from service.exports.cells import quoted
from service.exports.export import Export, read_records
from service.exports.stream import CHUNK, Chunks, in_chunks

BOM: Final = "\ufeff"
COPY: Final = (b"COPY (", b") TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')")
END: Final = b"\r\n"  # of a record; COPY ends it with LF


def csv_chunks(session: Session, export: Export, *, raw: bool) -> Chunks:
    """Every record; the first chunk comes with the first rows."""
    if export.cells is None:
        records = read_records(session, export, raw=raw)
        yield from in_chunks(map(str.encode, map(quoted, records)), before=head(export).encode())
    else:
        yield from _copied(session, export.cells(raw), before=head(export).encode())


def _copied(session: Session, rows: sa.Select[Any], *, before: bytes) -> Chunks:
    """What `COPY` sends, together as chunks, its ends of records as RFC 4180 has them."""
    waiting: list[Buffer] = [before.removesuffix(END)]
    length = 0
    with closing(copy_out(session, rows)) as lines:
        for line in lines:
            waiting.append(line[:-1])
            length += len(line)
            if length >= CHUNK:
                yield END.join((*waiting, b""))
                waiting, length = [], 0
    if waiting:
        yield END.join((*waiting, b""))


def head(export: Export) -> str:
    """The names of the columns."""
    return quoted([column.name for column in export.columns])


def copy_out(session: Session, rows: sa.Select[Any]) -> Generator[Buffer, None, None]:
    """The rows as `COPY` sends them: one line each, every field quoted.

    `COPY` takes no parameters, so psycopg writes them into the statement. Closing the iterator
    cancels the query.
    """
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    statement, values = _spelled(connection, rows)
    with (
        _as_sqlalchemy(),
        psycopg.ClientCursor(driver) as cursor,
        cursor.copy(statement.encode().join(COPY), values) as lines,
    ):
        yield from lines


def _spelled(connection: sa.Connection, rows: sa.Select[Any]) -> tuple[str, dict[str, Any]]:
    """The statement and its values as the driver takes them."""
    dialect = connection.dialect
    compiled: Any = rows.compile(dialect=dialect)
    state = compiled.construct_expanded_state()
    processors = {
        name: bind.type.dialect_impl(dialect).bind_processor(dialect)
        for bind, name in compiled.bind_names.items()
    } | dict(state.processors)
    values = {
        name: process(value) if (process := processors.get(name)) else value
        for name, value in state.parameters.items()
    }
    return state.statement, values


@contextmanager
def _as_sqlalchemy() -> Iterator[None]:
    """The driver's failures in the words that all others come in."""
    try:
        yield
    except psycopg.Error as error:
        raise DBAPIError("COPY", None, error) from error
