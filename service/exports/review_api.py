"""Routes of the files for risk reviews: one of them alone, and what one cell rests on."""

from collections.abc import Iterator
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from sqlmodel import Session

from schemas.cells import CellQuery, ExplainedCell
from schemas.exports import RequestExport
from schemas.identifiers import Kind
from schemas.problem import FieldProblem
from schemas.queries import ReviewExport, export_model, review_model
from schemas.review_columns import File
from service.access.policy import Caller
from service.catalog.detail import ModelNotFound
from service.db import ReadSession
from service.errors import Invalid, NotFound, problems
from service.exports.answer import TooManyStreams, about, take_slot
from service.exports.cells import cell, quoted
from service.exports.explain_cell import RowNotFound
from service.exports.explain_cell import explain_cell as explained
from service.exports.export import MEDIA, Form, begin
from service.exports.jobs.asking import moments_of
from service.exports.jobs.log import Exported
from service.exports.review.files import FILES, read_file
from service.exports.review.reading import Reading
from service.exports.stream import Label, Streamed, in_chunks
from service.routing import CatalogRoute, Requester, policy

router = APIRouter(prefix="/api/v1", tags=["exports"], route_class=CatalogRoute)
END: Final = b"\r\n"
BESIDE: Final = frozenset({"since", "known_at", "dialect"})
CSV: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/csv": {}}}}


class FileNotFound(NotFound):
    """There is no such file for risk reviews.

    `docs/review-files.md` lists them: `models`, `osfi-e23`, `omb-2025`, `uses` and so on.
    """


def export_review_file(
    caller: Requester, file: str, query: Any, session: ReadSession
) -> StreamingResponse:
    """One file of a bundle alone, of the newest settled moment or of one that is named."""
    if file not in FILES:
        raise FileNotFound(file=file)
    if query.dialect == "excel":
        raise Invalid(
            FieldProblem(
                pointer="?dialect", message="is for a bundle, which can be split into parts",
                fix="Ask for a bundle, or for dialect=plain.",
            )
        )  # fmt: skip
    return _streamed(session, FILES[file], asked=query, caller=caller)


# All query parameters stand in one model, which is made when the filters are known.
export_review_file.__annotations__["query"] = Annotated[review_model(), Query()]
router.add_api_route(
    "/review-files/{file}.csv", policy("exports:read")(export_review_file),
    response_class=StreamingResponse, responses=CSV | problems(FileNotFound, TooManyStreams),
    summary="Export a file for risk reviews",
)  # fmt: skip


@router.get("/explain-cell", responses=problems(ModelNotFound, RowNotFound))
@policy("exports:read")
def explain_cell(
    caller: Requester, query: Annotated[CellQuery, Query()], session: ReadSession
) -> ExplainedCell:
    """What one cell of such a file rests on: facts with their observations, decisions, rules."""
    return explained(session, query, caller=caller)


def _streamed(
    session: Session, file: File, *, asked: ReviewExport, caller: Caller
) -> StreamingResponse:
    wanted = RequestExport(as_of=asked.as_of, known_at=asked.known_at, since=asked.since)
    moments = moments_of(session, wanted)
    session.rollback()  # what is read needs a later snapshot
    filters = asked.model_dump(exclude=set(BESIDE), exclude_unset=True)
    models = export_model(Kind.MODEL).model_validate(filters)
    reading = Reading(session, models, caller=caller, moments=moments, raw=asked.dialect == "raw")
    take_slot(session, caller)
    begin(session)
    said = {name: cell(value, raw=True) for name, value in about(asked, caller).said.items()}
    as_of = moments.as_of
    named = f"{file.name}_{as_of:%Y-%m-%dT%H%M%SZ}.csv"
    chunks = in_chunks(_lines(reading, file))
    label = Label(Exported(named, said, as_of), MEDIA[Form.CSV], caller.actor, ends=END, above=1)

    def close() -> None:
        chunks.close()
        session.close()

    return Streamed(label, chunks=chunks, close=close)


def _lines(reading: Reading, file: File) -> Iterator[bytes]:
    yield quoted([column.name for column in file.columns]).encode()
    for record in read_file(reading, file):
        yield quoted(record).encode()
