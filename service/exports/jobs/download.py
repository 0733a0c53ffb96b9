"""Hands out a bundle piece by piece, to those who may read what stands in it."""

import base64
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from service.access.policy import Caller
from service.errors import Conflict
from service.exports.answer import take_slot
from service.exports.export import begin
from service.exports.jobs.log import Exported
from service.exports.jobs.rights import check_may_read, find_export
from service.exports.jobs.tables import ExportChunkRow
from service.exports.stream import DOWNLOAD, Label, Streamed

ZIP: Final = "application/zip"
PATIENT: Final = sa.text("SET LOCAL idle_in_transaction_session_timeout = '10min'")
chunk: Final = ExportChunkRow.__table__


class BundleNotReady(Conflict):
    """The bundle is not there.

    While it is QUEUED or RUNNING, ask for its state again in a while. One that has FAILED says why;
    one that has EXPIRED can be asked for again: with the same moments and filters its files are
    the same.
    """


def answer_bundle(session: Session, export_id: UUID, *, caller: Caller) -> StreamingResponse:
    """The file. Raises `ExportNotFound`, `BundleNotYours`, `BundleNotReady`, `TooManyStreams`."""
    begin(session)
    found = find_export(session, export_id, caller=caller)
    if found.state != "DONE":
        raise BundleNotReady(detail=f"Its state is {found.state}.")
    check_may_read(caller, found)
    take_slot(session, caller)
    session.execute(PATIENT)  # between two pieces a slow line is waited for
    records = sum(one["records"] or 0 for one in found.manifest["files"])
    about = Exported(found.file_name, found.filters, found.as_of, export_id)
    label = Label(about, ZIP, caller.actor, DOWNLOAD, rows=records)
    answer = Streamed(label, chunks=_pieces(session, export_id), close=session.close)
    answer.headers["Content-Length"] = str(found.size)
    answer.headers["Repr-Digest"] = f"sha-256=:{_in_base64(found.sha256)}:"
    return answer


def _pieces(session: Session, export_id: UUID) -> Iterator[bytes]:
    one = sa.select(chunk.c.bytes).where(chunk.c.export_id == export_id)
    number = 0
    while True:
        piece: Any = session.execute(one.where(chunk.c.number == number)).scalar_one_or_none()
        if piece is None:
            return
        yield bytes(piece)
        number += 1


def _in_base64(digest: str) -> str:
    return base64.b64encode(bytes.fromhex(digest.removeprefix("sha256:"))).decode()
