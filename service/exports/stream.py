"""Streams a file: whole or visibly broken, ended when nobody listens, and written down."""

import hashlib
import itertools
from collections.abc import Callable, Generator, Iterator
from typing import Final, NamedTuple

import anyio
import structlog
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from service.access.accounts import Deed
from service.errors import CatalogError
from service.exports.jobs.log import Exported, Passed, record_export
from service.ledger.change import Actor

CHUNK: Final = 256 * 1024  # bytes, at least
STREAM, DOWNLOAD = "stream", "download"
Chunks = Generator[bytes, None, None]
log = structlog.get_logger()


class Label(NamedTuple):
    """What a file is called, and what is written down of it.

    `rows` are known, or counted by what ends each, below so many lines that are none.
    """

    about: Exported
    media: str
    by: Actor
    op: str = STREAM
    rows: int | None = None
    ends: bytes = b""
    above: int = 0


class Streamed(StreamingResponse):
    """An answer whose first chunk is read before it begins: what fails until then is an error.

    Its row in the export log is written before its last byte is sent, so nobody has a whole file
    that the log does not know; where that fails, the transfer breaks. What broke off is logged too.
    """

    def __init__(
        self, label: Label, *, chunks: Iterator[bytes], close: Callable[[], object]
    ) -> None:
        """`close` ends what the chunks are read from, however the transfer ends."""
        first = next(chunks, b"")
        super().__init__(self._counted(itertools.chain((first,), chunks)), media_type=label.media)
        self.headers["Content-Disposition"] = f'attachment; filename="{label.about.file}"'
        self.label, self.close, self.ended = label, close, False
        self.digest, self.sent, self.lines = hashlib.sha256(), 0, -label.above
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: PLR0917  # ASGI
        """Answer; the application knows where to write it down, the request which one it is."""
        self.scope = scope
        await super().__call__(scope, receive, send)

    async def stream_response(self, send: Send) -> None:
        """Send the chunks."""
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self._broken)

    def _counted(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """What is asked for again has been sent; the last byte waits until all is written down."""
        last = b""
        for chunk in filter(None, chunks):
            if piece := last + chunk[:-1]:
                yield piece
            self._note(piece)
            self.lines += chunk.count(self.label.ends) if self.label.ends else 0
            last = chunk[-1:]
        self._note(last)
        self._end(complete=True)
        yield last

    def _note(self, piece: bytes) -> None:
        self.digest.update(piece)
        self.sent += len(piece)

    def _broken(self) -> None:
        """Its reader has left, or what it is read from has failed."""
        try:
            self._end(complete=False)
        except CatalogError as error:
            log.error("export_not_logged", code=error.code(), facts=error.facts)  # noqa: TRY400  # expected

    def _end(self, *, complete: bool) -> None:
        """Give back what was held, then write: so a stream never needs two connections at once."""
        if self.ended:
            return
        self.ended = True
        self.close()
        label = self.label
        rows = max(self.lines, 0) if label.ends else label.rows if complete else None
        digest = f"sha256:{self.digest.hexdigest()}"
        passed = Passed(rows, self.sent, digest, complete)
        deed = Deed(label.by, request=self.scope["state"].get("trace_id"))
        self.scope["app"].state.database.transact(
            lambda session: record_export(
                session, label.op, by=deed, about=label.about, passed=passed
            )
        )


def in_chunks(parts: Iterator[bytes], *, before: bytes = b"") -> Chunks:
    """Parts together until they are large enough: a hop between threads costs more than a row."""
    waiting, length = [before], 0
    for part in parts:
        waiting.append(part)
        length += len(part)
        if length >= CHUNK:
            yield b"".join(waiting)
            waiting, length = [], 0
    yield b"".join(waiting)
