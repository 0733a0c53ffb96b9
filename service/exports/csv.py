"""Streams a list as CSV: the rows of the list's own query, a thousand a chunk."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import anyio
import sqlalchemy as sa
from fastapi.responses import StreamingResponse
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.types import Send

from schemas.catalog import ModelRow, VersionRow
from schemas.columns import Column
from service.catalog.select import one_snapshot
from service.exports.cells import cell, quoted
from service.exports.record import values

CHUNK: Final = 1_000
BOM: Final = "\ufeff"
EXPORT_TIMEOUT: Final = "SET LOCAL statement_timeout = '10min'"


class CsvResponse(StreamingResponse):
    """Ends its query, however the transfer ends: also when the client hangs up."""

    def __init__(self, query: sa.MappingResult, chunks: Iterator[bytes], **options: Any) -> None:
        """Stream chunks that are read from a query."""
        super().__init__(chunks, **options)
        self.query = query

    async def stream_response(self, send: Send) -> None:
        """Send the chunks."""
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self.query.close)


def stream_csv(  # everything that an export depends on
    session: Session,
    rows: sa.Select[Any],
    *,
    name: str,
    columns: tuple[Column, ...],
    as_row: Callable[[sa.RowMapping], ModelRow | VersionRow],
    dialect: str,
) -> CsvResponse:
    """Answer every matching row; a query that fails is an error, not a cut file."""
    one_snapshot(session)
    session.execute(sa.text(EXPORT_TIMEOUT))
    as_of: datetime = session.execute(sa.select(sa.func.now())).scalar_one()
    found = session.execute(rows, execution_options={"yield_per": CHUNK}).mappings()
    chunks = _chunks(found, columns, as_row=as_row, as_of=as_of, dialect=dialect)
    filename = f"{name}_{as_of:%Y-%m-%dT%H%M%SZ}.csv"
    return CsvResponse(
        found,
        chunks,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )


def _chunks(
    found: sa.MappingResult,
    columns: tuple[Column, ...],
    *,
    as_row: Callable[[sa.RowMapping], ModelRow | VersionRow],
    as_of: datetime,
    dialect: str,
) -> Iterator[bytes]:
    raw = dialect == "raw"
    head = quoted([column.name for column in columns])
    yield ((BOM if dialect == "excel" else "") + head).encode()
    for partition in found.partitions(CHUNK):
        records = (values(columns, as_row(row), as_of=as_of) for row in partition)
        yield "".join(
            quoted([cell(value, raw=raw) for value in record]) for record in records
        ).encode()
