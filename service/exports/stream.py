"""Streams an export: whole or visibly broken, in bounded chunks, and ended when nobody listens."""

import itertools
from collections.abc import Callable, Generator, Iterator
from typing import Final

import anyio
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Send

from service.exports.export import MEDIA, Export, Form

CHUNK: Final = 256 * 1024  # bytes, at least
Chunks = Generator[bytes, None, None]


class Streamed(StreamingResponse):
    """An answer whose first chunk is read before it begins: what fails until then is an error."""

    def __init__(
        self, export: Export, form: Form, *, chunks: Iterator[bytes], close: Callable[[], object]
    ) -> None:
        """`close` ends what the chunks are read from, however the transfer ends."""
        first = next(chunks, b"")
        super().__init__(itertools.chain((first,), chunks), media_type=MEDIA[form])
        named = export.file_name(form)
        self.headers["Content-Disposition"] = f'attachment; filename="{named}"'
        self.close = close

    async def stream_response(self, send: Send) -> None:
        """Send the chunks."""
        try:
            await super().stream_response(send)
        finally:
            with anyio.CancelScope(shield=True):
                await run_in_threadpool(self.close)


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
