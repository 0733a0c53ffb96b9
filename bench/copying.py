"""`COPY`: the fastest way into PostgreSQL, with the rows that the service wrote."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import psycopg
from psycopg import sql

from service.catalog.tables import IndexCard
from service.history import HISTORY
from service.tables import METADATA

CHUNK: Final = 1024 * 1024


class Dumped(NamedTuple):
    """One table's rows in a file."""

    table: str
    rows: int
    file: Path


def dump(database: str, folder: Path) -> list[Dumped]:
    """Every row of every table but the histories, targets of references first.

    New rows have no past: what stands in a history was written on the way, and to need it is no
    merit of the rows. Index cards are derived: triggers write them for rows that are copied too.
    """
    written = [table for table in METADATA.sorted_tables if table is not IndexCard.__table__]
    tables = [table.name for table in written if not table.name.endswith(HISTORY)]
    with closing(psycopg.connect(database)) as connection:
        dumped = [_dump(connection, name, file=folder / name) for name in tables]
    return [one for one in dumped if one.rows]


def _dump(connection: psycopg.Connection, table: str, *, file: Path) -> Dumped:
    statement = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
    with connection.cursor() as cursor:
        with file.open("wb") as target, cursor.copy(statement) as copy:
            for chunk in copy:
                target.write(chunk)
        return Dumped(table, cursor.rowcount, file)


def load(database: str, dumped: list[Dumped]) -> float:
    """Copy the rows into the same tables of an empty database; answers the seconds.

    One transaction, everything on: constraints, triggers, indexes.
    """
    with closing(psycopg.connect(database)) as connection:
        begun = time.perf_counter()
        with connection, connection.cursor() as cursor:
            for one in dumped:
                statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(one.table))
                with cursor.copy(statement) as copy:
                    for chunk in _chunks(one.file):
                        copy.write(chunk)
        return time.perf_counter() - begun


def _chunks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while chunk := source.read(CHUNK):
            yield chunk
